"""The call that MLflow makes when an alias moved, signed as it signs."""

import base64
import hmac

BODY = b'{"entity": "model_version_alias", "action": "created"}'


def signed(secret: str, moment: int, body: bytes = BODY) -> dict[str, str]:
    """Give the headers of a call with this body, made at this Unix time."""
    signature = hmac.digest(secret.encode(), f"delivery.{moment}.".encode() + body, "sha256")
    return {
        "X-MLflow-Delivery-Id": "delivery",
        "X-MLflow-Timestamp": str(moment),
        "X-MLflow-Signature": f"v1,{base64.b64encode(signature).decode()}",
    }
