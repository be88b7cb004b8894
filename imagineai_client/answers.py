"""What the service answers, in the API reference's words; fields it does not know are passed over."""

import json
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from imagineai_client.errors import JobFailed, UnexpectedAnswer

T = TypeVar("T")

ENDED = frozenset({"completed", "failed", "cancelled"})
"""States of jobs and imports in which nothing more happens by itself."""


@dataclass(frozen=True)
class User:
    """An account."""

    id: str
    email: str
    full_name: str
    is_active: bool
    created_at: datetime


@dataclass(frozen=True)
class Tokens:
    """The access token goes with every call; the refresh token is good for one new pair."""

    access_token: str
    refresh_token: str


@dataclass(frozen=True)
class Image:
    """A picture of a product; sizes are those of the upright picture, null until it was looked at."""

    id: str
    s3_key: str
    original_filename: str
    content_type: str
    file_size_bytes: int
    width: int | None
    height: int | None
    is_primary: bool
    upload_status: str
    created_at: datetime

    @property
    def is_uploaded(self) -> bool:
        """Whether its bytes are there: they were sent, and taken for a picture."""
        return self.upload_status == "uploaded"


@dataclass(frozen=True)
class Product:
    """A product with its images; ``ai_description`` is the newest description that was written for it."""

    id: str
    user_id: str
    title: str
    description: str | None
    category: str | None
    subcategory: str | None
    ai_description: str | None
    status: str
    metadata_: dict[str, Any]
    images: list[Image]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class ProductPage:
    """One page of products and how many there are in all."""

    items: list[Product]
    total: int
    page: int
    page_size: int
    pages: int


@dataclass(frozen=True)
class Upload:
    """A picture that was taken in, and the job that looks at it."""

    image_id: str
    job_id: str
    status: str
    message: str


@dataclass(frozen=True)
class Retry:
    """The job that looks at a picture once more."""

    job_id: str
    status: str
    message: str


@dataclass(frozen=True)
class Attribute:
    """One property that was recognised, such as its colour."""

    id: str | None
    attribute_name: str
    attribute_value: str
    confidence: float


@dataclass(frozen=True)
class Box:
    """In pixels of the upright image, from its top left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Defect:
    """One fault that was seen, and where."""

    id: str | None
    defect_type: str
    severity: str
    confidence: float
    bounding_box: Box | None
    description: str | None


@dataclass(frozen=True)
class Analysis:
    """What was found in one image; label and texts are null and lists empty until it is completed.

    Ids are null where the service was asked to look at a picture without keeping it.
    """

    id: str | None
    product_image_id: str | None
    model_version: str
    classification_label: str | None
    classification_confidence: float | None
    classification_scores: dict[str, float]
    category: str | None
    subcategory: str | None
    defect_score: float | None
    description_text: str | None
    description_model: str | None
    processing_time_ms: int | None
    status: str
    error_message: str | None
    extracted_attributes: list[Attribute]
    detected_defects: list[Defect]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Step:
    """One step of a job for one image."""

    id: str
    product_image_id: str
    step_name: str
    status: str
    started_at: datetime | None
    completed_at: datetime | None
    duration_ms: float | None
    error_message: str | None
    result_data: dict[str, Any] | None


@dataclass(frozen=True)
class Job:
    """The work on one image or on a batch; lists of jobs leave ``steps`` empty."""

    id: str
    user_id: str
    job_type: str
    status: str
    total_images: int
    processed_images: int
    failed_images: int
    celery_task_id: str | None
    started_at: datetime | None
    completed_at: datetime | None
    error_message: str | None
    steps: list[Step]
    created_at: datetime
    updated_at: datetime

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens on it."""
        return self.status in ENDED

    def raise_if_failed(self) -> None:
        """Raise ``JobFailed``, with the reason, where it ended without a result."""
        if self.status in {"failed", "cancelled"}:
            raise JobFailed(self.error_message or "The job was cancelled.")


