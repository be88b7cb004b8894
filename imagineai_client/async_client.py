"""The service for asyncio: ``async with AsyncClient(url) as client: await client.login(email, password)``."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx

from imagineai_client import answers, calls, live
from imagineai_client.calls import Call, Format, RowStatus, Table
from imagineai_client.client import DEFAULT_URL, LOOK_S, PATIENCE_S, SOCKETLESS_LOOK_S, TIMEOUT_S
from imagineai_client.delivering import SENDING, Sent, about, address, delivering, no_matter, pieces_async
from imagineai_client.downloading import downloading
from imagineai_client.errors import ImagineAIError, NotAuthenticated, StreamClosed
from imagineai_client.findings import Findings
from imagineai_client.session import Attempts, Pause, content_of, present, signature

T = TypeVar("T")


class AsyncClient:
    """One user's view of the service, with the calls of ``Client`` to be awaited; tasks may share it.

    Args:
        url: The root of the service, without ``/api/v1``.
        timeout_s: For one call, in seconds.
        patience_s: How long a call waits, all in all, for a rate limit or a service that is briefly away.
    """

    def __init__(
        self, url: str = DEFAULT_URL, *, timeout_s: float = TIMEOUT_S, patience_s: float = PATIENCE_S
    ) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.AsyncClient(base_url=f"{self.url}/api/v1", timeout=timeout_s)
        self._patience_s = patience_s
        self._tokens: answers.Tokens | None = None
        self._renewing = asyncio.Lock()
        self._exchanges: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; the tokens stay valid at the service until they run out.

        An exchange of tokens that is under way ends first.
        """
        if self._exchanges:
            await asyncio.wait(self._exchanges)
        await self._http.aclose()

    async def register(self, email: str, password: str, full_name: str) -> answers.User:
        """Create an account; it is not logged in by this."""
        return await self._ask(calls.register(email, password, full_name))

    async def login(self, email: str, password: str) -> None:
        """Log in; the tokens are kept and exchanged from here on."""
        tokens = await self._ask(calls.login(email, password))
        async with self._renewing:
            self._tokens = tokens

    async def logout(self) -> None:
        """Forget the tokens and end the session at the service; the access token runs out by itself."""
        async with self._renewing:
            tokens, self._tokens = self._tokens, None
        if tokens is not None:
            await self._ask(calls.logout(tokens.refresh_token))

    async def me(self) -> answers.User:
        """The account that is logged in."""
        return await self._ask(calls.me())

    async def create_product(
        self, title: str, *, description: str | None = None, category: str | None = None
    ) -> answers.Product:
        """Create a draft product; without a category, the first picture's analysis sets it."""
        return await self._ask(calls.create_product(title, description, category))

    async def products(
        self,
        *,
        category: str | None = None,
        status: str | None = None,
        search: str | None = None,
        page: int = 1,
        page_size: int = 20,
    ) -> answers.ProductPage:
        """One page of the products, newest first."""
        return await self._ask(calls.products(category, status, search, page, page_size))

    async def product(self, product_id: str) -> answers.Product:
        """One product with its images."""
        return await self._ask(calls.product(product_id))

    async def update_product(self, product_id: str, **changes: str | None) -> answers.Product:
        """Change title, description, category or status; what is not named stays."""
        return await self._ask(calls.update_product(product_id, changes))

    async def delete_product(self, product_id: str) -> None:
        """Delete a product with its images and analyses; jobs on it end."""
        await self._ask(calls.delete_product(product_id))

    async def upload(
        self, product_id: str, picture: Path | bytes, *, filename: str | None = None
    ) -> answers.Upload:
        """Upload a JPEG, PNG, WebP or GIF and start its analysis.

        Args:
            product_id: The product it shows.
            picture: A file, or its bytes.
            filename: What to call it; by default the file's own name.
        """
        content, name = await asyncio.to_thread(calls.picture, picture)
        return await self._ask(calls.upload(product_id, content, filename or name))

    async def analyze(self, picture: Path | bytes) -> Findings:
        """Look at a picture at once and keep nothing of it; a notebook shows it with what was found."""
        content, name = await asyncio.to_thread(calls.picture, picture)
        return Findings.of(await self._ask(calls.analyze(content, name)), content)

    async def analysis(self, image_id: str) -> answers.Analysis:
        """What was found in one image."""
        return await self._ask(calls.analysis(image_id))

    async def product_analyses(self, product_id: str) -> list[answers.Analysis]:
        """What was found in each of a product's images."""
        return await self._ask(calls.product_analyses(product_id))

    async def retry_analysis(self, image_id: str) -> answers.Retry:
        """Analyse an image again; what was found before is replaced."""
        return await self._ask(calls.retry_analysis(image_id))

    async def batch(self, product_id: str, image_ids: list[str]) -> answers.Job:
        """Analyse images of one product, again where they were before, as one job."""
        return await self._ask(calls.batch(product_id, image_ids))

    async def cancel(self, job_id: str) -> None:
        """End a job; no work on it goes on."""
        await self._ask(calls.cancel(job_id))

    async def job(self, job_id: str) -> answers.Job:
        """One job with all its steps."""
        return await self._ask(calls.job(job_id))

    async def jobs(self, *, status: str | None = None, limit: int = 20, offset: int = 0) -> answers.JobPage:
        """The jobs, newest first, without their steps."""
        return await self._ask(calls.jobs(status, limit, offset))

    async def retry_job(self, job_id: str) -> answers.Job:
        """Try the images again that an ended job has not succeeded with; gives the new job."""
        return await self._ask(calls.retry_job(job_id))

    def follow(self, job_id: str, *, after: int | None = None) -> AsyncIterator[answers.Event]:
        """The job's events as they happen, the last being its end; a lost connection is taken up again."""
        return live.follow_async(live.Place(self.url, job_id, after), self.access_token, self._renew)

    async def wait(self, job_id: str) -> answers.Job:
        """Wait for the job's end; where no socket is to be had, look at it now and then.

        Raises:
            JobFailed: It failed or was cancelled.
        """
        while True:
            try:
                async for event in self.follow(job_id):
                    event.raise_if_failed()
                return await self.job(job_id)
            except StreamClosed:
                job = await self.job(job_id)
            if job.has_ended:
                job.raise_if_failed()
                return job
            await asyncio.sleep(SOCKETLESS_LOOK_S)

    async def export(self, table: Table, to: Path, written_as: Format = "csv") -> None:
        """Write a row for each product, analysed image or defect into a file.

        Args:
            table: What.
            to: The file; it is replaced, once the new one is whole.
            written_as: How.

        Raises:
            ServiceUnreachable: The connection broke before the file was whole.
        """
        answer = await self._answer(calls.export(table, written_as), streamed=True)
        async with aclosing(answer):
            with downloading(to, self.url) as file:
                async for piece in answer.aiter_bytes():
                    file.write(piece)

    async def import_file(self, file: Path, *, sent: Sent = no_matter) -> answers.Import:
        """Send a CSV or a zip to be imported, and start it; one that could not be sent is cancelled.

        Args:
            file: The file; a CSV names pictures that lie in the user's folder in S3.
            sent: Called with the number of bytes, as they are sent.

        Raises:
            ServiceUnreachable: The picture storage did not take it.
            OSError: The file cannot be read.
        """
        size_bytes = (await asyncio.to_thread(file.stat)).st_size
        made = await self._ask(calls.create_import(file.name, size_bytes, None))
        async with self._cancelling(made.id):
            with delivering():
                async with httpx.AsyncClient(timeout=SENDING) as storage:
                    answer = await storage.put(
                        address(made), content=pieces_async(file, sent), headers=about(made, size_bytes)
                    )
                answer.raise_for_status()
        return await self.start_import(made.id)

    async def import_prefix(self, prefix: str) -> answers.Import:
        """Import what lies below a prefix of the user's folder in S3; if that cannot start, cancel it."""
        made = await self._ask(calls.create_import(None, None, prefix))
        async with self._cancelling(made.id):
            return await self.start_import(made.id)

    async def start_import(self, import_id: str) -> answers.Import:
        """Begin, or go on with an import that failed or was cancelled."""
        return await self._ask(calls.start_import(import_id))

    async def cancel_import(self, import_id: str) -> answers.Import:
        """End an import; what it has imported stays."""
        return await self._ask(calls.cancel_import(import_id))

    async def get_import(self, import_id: str) -> answers.Import:
        """How an import stands."""
        return await self._ask(calls.get_import(import_id))

    async def imports(self, *, page: int = 1, page_size: int = 20) -> answers.ImportPage:
        """One page of the imports, newest first."""
        return await self._ask(calls.imports(page, page_size))

    async def import_rows(
        self, import_id: str, *, status: RowStatus | None = None, page: int = 1, page_size: int = 100
    ) -> answers.ImportRowPage:
        """One page of an import's rows by their numbers; ``status="failed"`` gives the errors."""
        return await self._ask(calls.import_rows(import_id, status, page, page_size))

    async def follow_import(self, import_id: str) -> AsyncIterator[answers.Import]:
        """How an import stands, every other moment, the last being its end."""
        while True:
            stands = await self.get_import(import_id)
            yield stands
            if stands.has_ended:
                return
            await asyncio.sleep(LOOK_S)

    async def models(self) -> answers.ServedModels:
        """Which model version answers, and which one did before."""
        return await self._ask(calls.models())

    def access_token(self) -> str:
        """The token of the calls, for a connection of one's own.

        Raises:
            NotAuthenticated: Nobody is logged in.
        """
        return present(self._tokens).access_token

    async def _renew(self, stale: str) -> None:
        """Exchange the refresh token for a new pair, unless another task just did.

        A caller that is cancelled leaves the exchange to go on: the used token is dead at the service, and a
        second use of it ends the session.
        """
        exchange = asyncio.create_task(self._exchange(stale))
        self._exchanges.add(exchange)
        exchange.add_done_callback(self._exchanges.discard)
        await asyncio.shield(exchange)

    async def _exchange(self, stale: str) -> None:
        async with self._renewing:
            tokens = present(self._tokens)
            if tokens.access_token != stale:
                return
            try:
                self._tokens = await self._ask(calls.refresh(tokens.refresh_token))
            except NotAuthenticated:
                self._tokens = None
                raise

    @asynccontextmanager
    async def _cancelling(self, import_id: str) -> AsyncIterator[None]:
        """Cancel an import that fails to begin within the block: a user may have ten that have not ended."""
        try:
            yield
        except BaseException:
            with suppress(ImagineAIError):
                await self._answer(calls.cancel_import(import_id), patience_s=0)
            raise

    async def _ask(self, call: Call[T]) -> T:
        return content_of(call, await self._answer(call))

    async def _answer(
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
                response = await self._http.send(request, stream=streamed)
                if not response.is_success:
                    await response.aread()
                follows = attempts.answered(response)
            except httpx.TransportError as error:
                follows = attempts.dropped(error, self.url)
            if follows is None:
                return response
            if isinstance(follows, Pause):
                await asyncio.sleep(follows.seconds)
            elif token is not None:
                await self._renew(token)
