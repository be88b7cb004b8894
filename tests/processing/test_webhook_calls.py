"""Webhooks from the inside: whom the service refuses to call, and what holds whoever dies or sends beside."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from sqlalchemy import func, select, text

from imagineai_api.errors import Invalid
from imagineai_api.jobs import endings
from imagineai_api.tables import Job, User
from imagineai_api.webhook_tables import Webhook, WebhookDelivery
from imagineai_api.webhooks import addresses, queue, service
from imagineai_api.webhooks.addresses import Addresses, is_public
from imagineai_api.webhooks.sender import Sender

REFUSED = [
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
]
TAKEN = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
LEAD_HERE = [
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f.1:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://0:{port}/",
    "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
]
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%webhook%'"


@pytest.fixture
def open_to_all(settings):
    """Settings that let webhooks lead here, and hurry."""
    quick = {"webhooks_allow_private": True, "webhook_retry_s": 0.1, "dispatch_poll_s": 0.05}
    return settings.model_copy(update=quick)


@pytest.fixture
async def register(place, owner):
    """Write a webhook of the owner's, whatever its URL."""

    async def register(url, **fields):
        values = {"user_id": owner, "url": url, "events": ["job_failed"], "secret": "whsec_AAAA", **fields}
        async with place.database.transaction() as connection:
            inserted = Webhook.__table__.insert().values(id=uuid4(), **values)
            return await connection.scalar(inserted.returning(Webhook.id))

    return register


@pytest.fixture
async def end_a_job(place, owner):
    """End so many jobs of the owner's, each in a transaction of its own."""

    async def end(times=1):
        for _ in range(times):
            async with place.database.transaction() as connection:
                values = {"id": uuid4(), "user_id": owner, "job_type": "single", "total_images": 1}
                inserted = Job.__table__.insert().values(**values).returning(Job.id)
                await endings.cancel(connection, await connection.scalar(inserted), "Enough.")

    return end


@pytest.fixture
async def sending(place):
    """Start senders with some settings; they end with the test."""
    tasks, closing = [], []

    async def start(settings):
        looked_up = Addresses(settings)
        sender = Sender(settings, place.database, looked_up)
        closing.append((sender, looked_up))
        tasks.append(asyncio.create_task(sender.run()))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for sender, looked_up in closing:
        await sender.close()
        looked_up.close()


@pytest.fixture
def rows(place):
    async def rows(webhook_id):
        query = select(WebhookDelivery.__table__).where(WebhookDelivery.webhook_id == webhook_id)
        async with place.database.reading() as connection:
            return (await connection.execute(query.order_by(WebhookDelivery.created_at))).mappings().all()

    return rows


@pytest.fixture
def ended(rows):
    """A webhook's deliveries once all of them have ended."""

    async def ended(webhook_id):
        async def all_ended():
            return not any(row["status"] == "pending" for row in await rows(webhook_id))

        await until(all_ended)
        return await rows(webhook_id)

    return ended


async def until(holds):
    """Look until a condition holds."""
    async with asyncio.timeout(60):
        while not await holds():  # noqa: ASYNC110 - it holds in another process
            await asyncio.sleep(0.02)


