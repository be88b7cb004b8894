"""Every call of the service as a value, which ``Client`` and ``AsyncClient`` send alike."""

import mimetypes
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

from imagineai_client import answers

T = TypeVar("T")
Table = Literal["products", "analyses", "defects"]
RowStatus = Literal["waiting", "imported", "skipped", "failed"]
Format = Literal["csv", "jsonl", "parquet"]


@dataclass(frozen=True)
class Call(Generic[T]):
    """One call.

    Attributes:
        kind: What it is answered with; ``NoneType`` where the answer is empty.
        method: The HTTP method.
        path: Below ``/api/v1``.
        content: The body or the query, as httpx takes them.
        signed: Whether an access token goes with it, and a new one is fetched where that has run out.
        repeatable: Whether sending it twice does no more than sending it once.
    """

    kind: type[T]
    method: str
    path: str
    content: dict[str, Any] = field(default_factory=dict)
    signed: bool = True
    repeatable: bool = False


def register(email: str, password: str, full_name: str) -> Call[answers.User]:
    """Create an account."""
    body = {"email": email, "password": password, "full_name": full_name}
    return Call(answers.User, "POST", "/auth/register", {"json": body}, signed=False)


def login(email: str, password: str) -> Call[answers.Tokens]:
    """Get a pair of tokens."""
    body = {"email": email, "password": password}
    return Call(answers.Tokens, "POST", "/auth/login", {"json": body}, signed=False, repeatable=True)


def refresh(refresh_token: str) -> Call[answers.Tokens]:
    """Exchange a refresh token, which is dead from then on."""
    return Call(
        answers.Tokens, "POST", "/auth/refresh", {"json": {"refresh_token": refresh_token}}, signed=False
    )


def logout(refresh_token: str) -> Call[None]:
    """Kill a refresh token and all that came of the same login."""
    body = {"refresh_token": refresh_token}
    return Call(NoneType, "POST", "/auth/logout", {"json": body}, signed=False, repeatable=True)


def me() -> Call[answers.User]:
    """The account of the token."""
    return _get(answers.User, "/auth/me")


def create_product(title: str, description: str | None, category: str | None) -> Call[answers.Product]:
    """Create a draft."""
    body = {"title": title, "description": description, "category": category}
    return Call(answers.Product, "POST", "/products", {"json": _given(body)})


def products(
    category: str | None, status: str | None, search: str | None, page: int, page_size: int
) -> Call[answers.ProductPage]:
    """One page."""
    query = {"category": category, "status": status, "search": search, "page": page, "page_size": page_size}
    return _get(answers.ProductPage, "/products", query)


def product(product_id: str) -> Call[answers.Product]:
    """One product with its images."""
    return _get(answers.Product, f"/products/{segment(product_id)}")


def update_product(product_id: str, changes: dict[str, str | None]) -> Call[answers.Product]:
    """Change what is named."""
    path = f"/products/{segment(product_id)}"
    return Call(answers.Product, "PATCH", path, {"json": changes}, repeatable=True)


def delete_product(product_id: str) -> Call[None]:
    """Delete a product and all of it."""
    return Call(NoneType, "DELETE", f"/products/{segment(product_id)}")


def upload(product_id: str, content: bytes, filename: str) -> Call[answers.Upload]:
    """Store a picture and start its analysis."""
    body = {"data": {"product_id": product_id}, "files": {"file": _part(content, filename)}}
    return Call(answers.Upload, "POST", "/uploads/direct", body)


def analyze(content: bytes, filename: str) -> Call[answers.Analysis]:
    """Look at a picture without keeping it."""
    body = {"files": {"file": _part(content, filename)}}
    return Call(answers.Analysis, "POST", "/analyze", body, repeatable=True)


def analysis(image_id: str) -> Call[answers.Analysis]:
    """What was found in one image."""
    return _get(answers.Analysis, f"/analysis/{segment(image_id)}")


