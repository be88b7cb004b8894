"""Has MLflow tell the API of a moved alias, which would otherwise find out at its next look."""

import json
from typing import Any

from imagineai_local.http import request

_NAME = "imagineai-api"
_EVENTS = [
    {"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"},
    {"entity": "MODEL_VERSION_ALIAS", "action": "DELETED"},
]


async def ensure(mlflow_url: str, target: str, secret: str) -> bool:
    """Make the webhook, or bring it up to date; says whether MLflow has it now.

    Args:
        mlflow_url: Of the MLflow server.
        target: The address that it shall call.
        secret: What it signs the call with.
    """
    webhooks = f"{mlflow_url}/api/2.0/mlflow/webhooks"
    listed = await request(f"{webhooks}?max_results=100", timeout_s=30)
    if listed.status != 200:
        return False
    found = [each for each in json.loads(listed.body).get("webhooks", []) if each["name"] == _NAME]
    wanted: dict[str, Any] = {
        "name": _NAME, "url": target, "secret": secret, "events": _EVENTS, "status": "ACTIVE",
    }  # fmt: skip
    method, address = ("PATCH", f"{webhooks}/{found[0]['webhook_id']}") if found else ("POST", webhooks)
    answer = await request(address, method=method, body=json.dumps(wanted).encode(), timeout_s=30)
    return answer.status == 200
