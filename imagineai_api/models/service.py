"""What a replica answers with."""

import asyncio

from imagineai_api.errors import NotFound
from imagineai_api.inference.loaded import Served
from imagineai_api.inference.registry import ModelRegistry
from imagineai_api.models.schemas import ModelCard, ServedModels, ServedVersion
from imagineai_vision.bundle import MODEL_CARD

NO_CARD = "No model with a card is served."


def served(registry: ModelRegistry, name: str) -> ServedModels:
    """Describe the champion of this process and the version before it."""
    return ServedModels(
        name=name,
        champion=_described(registry.champion),
        previous=_described(registry.previous),
        problem=registry.problem,
    )


async def card(registry: ModelRegistry) -> ModelCard:
    """Read the card in the bundle of the champion.

    Raises:
        NotFound: There is no champion, or its bundle is gone from the cache.
    """
    champion = registry.champion
    if champion is None:
        raise NotFound(NO_CARD)
    try:
        text = await asyncio.to_thread((champion.engine.bundle.folder / MODEL_CARD).read_text, "utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(NO_CARD) from error
    return ModelCard(version=champion.version, markdown=text)


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
