"""Where bundles come from: MLflow's registry, by way of a cache folder that is checked at every use.

MLflow's client is slow to import and blocks: every method is for a worker thread.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagineai_api.errors import BadBundle, NoModel, RegistryAway
from imagineai_api.settings import Settings
from imagineai_vision import bundle
from imagineai_vision.bundle import BundleError

BUNDLE_MARK = "model.json"
NOT_THERE = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})
"""How MLflow says that an alias, a version or a model does not exist."""
# The registry asks again by itself: that MLflow is silent is told within seconds, not after retries.
CLIENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


@dataclass(frozen=True)
class ModelVersion:
    """What the registry says of a version: where it comes from, and the SHA-256 that its bundle must have."""

    version: str
    run_id: str | None
    digest: str | None
    git_commit: str | None = None


class BundleSource:
    """The versions of one registered model.

    Raises:
        RegistryAway: From every method, where MLflow cannot be reached or what it holds is not good.
    """

    def __init__(self, settings: Settings) -> None:
        self._uri = settings.mlflow_tracking_uri
        self._name = settings.model_name
        self._alias = settings.model_alias
        self._cache = settings.model_cache

    def champion(self) -> ModelVersion:
        """Look up what the champion alias names.

        Raises:
            NoModel: It names nothing.
        """
        with _translated(
            "look up the champion", f"No version of {self._name} carries the alias {self._alias}."
        ):
            return _described(self._client().get_model_version_by_alias(self._name, self._alias))

    def version(self, version: str) -> ModelVersion:
        """Look up one version.

        Raises:
            NoModel: There is none.
        """
        with _translated(f"look up version {version}", f"{self._name} has no version {version}."):
            return _described(self._client().get_model_version(self._name, version))

    def fetch(self, wanted: ModelVersion) -> Path:
        """Give the folder of a version's bundle, downloaded where it is not cached; its digest is checked.

        Raises:
            BadBundle: The version holds no bundle, or another one than was registered.
        """
        folder = self._cache / f"{self._name}-{wanted.version}-{(wanted.digest or '')[:12]}"
        if not folder.exists():
            try:
                self._download(wanted, folder)
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise RegistryAway(
                    f"The bundle of version {wanted.version} cannot be kept here: {reason}."
                ) from error
        if wanted.digest is not None and _digest(folder) != wanted.digest:
            shutil.rmtree(folder)
            raise BadBundle(f"The bundle of version {wanted.version} is not the one that was registered.")
        return folder

    def _download(self, wanted: ModelVersion, folder: Path) -> None:
        self._cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._cache) as arriving:
            with _translated(f"download version {wanted.version}"):
                from mlflow.artifacts import download_artifacts

                uri = f"models:/{self._name}/{wanted.version}"
                download_artifacts(uri, dst_path=arriving, tracking_uri=self._uri)
            mark = next(Path(arriving).rglob(BUNDLE_MARK), None)
            if mark is None:
                raise BadBundle(f"Model version {wanted.version} holds no bundle.")
            try:
                mark.parent.replace(folder)
            except OSError:
                # Another service that shares the cache was first; its bundle is checked as ours would be.
                if not folder.exists():
                    raise

    def _client(self) -> Any:
        from mlflow.tracking import MlflowClient

        return MlflowClient(self._uri, self._uri)


def _described(found: Any) -> ModelVersion:
    tags = found.tags
    return ModelVersion(str(found.version), found.run_id, tags.get("bundle.sha256"), tags.get("git.commit"))


def _digest(folder: Path) -> str | None:
    """Give the digest of a cached bundle; None where it is cut, which is as good as another one."""
    try:
        return bundle.digest(folder)
    except BundleError:
        return None


@contextmanager
def _translated(what: str, absent: str | None = None) -> Iterator[None]:
    """Translate MLflow's failures; ``absent`` is what it means that the thing asked for does not exist."""
    for name, value in CLIENT.items():
        os.environ.setdefault(name, value)
    from mlflow.exceptions import MlflowException, RestException

    try:
        yield
    except RestException as error:
        if absent is not None and error.error_code in NOT_THERE:
            raise NoModel(absent) from error
        raise RegistryAway(f"MLflow refused to {what}: {error.error_code}.") from error
    except (MlflowException, OSError) as error:
        raise RegistryAway(f"MLflow did not answer: {type(error).__name__}.") from error
