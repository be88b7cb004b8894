"""Prefect, which executes and shows; the rows of the jobs stay the truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from imagineai_api.errors import PrefectAway
from imagineai_api.settings import Settings

ANSWER_S = 5.0
TERMINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
TAG = "imagineai"
"""Every deployment of ours carries it."""
RUNS_AT_ONCE = 25
"""Runs that one call removes; Prefect's own limit is 50."""
ARTIFACTS_AT_ONCE = 50


@dataclass(frozen=True)
class RunState:
    """How a flow run stands.

    Attributes:
        type: One of Prefect's state types.
        lasted_s: For how many seconds, by Prefect's own clock.
    """

    type: str
    lasted_s: float


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

    async def states(self, flow_run_ids: Sequence[str]) -> dict[str, RunState]:
        """Say how some runs stand; one that Prefect has forgotten counts as crashed."""
        if not flow_run_ids:
            return {}
        wanted = {"flow_runs": {"id": {"any_": list(flow_run_ids)}}}
        answer = await self._answer("POST", "/flow_runs/filter", wanted)
        now = parsedate_to_datetime(answer.headers["Date"])
        states = dict.fromkeys(flow_run_ids, RunState("CRASHED", 0.0))
        for run in answer.json():
            lasted = now - datetime.fromisoformat(run["updated"])
            states[run["id"]] = RunState(run["state_type"], lasted.total_seconds())
        return states

    async def end_run(self, flow_run_id: str, state: str, message: str) -> None:
        """Give a run that is no longer alive its final state; what has ended or is gone is passed over."""
        states = await self.states([flow_run_id])
        if states[flow_run_id].type not in TERMINAL:
            body = {"state": {"type": state, "message": message}, "force": True}
            await self._ask("POST", f"/flow_runs/{flow_run_id}/set_state", body)

    async def ended_runs(self, before: datetime, *, offset: int) -> list[str]:
        """Name some runs of our deployments that ended before a time, the oldest first."""
        body = {
            "flow_runs": _ended(before),
            "deployments": {"tags": {"all_": [TAG]}},
            "sort": "EXPECTED_START_TIME_ASC",
            "limit": RUNS_AT_ONCE,
            "offset": offset,
        }
        return [run["id"] for run in await self._ask("POST", "/flow_runs/filter", body)]

    async def remove_artifacts(self, flow_run_ids: Sequence[str]) -> int:
        """Remove some of the artifacts of runs; returns how many, 0 once there are none."""
        body = {
            "artifacts": {"flow_run_id": {"any_": list(flow_run_ids)}},
            "limit": ARTIFACTS_AT_ONCE,
        }
        artifacts = await self._ask("POST", "/artifacts/filter", body) if flow_run_ids else []
        for artifact in artifacts:
            await self._ask("DELETE", f"/artifacts/{artifact['id']}")
        return len(artifacts)

    async def remove_runs(self, flow_run_ids: Sequence[str], before: datetime) -> int:
        """Remove up to ``RUNS_AT_ONCE`` runs with their tasks and logs, but none that goes on again."""
        ids = {"id": {"any_": list(flow_run_ids)}}
        return await self._bulk_delete({**ids, **_ended(before)}) if flow_run_ids else 0

    async def remove_missed(self, deployment: str, now: datetime) -> int:
        """Remove runs that a schedule made and whose time has passed before a worker took them."""
        found = await self._ask("GET", f"/deployments/name/{deployment}")
        return await self._bulk_delete(
            {
                "deployment_id": {"any_": [found["id"]]},
                "tags": {"all_": ["auto-scheduled"]},
                "state": {"type": {"any_": ["SCHEDULED"]}},
                "next_scheduled_start_time": {"before_": now.isoformat()},
            }
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _bulk_delete(self, runs: dict[str, Any]) -> int:
        body = {"flow_runs": runs, "limit": RUNS_AT_ONCE}
        return len((await self._ask("POST", "/flow_runs/bulk_delete", body))["deleted"])

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = await self._answer(method, path, body)
        return answer.json() if answer.is_success and answer.content else None

    async def _answer(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        try:
            answer = await self._client.request(method, path, json=body)
            if method == "DELETE" and answer.status_code == httpx.codes.NOT_FOUND:
                return answer  # somebody else has removed it
            answer.raise_for_status()
            if answer.content:
                answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise PrefectAway(f"Prefect did not answer {method} {path}: {error}") from error
        return answer


def _ended(before: datetime) -> dict[str, Any]:
    return {"state": {"type": {"any_": list(TERMINAL)}}, "end_time": {"before_": before.isoformat()}}
