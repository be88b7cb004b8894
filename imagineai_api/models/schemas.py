"""The served model as JSON."""

from datetime import datetime

from pydantic import BaseModel

from imagineai_api.documentation.examples import CREATED_AT, STARTED_AT, shown

VERSION = {
    "version": "3",
    "since": STARTED_AT,
    "run_id": "5d1f0c7be2a94c1f8a3c6f7d2e9b4a10",
    "labels": 318,
    "bundle_sha256": "9f2c1b7e5d3a48608f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a6978",
    "git_commit": "fd64bb1c0de5a4b39281706f5e4d3c2b1a098765",
    "device": "cpu",
}
PREVIOUS = {
    **VERSION,
    "version": "2",
    "since": CREATED_AT,
    "run_id": "0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d",
    "labels": 308,
    "bundle_sha256": "0f1e2d3c4b5a69788796a5b4c3d2e1f09f2c1b7e5d3a48608f1e2d3c4b5a6978",
}


class ServedVersion(BaseModel):
    """A version in memory: its number in MLflow, since when it answers or answered, and where it comes from.

    The run and the commit are null where the registry does not name them.
    """

    model_config = shown(VERSION)

    version: str
    since: datetime
    run_id: str | None
    labels: int
    bundle_sha256: str
    git_commit: str | None
    device: str


class ServedModels(BaseModel):
    """What this replica answers with; ``problem`` says why it does not follow the registry, else null."""

    model_config = shown({"name": "imagineai", "champion": VERSION, "previous": PREVIOUS, "problem": None})

    name: str
    champion: ServedVersion | None
    previous: ServedVersion | None
    problem: str | None


class ModelCard(BaseModel):
    """The card of a model version, in Markdown."""

    model_config = shown({"version": "3", "markdown": "# imagineai\n\nWhat it can do, and what it cannot."})

    version: str
    markdown: str
