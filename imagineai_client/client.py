"""The service as Python calls: ``with Client(url) as client: client.login(email, password)``."""

import mimetypes
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from imagineai_client import answers, live
from imagineai_client.errors import (
    JobFailed,
    NotAuthenticated,
    ServiceUnreachable,
    TooManyRequests,
    refusal,
)

T = TypeVar("T")

DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT_S = 30.0
MOST_ATTEMPTS = 5
WITHOUT_TOKEN = frozenset({"/auth/register", "/auth/login", "/auth/refresh"})


class Client:
    """One user's view of the service; safe to share between threads once logged in.

    Every call may raise ``Refused``, with the service's own sentence, or ``ServiceUnreachable``. A token that
    has run out is refreshed once and the call repeated; a 429 is waited for and repeated.

    Args:
        url: The root of the service, without ``/api/v1``.
        timeout_s: For one call, in seconds.
        patience_s: The longest ``Retry-After`` that a call waits for; a longer one is raised as it is.
    """

    def __init__(
        self, url: str = DEFAULT_URL, *, timeout_s: float = TIMEOUT_S, patience_s: float = 60
    ) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=f"{self.url}/api/v1", timeout=timeout_s)
        self._patience_s = patience_s
        self._access_token: str | None = None
        self._refresh_token: str | None = None
        self._refreshing = threading.Lock()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the tokens stay valid at the service until they run out."""
        self._http.close()

    def register(self, email: str, password: str, full_name: str) -> answers.User:
        """Create an account; it is not logged in by this."""
        body = {"email": email, "password": password, "full_name": full_name}
        return self._ask(answers.User, "POST", "/auth/register", json=body)

    def login(self, email: str, password: str) -> None:
        """Log in; the tokens are kept and refreshed from here on."""
        tokens = self._ask(answers.Tokens, "POST", "/auth/login", json={"email": email, "password": password})
        self._access_token, self._refresh_token = tokens.access_token, tokens.refresh_token

    def me(self) -> answers.User:
        """The account that is logged in."""
        return self._ask(answers.User, "GET", "/auth/me")

    def create_product(
        self, title: str, *, description: str | None = None, category: str | None = None
    ) -> answers.Product:
        """Create a draft product; without a category, the first picture's analysis sets it."""
        body = {"title": title, "description": description, "category": category}
        return self._ask(answers.Product, "POST", "/products", json=_given(body))

    def products(
        self,
        *,
        category: str | None = None,
        status: str | None = None,
        search: str | None = None,
        page: int = 1,
        page_size: int = 20,
    ) -> answers.ProductPage:
        """One page of the products, newest first."""
        query = {
            "category": category,
            "status": status,
            "search": search,
            "page": page,
            "page_size": page_size,
        }
        return self._ask(answers.ProductPage, "GET", "/products", params=_given(query))

    def product(self, product_id: str) -> answers.Product:
        """One product with its images."""
        return self._ask(answers.Product, "GET", f"/products/{_segment(product_id)}")

    def update_product(self, product_id: str, **changes: str | None) -> answers.Product:
        """Change title, description, category or status; what is not named stays."""
        return self._ask(answers.Product, "PATCH", f"/products/{_segment(product_id)}", json=changes)

    def delete_product(self, product_id: str) -> None:
        """Delete a product with its images and analyses; jobs on it end."""
        self._send("DELETE", f"/products/{_segment(product_id)}")

    def upload(
        self, product_id: str, picture: Path | bytes, *, filename: str | None = None
    ) -> answers.Upload:
        """Upload a JPEG, PNG, WebP or GIF and start its analysis.

        Args:
            product_id: The product it shows.
            picture: A file, or its bytes.
            filename: What to call it; by default the file's own name.
        """
        content = picture if isinstance(picture, bytes) else picture.read_bytes()
        name = filename or ("picture.jpg" if isinstance(picture, bytes) else picture.name)
        kind = _content_type(name, content)
        return self._ask(
            answers.Upload,
            "POST",
            "/uploads/direct",
            data={"product_id": product_id},
            files={"file": (name, content, kind)},
        )

    def analysis(self, image_id: str) -> answers.Analysis:
        """What was found in one image."""
        return self._ask(answers.Analysis, "GET", f"/analysis/{_segment(image_id)}")

    def retry_analysis(self, image_id: str) -> answers.Retry:
        """Analyse an image again; what was found before is replaced."""
        return self._ask(answers.Retry, "POST", f"/analysis/{_segment(image_id)}/retry")

    def job(self, job_id: str) -> answers.Job:
        """One job with all its steps."""
        return self._ask(answers.Job, "GET", f"/jobs/{_segment(job_id)}")

    def jobs(self, *, status: str | None = None, limit: int = 20, offset: int = 0) -> answers.JobPage:
        """The jobs, newest first, without their steps."""
        query = {"status": status, "limit": limit, "offset": offset}
        return self._ask(answers.JobPage, "GET", "/jobs", params=_given(query))

    def retry_job(self, job_id: str) -> answers.Job:
        """Try the images again that an ended job has not succeeded with; gives the new job."""
        return self._ask(answers.Job, "POST", f"/jobs/{_segment(job_id)}/retry")

    def follow(self, job_id: str, *, after: int | None = None) -> Iterator[answers.Event]:
        """The job's events as they happen, the last being its end; a lost connection is taken up again."""
        return live.follow(self.url, job_id, self.access_token, self.refresh, after=after)

    def wait(self, job_id: str) -> answers.Job:
        """Wait for the job's end.

        Raises:
            JobFailed: It failed or was cancelled.
        """
        for event in self.follow(job_id):
            if event.type == "job_failed":
                raise JobFailed(str((event.data or {}).get("error") or "The job was cancelled."))
        return self.job(job_id)

    def models(self) -> answers.ServedModels:
        """Which model version answers, and which one did before."""
        return self._ask(answers.ServedModels, "GET", "/models")

    def access_token(self) -> str:
        """The token of the calls, for a connection of one's own.

        Raises:
            NotAuthenticated: Nobody is logged in.
        """
        if self._access_token is None:
            raise NotAuthenticated(401, "Log in first.")
        return self._access_token

    def refresh(self, stale: str | None = None) -> None:
        """Exchange the refresh token for a new pair; the old one is dead from then on.

        Args:
            stale: The access token that was refused; nothing is done where another thread has replaced it.
        """
        with self._refreshing:
            if stale is not None and stale != self._access_token:
                return
            token, self._refresh_token = self._refresh_token, None
            if token is None:
                raise NotAuthenticated(401, "The session has run out: log in again.")
            tokens = self._ask(answers.Tokens, "POST", "/auth/refresh", json={"refresh_token": token})
            self._access_token, self._refresh_token = tokens.access_token, tokens.refresh_token

    def _ask(self, kind: type[T], method: str, path: str, **content: Any) -> T:
        return answers.parse(kind, self._send(method, path, **content).content)

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Send a call, again after a 429 and once with fresh tokens after a 401; return only a success."""
        may_refresh = self._access_token is not None and path not in WITHOUT_TOKEN
        for attempt in count(1):
            used = self._access_token
            response = self._once(method, path, content)
            if response.is_success:
                return response
            error = refusal(response)
            if isinstance(error, NotAuthenticated) and may_refresh:
                may_refresh = False
                self.refresh(stale=used)
            elif isinstance(error, TooManyRequests) and self._may_wait(error, attempt):
                time.sleep(error.retry_after)
            else:
                raise error
        raise AssertionError("unreachable")

    def _may_wait(self, error: TooManyRequests, attempt: int) -> bool:
        return error.retry_after <= self._patience_s and attempt < MOST_ATTEMPTS

    def _once(self, method: str, path: str, content: dict[str, Any]) -> httpx.Response:
        headers = {} if self._access_token is None else {"Authorization": f"Bearer {self._access_token}"}
        try:
            return self._http.request(method, path, headers=headers, **content)
        except httpx.TransportError as error:
            raise ServiceUnreachable(f"No answer from ImagineAI at {self.url}: {error}.") from error


def _segment(identifier: str) -> str:
    """An id as one part of a path, whatever it holds."""
    return quote(identifier, safe="")


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


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
