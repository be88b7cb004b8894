"""From promoted to served: follows the champion alias in MLflow and swaps the engine without a pause."""

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imagineai_api import metrics
from imagineai_api.errors import ImagineAIError, NoModel, NotAPicture, RegistryAway
from imagineai_api.inference.measurement import measured
from imagineai_api.inference.source import BundleSource, ModelVersion
from imagineai_api.settings import Settings
from imagineai_vision.bundle import BundleError
from imagineai_vision.findings import Prediction
from imagineai_vision.picture import PictureError

if TYPE_CHECKING:
    from imagineai_vision.engine import Engine

log = logging.getLogger(__name__)

POINTER = "champion.json"
LOADED_AT_ONCE = 3
"""The champion, the one before it for an instant rollback, and one that a batch holds on to."""


@dataclass(frozen=True)
class Served:
    """A loaded model version."""

    version: str
    run_id: str | None
    engine: "Engine"
    since: datetime = field(default_factory=lambda: datetime.now(UTC))


class ModelRegistry:
    """Serves the model version that carries the champion alias."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cache = settings.model_cache
        self._source = BundleSource(settings)
        self._slots = ThreadPoolExecutor(settings.inference_slots, "inference")
        self._loaded: dict[str, Served] = {}
        self._loading = asyncio.Lock()
        self.champion: Served | None = None
        self.problem: str | None = "no model has been loaded yet"

    async def run(self) -> None:
        """Follow the alias for ever; while MLflow is away the last good version serves on."""
        await asyncio.to_thread(self._serve_last_good)
        while True:
            try:
                await self.reconcile()
            except ImagineAIError as error:
                if str(error) != self.problem:
                    log.warning("The champion was not followed: %s", error)
                self.problem = str(error)
            await asyncio.sleep(self._settings.model_poll_s)

    async def reconcile(self) -> None:
        """Serve what the alias names now.

        Raises:
            NoModel: The alias names nothing.
            RegistryAway: MLflow cannot be reached, or the bundle it holds is not good; the old one serves on.
        """
        promoted = await asyncio.to_thread(self._source.champion)
        if self.champion is None or self.champion.version != promoted.version:
            self._serve(await self._load(promoted))
            await asyncio.to_thread(self._remember, promoted)
            log.info("Serving %s version %s", self._settings.model_name, promoted.version)
        self.problem = None

    async def predict(self, image: bytes, version: str | None = None) -> tuple[Prediction, str]:
        """Find what is in a picture.

        Args:
            image: The encoded bytes.
            version: A batch's model version; None for the champion.

        Returns:
            The findings and the version that made them.

        Raises:
            NoModel: Nothing is promoted yet.
            NotAPicture: The bytes do not decode.
        """
        served = await self._served(version)
        with measured(served.version) as measurement:
            try:
                prediction = await asyncio.get_running_loop().run_in_executor(
                    self._slots, served.engine.predict, image
                )
            except PictureError as error:
                raise NotAPicture(str(error)) from error
            measurement.durations_ms = prediction.durations_ms
        return prediction, served.version

    def check(self) -> None:
        """Raise unless a model is served and the alias can be followed.

        Raises:
            NoModel: No model is served.
            RegistryAway: One is served, but MLflow is away or the champion's bundle is not good.
        """
        if self.champion is None:
            raise NoModel(f"No model is served: {self.problem}")
        if self.problem is not None:
            raise RegistryAway(f"Version {self.champion.version} serves on: {self.problem}")

    def close(self) -> None:
        """Let running predictions end, then free the slots."""
        self._slots.shutdown(wait=True, cancel_futures=True)

    async def _served(self, version: str | None) -> Served:
        if self.champion is None:
            raise NoModel
        if version is None or version == self.champion.version:
            return self.champion
        if version in self._loaded:
            return self._loaded[version]
        return await self._load(await asyncio.to_thread(self._source.version, version))

    async def _load(self, promoted: ModelVersion) -> Served:
        async with self._loading:
            if promoted.version not in self._loaded:
                served = await asyncio.to_thread(self._open, promoted)
                self._loaded[promoted.version] = served
                self._free_oldest()
            return self._loaded[promoted.version]

    def _free_oldest(self) -> None:
        # The new one serves before the old one goes; a prediction under way keeps its own alive.
        spare = [version for version in self._loaded if not self.champion or version != self.champion.version]
        for version in spare[: max(0, len(self._loaded) - LOADED_AT_ONCE)]:
            del self._loaded[version]

    def _open(self, promoted: ModelVersion) -> Served:
        from imagineai_vision.engine import Engine  # slow to import, and only this thread waits

        folder = self._source.fetch(promoted)
        try:
            engine = Engine.open(folder, device=self._settings.inference_device)
        except BundleError as error:
            raise RegistryAway(f"Model version {promoted.version} is not good: {error}") from error
        return Served(promoted.version, promoted.run_id, engine)

    def _serve_last_good(self) -> None:
        pointer = self._cache / POINTER
        if not pointer.exists():
            return
        try:
            champion = self._open(ModelVersion(**json.loads(pointer.read_text())))
        except (ImagineAIError, ValueError, TypeError) as error:
            log.warning("The last good model was not loaded from disk: %s", error)
            return
        self._loaded[champion.version] = champion
        self._serve(champion)
        log.info("Serving version %s from disk until MLflow answers", champion.version)

    def _serve(self, champion: Served) -> None:
        self.champion = champion
        metrics.model_served.clear()
        metrics.model_served.labels(self._settings.model_name, champion.version, champion.run_id or "").set(1)

    def _remember(self, promoted: ModelVersion) -> None:
        fresh = self._cache / f"{POINTER}.new"
        fresh.write_text(json.dumps(promoted.__dict__))
        fresh.replace(self._cache / POINTER)