async def webhook(place, webhook_id):
    async with place.database.reading() as connection:
        query = select(Webhook.__table__).where(Webhook.id == webhook_id)
        return (await connection.execute(query)).mappings().one()


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_of_the_open_internet_is_not_public(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", TAKEN)
def test_an_address_of_the_open_internet_is_public(address):
    assert is_public(ip_address(address))


@pytest.mark.parametrize("url", LEAD_HERE)
async def test_a_url_that_leads_here_is_refused_when_it_is_registered(place, settings, owner, receiver, url):
    looked_up, fields = Addresses(settings), {"url": url.format(port=receiver.port), "events": ["job_failed"]}
    with pytest.raises(Invalid, match="private"):
        await service.create(place.database, looked_up, settings, owner, {**fields, "description": None})
    looked_up.close()


async def test_http_is_refused_where_only_https_is_taken(settings):
    strict = Addresses(settings.model_copy(update={"webhooks_allow_http": False}))
    with pytest.raises(Invalid, match="https"):
        await strict.check("http://shop.example/")
    strict.close()
    production = settings.model_copy(update={"environment": "production", "webhooks_allow_http": None})
    assert production.webhook_schemes == ("https",)


@pytest.mark.parametrize("url", LEAD_HERE)
async def test_a_url_that_leads_here_is_refused_at_the_call_too(
    settings, register, end_a_job, sending, ended, receiver, path, url
):
    made = await register(url.format(port=receiver.port) + path[1:])
    await end_a_job()
    await sending(settings.model_copy(update={"webhook_attempts": 1}))
    (delivery,) = await ended(made)
    assert (delivery["status"], delivery["error"]) == ("failed", addresses.PRIVATE)
    assert receiver.at(path) == []


async def test_a_name_that_turns_private_after_its_registration_is_not_called(
    settings, register, end_a_job, sending, ended, receiver, path, monkeypatch
):
    answers = [["93.184.215.14"], ["93.184.215.14", "127.0.0.1"]]
    monkeypatch.setattr(addresses, "_resolve", lambda *_: answers.pop(0))
    one_try = settings.model_copy(update={"webhook_attempts": 1})
    looked_up = Addresses(one_try)
    await looked_up.check(f"http://shop.example:{receiver.port}{path}")
    looked_up.close()
    made = await register(f"http://shop.example:{receiver.port}{path}")
    await end_a_job()
    await sending(one_try)
    assert (await ended(made))[0]["error"] == addresses.PRIVATE
    assert receiver.at(path) == []


async def test_the_connection_goes_to_the_address_that_was_judged_and_names_its_host(
    open_to_all, register, end_a_job, sending, ended, receiver, path, monkeypatch
):
    asked = []
    monkeypatch.setattr(addresses, "_resolve", lambda host, _: asked.append(host) or ["127.0.0.1"])
    made = await register(f"http://shop.example:{receiver.port}{path}")
    await end_a_job()
    await sending(open_to_all)
    assert (await ended(made))[0]["status"] == "delivered"
    assert asked == ["shop.example"]
    assert receiver.at(path)[0].headers["host"] == f"shop.example:{receiver.port}"


async def test_an_answer_without_end_holds_nobody_up(open_to_all, register, end_a_job, sending, ended):
    async def pour(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
                await writer.drain()
        except ConnectionError:
            writer.close()

    async with await asyncio.start_server(pour, "127.0.0.1", 0) as server:
        made = await register(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        await end_a_job()
        await sending(open_to_all)
        assert (await ended(made))[0]["status"] == "delivered"


async def test_what_is_no_http_is_an_error_in_words(open_to_all, register, end_a_job, sending, ended):
    async def babble(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        made = await register(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        await end_a_job()
        await sending(open_to_all.model_copy(update={"webhook_attempts": 1}))
        assert (await ended(made))[0]["error"] == "What the endpoint answered is not HTTP."


async def test_a_server_without_tls_is_said_in_words(
    open_to_all, register, end_a_job, sending, ended, receiver, path
):
    made = await register(receiver.url(path).replace("http", "https"))
    await end_a_job()
    await sending(open_to_all.model_copy(update={"webhook_attempts": 1}))
    assert (await ended(made))[0]["error"] == "No trusted TLS connection to the endpoint came about."


@pytest.mark.parametrize(
    ("name", "status", "error"),
    [
        ("shop.example", "delivered", None),
        ("other.example", "failed", "No trusted TLS connection to the endpoint came about."),
    ],
)
async def test_a_certificate_is_held_to_the_name_and_not_to_the_address(
    open_to_all, register, end_a_job, sending, ended, monkeypatch, tmp_path, name, status, error
):
    context = certified("shop.example", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    monkeypatch.setattr(addresses, "_resolve", lambda *_: ["127.0.0.1"])
    async with await asyncio.start_server(take, "127.0.0.1", 0, ssl=context) as server:
        made = await register(f"https://{name}:{server.sockets[0].getsockname()[1]}/")
        await end_a_job()
        await sending(open_to_all.model_copy(update={"webhook_attempts": 1}))
        (delivery,) = await ended(made)
    assert (delivery["status"], delivery["error"]) == (status, error)


async def take(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    writer.close()


def certified(name, folder):
    """A server's side of TLS, with a certificate of its own making."""
    key, named = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
    )
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(named).issuer_name(named).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    certificate = folder / "certificate.pem"
    certificate.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    whole = folder / "key.pem"
    whole.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, whole)
    return context


async def test_a_disabled_account_is_told_nothing(place, owner, open_to_all, register, end_a_job):
    made = await register("http://127.0.0.1:9/")
    await end_a_job()
    async with place.database.transaction() as connection:
        await connection.execute(User.__table__.update().where(User.id == owner).values(is_active=False))
    async with place.database.transaction() as connection:
        claimed = await queue.claim(connection, open_to_all, (), 100)
    assert made not in {attempt.webhook_id for attempt in claimed}


async def test_two_replicas_send_each_message_once(
    open_to_all, register, end_a_job, sending, ended, receiver, path
):
    made = await register(receiver.url(path))
    await end_a_job(40)
    for _ in range(2):
        await sending(open_to_all)
    delivered = await ended(made)
    assert {row["status"] for row in delivered} == {"delivered"}
    ids = [call.headers["webhook-id"] for call in receiver.at(path)]
    assert len(ids) == len(set(ids)) == 40


async def test_an_endpoint_with_thousands_waiting_does_not_come_before_all_others(
    place, open_to_all, register, end_a_job, sending, ended, rows, receiver, path
):
    crowded = await register("http://127.0.0.1:9/", failures=1, failing_since=func.now(), events=[])
    waiting = text(
        "INSERT INTO webhook_deliveries (id, webhook_id, event, payload, due_at)"
        " SELECT gen_random_uuid(), :webhook, 'job_failed', '{}', now() - interval '1 hour'"
        " FROM generate_series(1, 3000)"
    )
    async with place.database.transaction() as connection:
        await connection.execute(waiting, {"webhook": crowded})
    made = await register(receiver.url(path))
    await end_a_job()
    await sending(open_to_all.model_copy(update={"dispatch_poll_s": 50}))
    assert (await ended(made))[0]["status"] == "delivered"
    assert sum(row["attempts"] == 0 for row in await rows(crowded)) > 2 * queue.LOOKED_AT
    async with place.database.transaction() as connection:
        await connection.execute(Webhook.__table__.delete().where(Webhook.id == crowded))


async def test_a_job_that_is_not_committed_tells_nobody(place, owner, register, rows):
    made = await register("http://127.0.0.1:9/")

    async def end_and_crash():
        async with place.database.transaction() as connection:
            values = {"id": uuid4(), "user_id": owner, "job_type": "single", "total_images": 1}
            job_id = await connection.scalar(Job.__table__.insert().values(**values).returning(Job.id))
            await endings.cancel(connection, job_id, "Enough.")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await end_and_crash()
    assert await rows(made) == []


async def test_a_call_whose_process_died_is_made_again_by_another_with_the_same_id(
    place, open_to_all, register, end_a_job, sending, ended, rows, receiver, path
):
    made = await register(receiver.url(path))
    await end_a_job()
    receiver.hold(path)
    first = await sending(open_to_all)

    async def is_called():
        return receiver.at(path)

    await until(is_called)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    (left,) = await rows(made)
    assert (left["status"], left["attempts"]) == ("pending", 1)
    async with place.database.transaction() as connection:
        lapsed = WebhookDelivery.__table__.update().where(WebhookDelivery.webhook_id == made)
        await connection.execute(lapsed.values(lease_until=func.now()))
    receiver.let_go(path)
    await sending(open_to_all)
    assert [(row["status"], row["attempts"]) for row in await ended(made)] == [("delivered", 2)]
    assert {call.headers["webhook-id"] for call in receiver.at(path)} == {str(left["id"])}


async def test_a_message_is_given_up_after_its_last_attempt(
    place, open_to_all, register, end_a_job, sending, ended, receiver, path
):
    made = await register(receiver.url(path))
    receiver.answer(path, 500)
    await end_a_job()
    await sending(open_to_all.model_copy(update={"webhook_attempts": 2}))
    (delivery,) = await ended(made)
    assert (delivery["status"], delivery["attempts"], len(receiver.at(path))) == ("failed", 2, 2)
    assert (await webhook(place, made))["active"]


async def test_an_endpoint_that_failed_for_days_is_called_no_more_and_the_reason_is_kept(
    place, open_to_all, register, end_a_job, sending, ended, receiver, path
):
    days_ago = func.now() - func.make_interval(0, 0, 0, 4)
    made = await register(receiver.url(path), failing_since=days_ago, failures=30)
    receiver.answer(path, 500)
    await end_a_job()
    await sending(open_to_all.model_copy(update={"webhook_attempts": 1}))
    await ended(made)
    given_up = await webhook(place, made)
    assert not given_up["active"]
    assert "72 hours" in given_up["disabled_reason"]
    assert "500" in given_up["disabled_reason"]


async def test_one_failure_long_ago_and_one_now_do_not_end_the_calls(
    place, open_to_all, register, end_a_job, sending, ended, receiver, path
):
    days_ago = func.now() - func.make_interval(0, 0, 0, 4)
    made = await register(receiver.url(path), failing_since=days_ago, failures=1)
    receiver.answer(path, 500, 200)
    await end_a_job()
    await sending(open_to_all)
    assert (await ended(made))[0]["attempts"] == 2
    found = await webhook(place, made)
    assert (found["active"], found["failures"], found["failing_since"]) == (True, 0, None)


async def test_a_webhook_that_is_being_deleted_does_not_keep_a_job_from_ending(
    place, owner, register, end_a_job, rows
):
    made = await register("http://127.0.0.1:9/")
    async with place.database.transaction() as connection:
        await service.remove(connection, owner, made)
        ending = asyncio.create_task(end_a_job())

        async def waits():
            async with place.database.reading() as looking:
                return await looking.scalar(text(WAITING))

        await until(waits)
    await ending
    assert await rows(made) == []


async def test_a_replaced_secret_signs_until_its_time_is_over(
    open_to_all, register, end_a_job, sending, ended, receiver, path
):
    until = func.now() - func.make_interval(0, 0, 0, 0, 0, 0, 1)
    made = await register(receiver.url(path), previous_secret="whsec_BBBB", previous_secret_until=until)
    await end_a_job()
    await sending(open_to_all)
    await ended(made)
    assert " " not in receiver.at(path)[0].headers["webhook-signature"]


async def test_a_row_that_cannot_be_signed_keeps_no_other_call_from_being_made(
    open_to_all, register, end_a_job, sending, ended, receiver, path
):
    address = f"http://127.0.0.1:{receiver.port}{path}"
    damaged = await register(address, secret="whsec_x")
    sound = await register(address)
    await end_a_job()

    await sending(open_to_all.model_copy(update={"webhook_attempts": 1}))

    assert [row["status"] for row in await ended(sound)] == ["delivered"]
    assert [row["status"] for row in await ended(damaged)] == ["failed"]
