"""From promoted to served: follows the champion alias in MLflow and swaps the engine without a pause."""

import asyncio
import gc
import json
import logging
import threading
import time
from contextlib import suppress

from imagineai_api import metrics
from imagineai_api.errors import BadBundle, ImagineAIError, NoModel, NotAPicture, RegistryAway
from imagineai_api.inference.loaded import LoadedVersions, Served
from imagineai_api.inference.measurement import measured
from imagineai_api.inference.slots import Slots
from imagineai_api.inference.source import BundleSource, ModelVersion
from imagineai_api.settings import Settings
from imagineai_vision import bundle
from imagineai_vision.bundle import BundleError
from imagineai_vision.findings import Prediction
from imagineai_vision.picture import PictureError

log = logging.getLogger(__name__)

POINTER = "champion.json"
AGAIN_S = 2
"""Before the next look after one that MLflow did not answer: a move may have been told that nobody saw."""
REFUSED_FOR_S = 60
"""A refused bundle is not fetched again before that, unless the alias moves: it may have been mended."""


class ModelRegistry:
    """Serves the model version that carries the champion alias."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cache = settings.model_cache
        self._source = BundleSource(settings)
        self._slots = Slots(settings.inference_slots)
        self._loaded = LoadedVersions(self._open)
        self._woken = asyncio.Event()
        self._refused: tuple[ModelVersion, BadBundle, float] | None = None
        self.problem: str | None = "no model has been loaded yet"

    @property
    def champion(self) -> Served | None:
        """What answers; None before the first model is loaded."""
        return self._loaded.champion

    @property
    def previous(self) -> Served | None:
        """What answered before it, still in memory."""
        return self._loaded.previous

    async def run(self) -> None:
        """Follow the alias for ever; while MLflow is away the last good version serves on."""
        if self.champion is None:
            await asyncio.to_thread(self._serve_last_good)
        while True:
            self._woken.clear()
            pause_s = self._settings.model_poll_s
            try:
                await self.reconcile()
            except ImagineAIError as error:
                if str(error) != self.problem:
                    log.warning("The champion was not followed: %s", error)
                self.problem = str(error)
                if isinstance(error, RegistryAway) and not isinstance(error, BadBundle):
                    pause_s = min(pause_s, AGAIN_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), pause_s)

    def wake(self) -> None:
        """Look up the alias at once: somebody says that it moved."""
        self._refused = None
        self._woken.set()

    async def reconcile(self) -> None:
        """Serve what the alias names now.

        Raises:
            NoModel: The alias names nothing.
            RegistryAway: MLflow cannot be reached; the old version serves on.
            BadBundle: What the alias names is refused; the old version serves on.
        """
        promoted = await asyncio.to_thread(self._source.champion)
        if self.champion is None or self.champion.origin != promoted:
            self._serve(await self._load_unless_refused(promoted))
            await asyncio.to_thread(self._remember, promoted)
            log.info("Serving %s version %s", self._settings.model_name, promoted.version)
        self._refused = self.problem = None

    async def predict(
        self, image: bytes, version: str | None = None, *, urgent: bool = True
    ) -> tuple[Prediction, str]:
        """Find what is in a picture.

        Args:
            image: The encoded bytes.
            version: A batch's model version; None for the champion.
            urgent: Whether somebody waits for it: it goes before those for whom nobody does.

        Returns:
            The findings and the version that made them.

        Raises:
            NoModel: Nothing is promoted yet.
            NotAPicture: The bytes do not decode.
        """
        served = await self._served(version)
        with measured(served.version) as measurement:
            try:
                prediction = await self._compute(served, image, urgent=urgent)
            except PictureError as error:
                raise NotAPicture(str(error)) from error
            measurement.durations_ms = prediction.durations_ms
        return prediction, served.version

    @property
    def waiting(self) -> int:
        """How many pictures wait to be computed for whom somebody waits."""
        return self._slots.waiting

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
        self._slots.close()

    async def _compute(self, served: Served, image: bytes, *, urgent: bool) -> Prediction:
        gave_up = threading.Event()
        try:
            return await self._slots.run(served.engine.predict, image, gave_up.is_set, urgent=urgent)
        except asyncio.CancelledError:
            # A thread that is decoding the picture goes no further.
            gave_up.set()
            raise

    async def _served(self, version: str | None) -> Served:
        if self.champion is None:
            raise NoModel
        if version is None or version == self.champion.version:
            return self.champion
        if (found := self._loaded.get(version)) is not None:
            return found
        return await self._loaded.load(await asyncio.to_thread(self._source.version, version))

    async def _load_unless_refused(self, promoted: ModelVersion) -> Served:
        if self._refused is not None:
            refused, reason, until = self._refused
            if refused == promoted and time.monotonic() < until:
                raise reason
        try:
            return await self._loaded.load(promoted)
        except BadBundle as reason:
            self._refused = promoted, reason, time.monotonic() + REFUSED_FOR_S
            raise

    def _open(self, promoted: ModelVersion) -> Served:
        from imagineai_vision.engine import Engine  # slow to import, and only this thread waits

        folder = self._source.fetch(promoted)
        try:
            engine = Engine.open(folder, device=self._settings.inference_device)
            return Served(promoted, promoted.digest or bundle.digest(folder), engine)
        except BundleError as error:
            raise BadBundle(f"Model version {promoted.version} is not good: {error}") from error

    def _serve_last_good(self) -> None:
        pointer = self._cache / POINTER
        if not pointer.exists():
            return
        try:
            champion = self._loaded.load_now(ModelVersion(**json.loads(pointer.read_text())))
        except (ImagineAIError, ValueError, TypeError) as error:
            log.warning("The last good model was not loaded from disk: %s", error)
            return
        self._serve(champion)
        log.info("Serving version %s from disk until MLflow answers", champion.version)

    def _serve(self, loaded: Served) -> None:
        if self.champion is None:
            # All is imported by now and stays. To look for garbage in it, again and again, held every request
            # up for 150 ms and cost each half a millisecond.
            gc.freeze()
        champion = self._loaded.promote(loaded)
        run_id = champion.origin.run_id or ""
        metrics.model_served.clear()
        metrics.model_served.labels(self._settings.model_name, champion.version, run_id).set(1)

    def _remember(self, promoted: ModelVersion) -> None:
        """Write down what a start without MLflow is to serve."""
        fresh = self._cache / f"{POINTER}.new"
        try:
            fresh.write_text(json.dumps(promoted.__dict__))
            fresh.replace(self._cache / POINTER)
        except OSError as error:
            log.warning("A start without MLflow would serve the model before: %s", error)
