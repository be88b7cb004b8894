"""The Python client, sync and async, against the running service."""

import asyncio
import io
import threading
from dataclasses import replace

import pytest
from PIL import Image

from imagineai_client import AsyncClient, Client
from imagineai_client.answers import Box, Defect
from imagineai_client.errors import (
    BadInput,
    Conflict,
    JobFailed,
    NotAuthenticated,
    NotFound,
    ServiceUnreachable,
    StreamClosed,
)
from imagineai_client.findings import Findings
from imagineai_client.session import InMemory
from tests.contract.importing import as_zip
from tests.contract.services import free_port
from tests.contract.wire import a_user, small_photo


@pytest.fixture(scope="module")
def tokens():
    return InMemory()


@pytest.fixture(scope="module")
def client(user, tokens):
    with Client(user.url, tokens=tokens) as client:
        client.login(user.email, user.password)
        yield client


def run_out(tokens):
    tokens.save(replace(tokens.load(), access_token="no.longer.good"))


def test_a_token_that_has_run_out_is_exchanged_unseen(client, tokens):
    run_out(tokens)
    assert client.me().is_active


def test_threads_whose_token_has_run_out_exchange_it_once(client, tokens):
    run_out(tokens)

    async def all_at_once():
        return await asyncio.gather(*(asyncio.to_thread(client.me) for _ in range(8)))

    assert len({user.id for user in asyncio.run(all_at_once())}) == 1


def test_a_session_that_is_over_says_so_and_asks_for_a_login(client, user):
    tokens = InMemory()
    with Client(user.url, tokens=tokens) as other:
        other.login(user.email, user.password)
        tokens.save(replace(tokens.load(), access_token="no.longer.good", refresh_token="neither"))
        with pytest.raises(NotAuthenticated):
            other.me()
        with pytest.raises(NotAuthenticated, match="log in"):
            other.me()


def test_a_job_is_followed_to_its_analysis(client):
    product = client.create_product("Followed")
    upload = client.upload(product.id, small_photo())
    *_, last = client.follow(upload.job_id)
    assert last.type == "job_complete"
    assert client.analysis(upload.image_id).status == "completed"
    assert [each.id for each in client.product_analyses(product.id)] == [client.analysis(upload.image_id).id]
    assert client.wait(upload.job_id).status == "completed"
    assert client.product(product.id).status == "active"
    assert upload.job_id in [job.id for job in client.jobs().items]


def test_a_batch_is_started_followed_and_cancelled(client):
    product = client.create_product("In a batch")
    uploads = [client.upload(product.id, small_photo(), filename=f"{n}.jpg") for n in range(2)]
    for upload in uploads:
        client.wait(upload.job_id)
    job = client.batch(product.id, [upload.image_id for upload in uploads])
    assert client.wait(job.id).processed_images == 2
    again = client.batch(product.id, [uploads[0].image_id])
    client.cancel(again.id)
    assert client.job(again.id).status == "cancelled"
    with pytest.raises(JobFailed):
        client.wait(again.id)


def test_a_job_is_waited_for_where_no_socket_is_to_be_had(crowded):
    with Client(crowded.url) as client:
        client.login(crowded.email, crowded.password)
        product = client.create_product("Seen without a socket")
        upload = client.upload(product.id, small_photo())
        assert client.wait(upload.job_id).status == "completed"
        again = client.batch(product.id, [upload.image_id])
        client.cancel(again.id)
        with pytest.raises(JobFailed, match="cancelled"):
            client.wait(again.id)
        with pytest.raises(StreamClosed) as caught:
            list(client.follow(again.id))
        assert caught.value.code == 4029


def test_an_expired_token_is_exchanged_for_the_live_events_too(client, tokens):
    upload = client.upload(client.create_product("Followed late").id, small_photo())
    run_out(tokens)
    *_, last = client.follow(upload.job_id)
    assert last.type == "job_complete"


