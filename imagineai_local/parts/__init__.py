"""One module a part; this list is the whole platform."""

from collections.abc import Sequence
from dataclasses import replace

from imagineai_local.configuration import Configuration
from imagineai_local.errors import PlatformError
from imagineai_local.part import Part
from imagineai_local.parts import (
    api,
    flows,
    jupyter,
    mlflow,
    operators,
    postgres,
    prefect,
    redis,
    s3,
    starter,
)

_REPLACED_BY = {
    "DATABASE_URL": "postgres",
    "REDIS_URL": "redis",
    "S3_ENDPOINT_URL": "s3",
    "MLFLOW_TRACKING_URI": "mlflow",
    "PREFECT_API_URL": "prefect",
}


def all_parts(configuration: Configuration, only: Sequence[str] = ()) -> list[Part]:
    """Describe the parts to run, without those that a variable replaces.

    Args:
        configuration: The platform.
        only: Names of parts; these and what they need. All where empty.

    Raises:
        PlatformError: There is no part of such a name, or its program is missing.
    """
    makers = {
        "postgres": postgres.part,
        "redis": redis.part,
        "s3": s3.part,
        "mlflow": mlflow.part,
        "prefect": prefect.part,
        "api": api.part,
        "starter": starter.part,
        "deployments": flows.deployments,
        "interactive": flows.interactive,
        "batch": flows.batch,
        "jupyter": jupyter.part,
        "operators": operators.part,
    }
    if unknown := set(only) - set(makers):
        raise PlatformError(
            f"There is no part {', '.join(sorted(unknown))}; the parts are {', '.join(makers)}."
        )
    external = {_REPLACED_BY[variable] for variable in configuration.external}
    parts = {name: make(configuration) for name, make in makers.items() if name not in external}
    chosen = _with_needs(parts, only) if only else set(parts)
    return [
        replace(part, needs=_among(chosen, part.needs), after=_among(chosen, part.after))
        for name, part in parts.items()
        if name in chosen
    ]


def _among(chosen: set[str], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name in chosen)


def _with_needs(parts: dict[str, Part], names: Sequence[str]) -> set[str]:
    chosen: set[str] = set()
    waiting = [name for name in names if name in parts]
    while waiting:
        name = waiting.pop()
        if name not in chosen:
            chosen.add(name)
            waiting += [need for need in parts[name].needs if need in parts]
    return chosen