@dataclass(frozen=True)
class JobPage:
    """One page of jobs and how many there are in all."""

    items: list[Job]
    total: int


@dataclass(frozen=True)
class Progress:
    """Steps done of five for a single image, images done of all for a batch."""

    completed: int
    total: int


@dataclass(frozen=True)
class Event:
    """One message of a job's WebSocket; ``seq`` grows, and is where a new connection goes on."""

    type: str
    job_id: str
    image_id: str | None
    step: str | None
    status: str | None
    progress: Progress | None
    data: dict[str, Any] | None
    timestamp: datetime
    seq: int

    @property
    def is_last(self) -> bool:
        """Whether the job has ended with this event."""
        return self.type in {"job_complete", "job_failed"}

    def raise_if_failed(self) -> None:
        """Raise ``JobFailed``, with the reason, where the job ended without a result."""
        if self.type == "job_failed":
            raise JobFailed(str((self.data or {}).get("error") or "The job was cancelled."))


@dataclass(frozen=True)
class Import:
    """A bulk import; ``total_rows`` is null until all of its rows have been read."""

    id: str
    kind: str
    name: str
    status: str
    total_rows: int | None
    imported_rows: int
    skipped_rows: int
    failed_rows: int
    error_message: str | None
    flow_run_id: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.status in ENDED

    @property
    def rows_done(self) -> int:
        """How many rows were decided."""
        return self.imported_rows + self.skipped_rows + self.failed_rows


@dataclass(frozen=True)
class NewImport(Import):
    """A new import, and where to PUT its file, with exactly that type and length; null for a prefix."""

    upload_url: str | None
    content_type: str | None
    expires_in: int | None


@dataclass(frozen=True)
class ImportPage:
    """A page of imports, newest first."""

    items: list[Import]
    total: int
    page: int
    page_size: int
    pages: int


@dataclass(frozen=True)
class ImportRow:
    """What became of a row, and why where it was not imported; a CSV's header is row 1."""

    number: int
    key: str | None
    title: str
    image: str
    status: str
    reason: str | None
    product_id: str | None
    image_id: str | None


@dataclass(frozen=True)
class ImportRowPage:
    """A page of an import's rows."""

    items: list[ImportRow]
    total: int
    page: int
    page_size: int
    pages: int


@dataclass(frozen=True)
class ServedVersion:
    """A model version in the service's memory; run and commit are null where the registry names none."""

    version: str
    since: datetime
    run_id: str | None
    labels: int
    bundle_sha256: str
    git_commit: str | None
    device: str


@dataclass(frozen=True)
class ServedModels:
    """What the service answers with; ``problem`` says why it does not follow the registry."""

    name: str
    champion: ServedVersion | None
    previous: ServedVersion | None
    problem: str | None


def parse(kind: type[T], text: str | bytes) -> T:
    """Build ``kind`` from an answer's JSON.

    Raises:
        UnexpectedAnswer: Not JSON, or a field is missing or not of its kind: the other end is no ImagineAI.
    """
    try:
        return cast(T, _read(kind, json.loads(text)))
    except ValueError as error:
        raise UnexpectedAnswer(f"The answer is not one of ImagineAI: {error}.") from error


def _read(kind: Any, value: object) -> object:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        present = [argument for argument in arguments if argument is not type(None)]
        return None if value is None else _read(present[0], value)
    if is_dataclass(kind):
        return _read_fields(cast(type, kind), value)
    if origin is list and isinstance(value, list):
        return [_read(arguments[0], item) for item in value]
    if kind is datetime and isinstance(value, str):
        return datetime.fromisoformat(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, origin or kind):
        return value
    raise ValueError(f"a {type(value).__name__} came where {kind} was expected")


def _read_fields(kind: type, value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError(f"a {type(value).__name__} came where a {kind.__name__} was expected")  # noqa: TRY004
    hints = get_type_hints(kind)
    return kind(**{field.name: _read(hints[field.name], value.get(field.name)) for field in fields(kind)})