def test_the_services_refusals_are_errors_of_their_own(client, user):
    job = client.upload(client.create_product("Mine").id, small_photo()).job_id
    with pytest.raises(Conflict):
        client.register(user.email, user.password, "Jane")
    with pytest.raises(BadInput) as caught:
        client.create_product(" ")
    assert caught.value.status == 422
    with a_user(user.url) as stranger, Client(user.url) as other:
        with pytest.raises(NotAuthenticated):
            other.me()
        other.login(stranger.email, stranger.password)
        with pytest.raises(NotFound):
            other.job(job)
        with pytest.raises(NotFound):
            list(other.follow(job))
        other.logout()
        with pytest.raises(NotAuthenticated):
            other.me()


def test_a_logout_ends_the_session_at_the_service_too(user):
    tokens = InMemory()
    with Client(user.url, tokens=tokens) as client:
        client.login(user.email, user.password)
        kept = tokens.load()
        client.logout()
        client.logout()
        tokens.save(replace(kept, access_token="no.longer.good"))
        with pytest.raises(NotAuthenticated):
            client.me()


async def test_an_awaited_logout_ends_the_session_at_the_service_too(user):
    async with AsyncClient(user.url) as client:
        await client.login(user.email, user.password)
        kept = client._tokens
        await client.logout()
        client._tokens = replace(kept, access_token="no.longer.good")
        with pytest.raises(NotAuthenticated):
            await client.me()


def test_a_service_that_is_away_is_said_to_be(user):
    with Client(f"http://127.0.0.1:{free_port()}") as nobody, pytest.raises(ServiceUnreachable):
        nobody.login(user.email, user.password)


def test_a_picture_is_analysed_at_once_and_shown_in_a_notebook(client, tmp_path):
    (tmp_path / "mine.jpg").write_bytes(small_photo())
    findings = client.analyze(tmp_path / "mine.jpg")
    assert findings.status == "completed"
    assert findings.id is None
    shown = findings._repr_html_()
    assert "data:image/jpeg;base64," in shown
    assert findings.classification_label in shown
    with pytest.raises(BadInput):
        client.analyze(b"not a picture")


def test_a_notebook_shows_the_upright_picture_with_its_defects_and_nothing_of_a_texts_markup(client):
    picture = io.BytesIO()
    lying = Image.new("RGB", (60, 20), "white")
    exif = lying.getexif()
    exif[274] = 6  # lies on its side
    lying.save(picture, "JPEG", exif=exif)
    found = client.analyze(picture.getvalue())
    scratch = Defect(None, "scratch", "low", 0.7, Box(2, 30, 10, 12), "a <b>scratch</b>")
    told = Findings(
        **{**vars(found), "detected_defects": [scratch], "description_text": "<script>x</script>"}
    )
    shown = told._repr_html_()
    assert 'viewBox="0 0 20 60"' in shown
    assert '<rect x="2" y="30" width="10" height="12"' in shown
    assert "scratch 70%" in shown
    assert "<script>" not in shown


async def test_the_async_client_takes_the_same_way(user, tmp_path):
    (tmp_path / "mine.jpg").write_bytes(small_photo())
    async with AsyncClient(user.url) as client:
        with pytest.raises(NotAuthenticated):
            await client.me()
        await client.login(user.email, user.password)
        product = await client.create_product("Awaited")
        upload = await client.upload(product.id, tmp_path / "mine.jpg")
        assert [event async for event in client.follow(upload.job_id)][-1].is_last
        assert (await client.wait(upload.job_id)).status == "completed"
        assert (await client.analysis(upload.image_id)).status == "completed"
        assert (await client.analyze(small_photo())).status == "completed"
        await client.export("analyses", tmp_path / "analyses.jsonl", "jsonl")
        assert upload.image_id in (tmp_path / "analyses.jsonl").read_text()
        await client.delete_product(product.id)
        with pytest.raises(NotFound):
            await client.product(product.id)


async def test_a_job_is_awaited_where_no_socket_is_to_be_had(crowded):
    async with AsyncClient(crowded.url) as client:
        await client.login(crowded.email, crowded.password)
        product = await client.create_product("Awaited without a socket")
        upload = await client.upload(product.id, small_photo())
        assert (await client.wait(upload.job_id)).status == "completed"
        again = await client.batch(product.id, [upload.image_id])
        await client.cancel(again.id)
        with pytest.raises(JobFailed, match="cancelled"):
            await client.wait(again.id)


