"""The service as Python calls: ``with Client(url) as client: client.login(email, password)``."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx

from imagineai_client import answers, calls, live
from imagineai_client.calls import Call, Format, RowStatus, Table
from imagineai_client.delivering import SENDING, Sent, about, address, delivering, no_matter, pieces
from imagineai_client.downloading import downloading
from imagineai_client.errors import ImagineAIError, NotAuthenticated, StreamClosed
from imagineai_client.findings import Findings
from imagineai_client.session import Attempts, InMemory, Pause, Tokens, content_of, present, signature

T = TypeVar("T")

DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT_S = 30.0
PATIENCE_S = 60.0
LOOK_S = 1.0
"""So often an import is looked at: it has no socket, and the rate limit allows two looks a second."""
SOCKETLESS_LOOK_S = 4.0
"""So often a job is looked at while no socket is to be had: rarer, as several may wait at once."""


class Client:
    """One user's view of the service; threads may share it.

    Every call may raise ``Refused``, with the service's own sentence, or ``ServiceUnreachable``. A token that
    has run out is exchanged once and the call repeated; a 429 is waited for and repeated, and so is a service
    that is briefly away, where repeating does no harm.

    Args:
        url: The root of the service, without ``/api/v1``.
        timeout_s: For one call, in seconds.
        patience_s: How long a call waits, all in all, for a rate limit or a service that is briefly away.
        tokens: Where the session's tokens lie; by default they end with this client.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_S,
        tokens: Tokens | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=f"{self.url}/api/v1", timeout=timeout_s)
        self._patience_s = patience_s
        self._tokens = tokens or InMemory()

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
        return self._ask(calls.register(email, password, full_name))

    def login(self, email: str, password: str) -> None:
        """Log in; the tokens are kept and exchanged from here on."""
        tokens = self._ask(calls.login(email, password))
        with self._tokens.exclusively():
            self._tokens.begin(tokens)

    def logout(self) -> None:
        """Forget the tokens and end the session at the service; the access token runs out by itself."""
        with self._tokens.exclusively():
            tokens = self._tokens.load()
            self._tokens.save(None)
        if tokens is not None:
            self._ask(calls.logout(tokens.refresh_token))

    def me(self) -> answers.User:
        """The account that is logged in."""
        return self._ask(calls.me())

    def create_product(
        self, title: str, *, description: str | None = None, category: str | None = None
    ) -> answers.Product:
        """Create a draft product; without a category, the first picture's analysis sets it."""
        return self._ask(calls.create_product(title, description, category))

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
        return self._ask(calls.products(category, status, search, page, page_size))

    def product(self, product_id: str) -> answers.Product:
        """One product with its images."""
        return self._ask(calls.product(product_id))

    def update_product(self, product_id: str, **changes: str | None) -> answers.Product:
        """Change title, description, category or status; what is not named stays."""
        return self._ask(calls.update_product(product_id, changes))

    def delete_product(self, product_id: str) -> None:
        """Delete a product with its images and analyses; jobs on it end."""
        self._ask(calls.delete_product(product_id))

    def upload(
        self, product_id: str, picture: Path | bytes, *, filename: str | None = None
    ) -> answers.Upload:
        """Upload a JPEG, PNG, WebP or GIF and start its analysis.

        Args:
            product_id: The product it shows.
            picture: A file, or its bytes.
            filename: What to call it; by default the file's own name.
        """
        content, name = calls.picture(picture)
        return self._ask(calls.upload(product_id, content, filename or name))

    def analyze(self, picture: Path | bytes) -> Findings:
        """Look at a picture at once and keep nothing of it; a notebook shows it with what was found."""
        content, name = calls.picture(picture)
        return Findings.of(self._ask(calls.analyze(content, name)), content)

    def analysis(self, image_id: str) -> answers.Analysis:
        """What was found in one image."""
        return self._ask(calls.analysis(image_id))

    def product_analyses(self, product_id: str) -> list[answers.Analysis]:
        """What was found in each of a product's images."""
        return self._ask(calls.product_analyses(product_id))

    def retry_analysis(self, image_id: str) -> answers.Retry:
        """Analyse an image again; what was found before is replaced."""
        return self._ask(calls.retry_analysis(image_id))

    def batch(self, product_id: str, image_ids: list[str]) -> answers.Job:
        """Analyse images of one product, again where they were before, as one job."""
        return self._ask(calls.batch(product_id, image_ids))

    def cancel(self, job_id: str) -> None:
        """End a job; no work on it goes on."""
        self._ask(calls.cancel(job_id))

    def job(self, job_id: str) -> answers.Job:
        """One job with all its steps."""
        return self._ask(calls.job(job_id))

    def jobs(self, *, status: str | None = None, limit: int = 20, offset: int = 0) -> answers.JobPage:
        """The jobs, newest first, without their steps."""
        return self._ask(calls.jobs(status, limit, offset))

    def retry_job(self, job_id: str) -> answers.Job:
        """Try the images again that an ended job has not succeeded with; gives the new job."""
        return self._ask(calls.retry_job(job_id))

    def follow(self, job_id: str, *, after: int | None = None) -> Iterator[answers.Event]:
        """The job's events as they happen, the last being its end; a lost connection is taken up again."""
        return live.follow(live.Place(self.url, job_id, after), self.access_token, self._renew)

    def wait(self, job_id: str) -> answers.Job:
        """Wait for the job's end; where no socket is to be had, look at it now and then.

        Raises:
            JobFailed: It failed or was cancelled.
        """
        while True:
            try:
                for event in self.follow(job_id):
                    event.raise_if_failed()
                return self.job(job_id)
            except StreamClosed:
                job = self.job(job_id)
            if job.has_ended:
                job.raise_if_failed()
                return job
            time.sleep(SOCKETLESS_LOOK_S)

    def export(self, table: Table, to: Path, written_as: Format = "csv") -> None:
        """Write a row for each product, analysed image or defect into a file.

        Args:
            table: What.
            to: The file; it is replaced, once the new one is whole.
            written_as: How.

        Raises:
            ServiceUnreachable: The connection broke before the file was whole.
        """
        answer = self._answer(calls.export(table, written_as), streamed=True)
        with closing(answer), downloading(to, self.url) as file:
            for piece in answer.iter_bytes():
                file.write(piece)

    def import_file(self, file: Path, *, sent: Sent = no_matter) -> answers.Import:
        """Send a CSV or a zip to be imported, and start it; one that could not be sent is cancelled.

        Args:
            file: The file; a CSV names pictures that lie in the user's folder in S3.
            sent: Called with the number of bytes, as they are sent.

        Raises:
            ServiceUnreachable: The picture storage did not take it.
            OSError: The file cannot be read.
        """
        size_bytes = file.stat().st_size
        made = self._ask(calls.create_import(file.name, size_bytes, None))
        with self._cancelling(made.id), delivering():
            answer = httpx.put(
                address(made), content=pieces(file, sent), headers=about(made, size_bytes), timeout=SENDING
            )
            answer.raise_for_status()
        return self.start_import(made.id)

    def import_prefix(self, prefix: str) -> answers.Import:
        """Import what lies below a prefix of the user's folder in S3; if that cannot start, cancel it."""
        made = self._ask(calls.create_import(None, None, prefix))
        with self._cancelling(made.id):
            return self.start_import(made.id)

    def start_import(self, import_id: str) -> answers.Import:
        """Begin, or go on with an import that failed or was cancelled."""
        return self._ask(calls.start_import(import_id))

    def cancel_import(self, import_id: str) -> answers.Import:
        """End an import; what it has imported stays."""
        return self._ask(calls.cancel_import(import_id))

    def get_import(self, import_id: str) -> answers.Import:
        """How an import stands."""
        return self._ask(calls.get_import(import_id))

    def imports(self, *, page: int = 1, page_size: int = 20) -> answers.ImportPage:
        """One page of the imports, newest first."""
        return self._ask(calls.imports(page, page_size))

    def import_rows(
        self, import_id: str, *, status: RowStatus | None = None, page: int = 1, page_size: int = 100
    ) -> answers.ImportRowPage:
        """One page of an import's rows by their numbers; ``status="failed"`` gives the errors."""
        return self._ask(calls.import_rows(import_id, status, page, page_size))

    def follow_import(self, import_id: str) -> Iterator[answers.Import]:
        """How an import stands, every other moment, the last being its end."""
        while True:
            stands = self.get_import(import_id)
            yield stands
            if stands.has_ended:
                return
            time.sleep(LOOK_S)

    def models(self) -> answers.ServedModels:
        """Which model version answers, and which one did before."""
        return self._ask(calls.models())

    def access_token(self) -> str:
        """The token of the calls, for a connection of one's own.

        Raises:
            NotAuthenticated: Nobody is logged in.
        """
        return present(self._tokens.load()).access_token

    def _renew(self, stale: str) -> None:
        """Exchange the refresh token for a new pair, unless somebody else just did."""
        with self._tokens.exclusively():
            tokens = present(self._tokens.load())
            if tokens.access_token != stale:
                return
            try:
                self._tokens.save(self._ask(calls.refresh(tokens.refresh_token)))
            except NotAuthenticated:
                self._tokens.save(None)
                raise

    @contextmanager
    def _cancelling(self, import_id: str) -> Iterator[None]:
        """Cancel an import that fails to begin within the block: a user may have ten that have not ended."""
        try:
            yield
        except BaseException:
            with suppress(ImagineAIError):
                self._answer(calls.cancel_import(import_id), patience_s=0)
            raise

    def _ask(self, call: Call[T]) -> T:
        return content_of(call, self._answer(call))

    def _answer(
        self, call: Call[Any], *, streamed: bool = False, patience_s: float | None = None
    ) -> httpx.Response:
        """Send a call until it succeeds; a streamed answer is still to be read, and closed."""
        attempts = Attempts(call, self._patience_s if patience_s is None else patience_s)
        while True:
            token = self.access_token() if call.signed else None
            request = self._http.build_request(
                call.method, call.path, headers=signature(token), **call.content
            )
            try:
                response = self._http.send(request, stream=streamed)
                if not response.is_success:
                    response.read()
                follows = attempts.answered(response)
            except httpx.TransportError as error:
                follows = attempts.dropped(error, self.url)
            if follows is None:
                return response
            if isinstance(follows, Pause):
                time.sleep(follows.seconds)
            elif token is not None:
                self._renew(token)
