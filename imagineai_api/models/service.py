"""What a replica answers with."""

from imagineai_api.inference.loaded import Served
from imagineai_api.inference.registry import ModelRegistry
from imagineai_api.models.schemas import ServedModels, ServedVersion


def served(registry: ModelRegistry, name: str) -> ServedModels:
    """Describe the champion of this process and the version before it."""
    return ServedModels(
        name=name,
        champion=_described(registry.champion),
        previous=_described(registry.previous),
        problem=registry.problem,
    )


def _described(loaded: Served | None) -> ServedVersion | None:
    if loaded is None:
        return None
    return ServedVersion(
        version=loaded.version,
        since=loaded.since,
        run_id=loaded.origin.run_id,
        labels=len(loaded.engine.bundle.labels),
        bundle_sha256=loaded.bundle_sha256,
        git_commit=loaded.origin.git_commit,
        device=loaded.engine.device,
    )
