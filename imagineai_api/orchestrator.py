"""Prefect, which executes and shows; the rows of the jobs stay the truth."""

from typing import Any

import httpx

from imagineai_api.errors import PrefectAway
from imagineai_api.settings import Settings

ANSWER_S = 5.0
TERMINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class Prefect:
    """The little that the service asks of Prefect's REST API.

    Raises:
        PrefectAway: From every method, where Prefect cannot be reached or refuses.
    """

    def __init__(self, settings: Settings) -> None:
        self._client = httpx.AsyncClient(base_url=settings.prefect_api_url.rstrip("/"), timeout=ANSWER_S)

    async def check(self) -> None:
        """Raise PrefectAway unless Prefect answers."""
        await self._ask("GET", "/health")

    async def create_run(self, deployment: str, name: str, parameters: dict[str, Any], key: str) -> str:
        """Create a run of a deployment; the same key gives the same run. Returns the flow-run id."""
        found = await self._ask("GET", f"/deployments/name/{deployment}")
        body = {
            "name": name,
            "parameters": parameters,
            "idempotency_key": key,
            "state": {"type": "SCHEDULED"},
        }
        run = await self._ask("POST", f"/deployments/{found['id']}/create_flow_run", body)
        return str(run["id"])

    async def has_ended(self, flow_run_id: str) -> bool:
        """Say whether a run is over, however it went; a run that Prefect has forgotten is."""
        runs = await self._ask("POST", "/flow_runs/filter", {"flow_runs": {"id": {"any_": [flow_run_id]}}})
        return not runs or runs[0]["state_type"] in TERMINAL

    async def end_run(self, flow_run_id: str, state: str, message: str) -> None:
        """Give a run that is no longer alive its final state; a run that has ended keeps its own."""
        run = await self._ask("GET", f"/flow_runs/{flow_run_id}")
        if run["state_type"] not in TERMINAL:
            body = {"state": {"type": state, "message": message}, "force": True}
            await self._ask("POST", f"/flow_runs/{flow_run_id}/set_state", body)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = await self._client.request(method, path, json=body)
            answer.raise_for_status()
            return answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise PrefectAway(f"Prefect did not answer {method} {path}: {error}") from error
