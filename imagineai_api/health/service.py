"""Whether the parts that the service depends on answer."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from imagineai_api.errors import ImagineAIError

OK = "ok"
FATAL = frozenset({"database", "redis", "storage"})
CHECK_TIMEOUT_S = 5


async def check_parts(state: Any) -> dict[str, str]:
    """Ask every part of an application's state at once; each says "ok" or "error: ..."."""
    parts = {
        "database": state.database.check(),
        "redis": state.redis.check(),
        "storage": state.storage.check(),
        "models": _models(state),
        "prefect": state.prefect.check(),
    }
    said = await asyncio.gather(*(_outcome(check) for check in parts.values()))
    return dict(zip(parts, said, strict=True))


def is_ready(checks: dict[str, str]) -> bool:
    """Say whether requests can be served. Models and Prefect are told, not fatal: uploads wait for them."""
    return all(checks[part] == OK for part in FATAL)


async def _models(state: Any) -> None:
    state.models.check()


async def _outcome(check: Awaitable[None]) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await check
    except ImagineAIError as error:
        return f"error: {error}"
    except TimeoutError:
        return f"error: no answer within {CHECK_TIMEOUT_S} seconds"
    return OK