def product_analyses(product_id: str) -> Call[list[answers.Analysis]]:
    """What was found in a product's images."""
    return _get(list[answers.Analysis], f"/products/{segment(product_id)}/analysis")


def retry_analysis(image_id: str) -> Call[answers.Retry]:
    """Analyse an image again."""
    return Call(answers.Retry, "POST", f"/analysis/{segment(image_id)}/retry")


def batch(product_id: str, image_ids: list[str]) -> Call[answers.Job]:
    """Analyse images of one product as one job."""
    body = {"product_id": product_id, "image_ids": image_ids}
    return Call(answers.Job, "POST", "/batch", {"json": body})


def cancel(job_id: str) -> Call[None]:
    """End a job."""
    return Call(NoneType, "DELETE", f"/batch/{segment(job_id)}")


def job(job_id: str) -> Call[answers.Job]:
    """One job with its steps."""
    return _get(answers.Job, f"/jobs/{segment(job_id)}")


def jobs(status: str | None, limit: int, offset: int) -> Call[answers.JobPage]:
    """One page of jobs."""
    return _get(answers.JobPage, "/jobs", {"status": status, "limit": limit, "offset": offset})


def retry_job(job_id: str) -> Call[answers.Job]:
    """Try again what a job has not succeeded with."""
    return Call(answers.Job, "POST", f"/jobs/{segment(job_id)}/retry")


def export(table: Table, written_as: Format) -> Call[None]:
    """All that the user has, as a file."""
    return _get(NoneType, f"/exports/{table}", {"format": written_as})


def create_import(
    filename: str | None, size_bytes: int | None, prefix: str | None
) -> Call[answers.NewImport]:
    """Announce a file, or what lies below a prefix."""
    body = {"filename": filename, "file_size_bytes": size_bytes, "prefix": prefix}
    return Call(answers.NewImport, "POST", "/imports", {"json": _given(body)})


def start_import(import_id: str) -> Call[answers.Import]:
    """Begin, or go on with an import."""
    return Call(answers.Import, "POST", f"/imports/{segment(import_id)}/start", repeatable=True)


def cancel_import(import_id: str) -> Call[answers.Import]:
    """End an import."""
    return Call(answers.Import, "POST", f"/imports/{segment(import_id)}/cancel")


def get_import(import_id: str) -> Call[answers.Import]:
    """How an import stands."""
    return _get(answers.Import, f"/imports/{segment(import_id)}")


def imports(page: int, page_size: int) -> Call[answers.ImportPage]:
    """One page of imports."""
    return _get(answers.ImportPage, "/imports", {"page": page, "page_size": page_size})


def import_rows(
    import_id: str, status: RowStatus | None, page: int, page_size: int
) -> Call[answers.ImportRowPage]:
    """One page of an import's rows."""
    query = {"status": status, "page": page, "page_size": page_size}
    return _get(answers.ImportRowPage, f"/imports/{segment(import_id)}/rows", query)


def models() -> Call[answers.ServedModels]:
    """Which model versions the service holds."""
    return _get(answers.ServedModels, "/models")


def picture(source: Path | bytes) -> tuple[bytes, str]:
    """A picture's bytes and what to call it.

    Raises:
        OSError: The file cannot be read.
    """
    return (source, "picture.jpg") if isinstance(source, bytes) else (source.read_bytes(), source.name)


def segment(identifier: str) -> str:
    """An id as one part of a path, whatever it holds."""
    return quote(identifier, safe="")


def _get(kind: type[T], path: str, query: dict[str, Any] | None = None) -> Call[T]:
    return Call(kind, "GET", path, {"params": _given(query or {})}, repeatable=True)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _part(content: bytes, filename: str) -> tuple[str, bytes, str]:
    return filename, content, _content_type(filename, content)


def _content_type(filename: str, content: bytes) -> str:
    """By the first bytes, as the service decides; else by the name, for the service to refuse."""
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG"):
        return "image/png"
    if content.startswith(b"GIF8"):
        return "image/gif"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return mimetypes.guess_type(filename)[0] or "application/octet-stream"