async def test_the_async_client_imports_an_archive(user, tmp_path):
    (tmp_path / "mug.zip").write_bytes(as_zip({"Async mug/1.jpg": small_photo(), "notes.txt": b"x"}))
    sent = []
    async with AsyncClient(user.url) as client:
        await client.login(user.email, user.password)
        begun = await client.import_file(tmp_path / "mug.zip", sent=sent.append)
        assert sum(sent) == (tmp_path / "mug.zip").stat().st_size
        states = [state async for state in client.follow_import(begun.id)]
        assert (states[-1].status, states[-1].imported_rows, states[-1].rows_done) == ("completed", 1, 2)
        (failed,) = (await client.import_rows(begun.id, status="failed")).items
        assert failed.image == "notes.txt"
        assert (await client.imports()).items[0].id == begun.id
        with pytest.raises(Conflict):
            await client.cancel_import(begun.id)
        with pytest.raises(Conflict):
            await client.import_prefix("nothing/")


def test_an_import_whose_sending_breaks_off_is_cancelled(client, tmp_path):
    def interrupt(_):
        raise KeyboardInterrupt

    (tmp_path / "mug.zip").write_bytes(as_zip({"Interrupted mug/1.jpg": small_photo()}))
    with pytest.raises(KeyboardInterrupt):
        client.import_file(tmp_path / "mug.zip", sent=interrupt)
    with pytest.raises(Conflict):
        client.import_prefix("nothing/")
    newest, before = client.imports().items[:2]
    assert [(each.name, each.status) for each in (before, newest)] == [
        ("mug.zip", "cancelled"),
        ("nothing/", "cancelled"),
    ]


async def test_an_import_whose_sending_is_cancelled_is_cancelled(user, tmp_path):
    (tmp_path / "mug.zip").write_bytes(as_zip({"Cancelled mug/1.jpg": small_photo()}))
    loop, begun, may_go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def hold(_):
        loop.call_soon_threadsafe(begun.set)
        may_go_on.wait()

    async with AsyncClient(user.url) as client:
        await client.login(user.email, user.password)
        sending = asyncio.create_task(client.import_file(tmp_path / "mug.zip", sent=hold))
        await begun.wait()
        sending.cancel()
        may_go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await sending
        with pytest.raises(Conflict):
            await client.import_prefix("nothing/")
        newest, before = (await client.imports()).items[:2]
    assert [(each.name, each.status) for each in (before, newest)] == [
        ("mug.zip", "cancelled"),
        ("nothing/", "cancelled"),
    ]


async def test_tasks_whose_token_has_run_out_exchange_it_once(user):
    async with AsyncClient(user.url) as client:
        await client.login(user.email, user.password)
        client._tokens = replace(client._tokens, access_token="no.longer.good")
        assert len({each.id for each in await asyncio.gather(*(client.me() for _ in range(8)))}) == 1
        job = await client.create_product("Followed by nobody")
        client._tokens = replace(client._tokens, access_token="no.longer.good")
        with pytest.raises(NotFound):
            [event async for event in client.follow(job.id)]


@pytest.fixture
async def halfway(user):
    """A task whose client's tokens were exchanged at the service, and which has not heard of it yet."""
    arrived, may_go_on = asyncio.Event(), asyncio.Event()

    async def hold(response):
        if response.url.path.endswith("/auth/refresh"):
            arrived.set()
            await may_go_on.wait()

    async with AsyncClient(user.url) as client:
        await client.login(user.email, user.password)
        client._tokens = replace(client._tokens, access_token="no.longer.good")
        client._http.event_hooks = {"response": [hold]}
        task = asyncio.create_task(client.me())
        await arrived.wait()
        yield client, task, may_go_on
        may_go_on.set()


async def test_a_task_that_is_cancelled_while_it_exchanges_the_tokens_does_not_end_the_session(halfway):
    client, task, may_go_on = halfway
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    may_go_on.set()
    assert (await client.me()).is_active


async def test_an_exchange_of_tokens_ends_before_the_client_is_closed(halfway):
    client, task, may_go_on = halfway
    task.cancel()
    closing = asyncio.create_task(client.close())
    await asyncio.wait([task])
    may_go_on.set()
    await closing
    assert client._tokens.access_token != "no.longer.good"


def test_both_clients_have_the_same_calls():
    def public(kind):
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(Client) == public(AsyncClient)
