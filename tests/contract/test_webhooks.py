"""Webhooks: what the service promises beside the reference, over the wire, with a receiver that is called."""

import base64
import hashlib
import hmac
import re
import time
import uuid
from pathlib import Path

import pytest

from tests.contract.wire import at_once, eventually

UNKNOWN = str(uuid.uuid4())
FIELDS = {
    "id", "url", "events", "description", "active", "disabled_reason", "failing_since", "created_at",
    "updated_at",
}  # fmt: skip
ODD_URLS = {
    "another scheme": "ftp://shop.example/",
    "no scheme": "shop.example/hooks",
    "a user": "https://user:pw@shop.example/",
    "a fragment": "https://shop.example/#a",
    "a NUL": "https://shop.example/\0",
    "a line break": "https://shop.example/\n",
    "a blank": "https://shop .example/",
    "letters beyond ASCII": "https://bücher.example/",
    "wide digits": "http://１２７.0.0.1/",  # noqa: RUF001 - that is the point
    "backslashes": "http:\\\\127.0.0.1\\",
    "a port past the last": "https://shop.example:70000/",
    "an open bracket": "http://[::1",
    "no IPv6 address": "http://[1:2]/",
    "no host": "https:///hooks",
    "an empty label": "https://a..b/",
    "too long": f"https://shop.example/{'a' * 3000}",
    "a host too long": f"https://{'a.' * 150}example/",
    "empty": "",
}


@pytest.fixture
def owner(new_user):
    """A user without other webhooks."""
    return new_user()


def register(user, url, **fields):
    answer = user.http.post("/webhooks", json={"url": url, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


def look(user, webhook):
    return user.http.get(f"/webhooks/{webhook['id']}").json()


def log(user, webhook, **query):
    answer = user.http.get(f"/webhooks/{webhook['id']}/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def newest(user, webhook, status):
    """The newest delivery once it has this status."""
    listed = eventually(
        lambda: log(user, webhook)["items"], lambda items: items and items[0]["status"] == status
    )
    return listed[0]


def ping(user, webhook):
    answer = user.http.post(f"/webhooks/{webhook['id']}/test")
    assert answer.status_code == 202, answer.text
    return answer.json()


def calls(receiver, path, number=1):
    return eventually(lambda: receiver.at(path), lambda found: len(found) >= number)


def signature(secret, call):
    """What Standard Webhooks asks for, computed here."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def open_job(database, user, product_id=None):
    """A job with nothing to do in it, so that only a cancellation can end it."""
    made = "INSERT INTO jobs (id, user_id, product_id, job_type, total_images)"
    values = " VALUES (gen_random_uuid(), %s, %s, 'single', 1) RETURNING id::text"
    return database.execute(made + values, [user.id, product_id]).fetchone()[0]


def test_a_webhook_is_registered_with_a_secret_that_is_shown_once(owner, receiver, path):
    made = register(owner, receiver.url(path), description="The shop's.")
    assert set(made) == FIELDS | {"secret"}
    assert (made["active"], made["disabled_reason"], made["description"]) == (True, None, "The shop's.")
    assert made["events"] == ["job_complete", "job_failed"]
    assert len(base64.b64decode(made["secret"].removeprefix("whsec_"))) >= 24
    kept = {name: made[name] for name in FIELDS}
    assert look(owner, made) == kept
    assert owner.http.get("/webhooks").json() == {"items": [kept], "total": 1}


def test_a_user_has_at_most_ten_also_when_all_come_at_once(owner, receiver, path):
    answers = at_once(lambda _: owner.http.post("/webhooks", json={"url": receiver.url(path)}), 14)
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [409] * 4


@pytest.mark.parametrize("name", ODD_URLS)
def test_an_odd_url_is_refused_in_words(owner, name):
    answer = owner.http.post("/webhooks", json={"url": ODD_URLS[name]})
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"].startswith("url: ")


@pytest.mark.parametrize(
    "fields",
    [{"events": []}, {"events": ["step_update"]}, {"description": "a\0"}, {"description": "a" * 201}],
)
def test_other_odd_fields_are_refused(owner, receiver, path, fields):
    answer = owner.http.post("/webhooks", json={"url": receiver.url(path), **fields})
    assert answer.status_code == 422, answer.text


def test_a_name_that_leads_nowhere_is_taken_and_said_at_each_call(owner):
    made = register(owner, "https://nowhere.invalid/hooks")
    ping(owner, made)
    assert newest(owner, made, "failed")["error"] == "The name of the endpoint could not be resolved."


def test_only_the_fields_that_are_sent_change(owner, receiver, path):
    made = register(owner, receiver.url(path))
    changes = {"url": receiver.url("/new"), "events": ["job_failed"]}
    changed = owner.http.patch(f"/webhooks/{made['id']}", json={**changes, "id": UNKNOWN, "secret": "mine"})
    assert changed.status_code == 200
    assert {name: changed.json()[name] for name in changes} == changes
    assert changed.json()["id"] == made["id"]
    assert owner.http.patch(f"/webhooks/{made['id']}", json={}).json() == changed.json()
    for field in ("url", "events", "active"):
        assert owner.http.patch(f"/webhooks/{made['id']}", json={field: None}).status_code == 422


def test_a_deleted_webhook_is_gone_with_its_log(owner, receiver, path, database):
    made = register(owner, receiver.url(path))
    ping(owner, made)
    newest(owner, made, "delivered")
    assert owner.http.delete(f"/webhooks/{made['id']}").status_code == 204
    assert owner.http.get(f"/webhooks/{made['id']}").status_code == 404
    left = "SELECT count(*) FROM webhook_deliveries WHERE webhook_id = %s"
    assert database.execute(left, [made["id"]]).fetchone() == (0,)


def test_a_strangers_webhook_does_not_exist_for_me(owner, stranger, receiver, path):
    made = register(owner, receiver.url(path))
    for webhook_id in (made["id"], UNKNOWN):
        where = f"/webhooks/{webhook_id}"
        answers = [
            stranger.http.get(where),
            stranger.http.patch(where, json={"url": "http://127.0.0.1/"}),
            stranger.http.delete(where),
            stranger.http.post(f"{where}/test"),
            stranger.http.post(f"{where}/rotate-secret"),
            stranger.http.get(f"{where}/deliveries"),
        ]
        assert {(one.status_code, one.json()["detail"]) for one in answers} == {
            (404, "There is no such webhook.")
        }
    assert look(owner, made)["url"] == receiver.url(path)


def test_a_completed_job_is_told_signed_and_logged(owner, receiver, path):
    made = register(owner, receiver.url(path))
    product_id = owner.product()["id"]
    job_id = owner.analysed(product_id)["job_id"]
    (call,) = calls(receiver, path)
    assert call.headers["content-type"] == "application/json"
    assert call.headers["webhook-signature"] == signature(made["secret"], call)
    assert abs(int(call.headers["webhook-timestamp"]) - time.time()) < 300
    assert call.message == {
        "type": "job_complete",
        "timestamp": owner.job(job_id)["completed_at"],
        "data": {
            "job_id": job_id,
            "job_type": "single",
            "status": "completed",
            "product_id": product_id,
            "total_images": 1,
            "processed_images": 1,
            "failed_images": 0,
            "error": None,
        },
    }
    delivery = newest(owner, made, "delivered")
    assert (delivery["id"], delivery["job_id"]) == (call.headers["webhook-id"], job_id)
    assert (delivery["event"], delivery["attempts"], delivery["response_status"]) == ("job_complete", 1, 204)
    assert (delivery["error"], delivery["next_attempt_at"]) == (None, None)


def test_a_failed_job_is_told_with_its_error(owner, receiver, path):
    product_id = owner.product()["id"]
    image_id = owner.replaced(product_id)
    register(owner, receiver.url(path), events=["job_failed"])
    job = owner.finished(owner.http.post(f"/analysis/{image_id}/retry").json()["job_id"])
    (call,) = calls(receiver, path)
    told = call.message["data"]
    assert call.message["type"] == "job_failed"
    assert (told["status"], told["processed_images"], told["failed_images"]) == ("failed", 0, 1)
    assert told["error"] == job["error_message"]


@pytest.mark.parametrize("how", ["by its user", "with its product"])
def test_a_cancelled_job_is_told_as_failed_with_the_status_cancelled(owner, receiver, path, database, how):
    register(owner, receiver.url(path))
    product_id = owner.product()["id"]
    job_id = open_job(database, owner, product_id)
    where = f"/batch/{job_id}" if how == "by its user" else f"/products/{product_id}"
    assert owner.http.delete(where).status_code == 204
    (call,) = calls(receiver, path)
    assert (call.message["type"], call.message["data"]["job_id"]) == ("job_failed", job_id)
    assert (call.message["data"]["status"], call.message["data"]["product_id"]) == ("cancelled", product_id)
    assert call.message["data"]["error"]


def test_only_the_events_that_were_asked_for_are_told(owner, receiver, path, database):
    made = register(owner, receiver.url(path), events=["job_complete"])
    other = register(owner, receiver.url(f"{path}/other"))
    owner.http.delete(f"/batch/{open_job(database, owner)}")
    calls(receiver, f"{path}/other")
    assert log(owner, made)["total"] == 0
    assert log(owner, other)["total"] == 1


def test_nothing_of_mine_is_told_to_a_stranger(owner, stranger, receiver, path, database):
    theirs = register(stranger, receiver.url(f"{path}/theirs"))
    register(owner, receiver.url(path))
    owner.http.delete(f"/batch/{open_job(database, owner)}")
    calls(receiver, path)
    assert log(stranger, theirs)["total"] == 0
    stranger.http.delete(f"/webhooks/{theirs['id']}")


def test_a_call_that_fails_is_made_again_with_the_same_id_and_body(owner, receiver, path, database):
    made = register(owner, receiver.url(path))
    receiver.answer(path, 500, 429, 200, Retry_After="0")
    owner.http.delete(f"/batch/{open_job(database, owner)}")
    found = calls(receiver, path, 3)
    assert len({(call.headers["webhook-id"], call.body) for call in found}) == 1
    for call in found:
        assert call.headers["webhook-signature"] == signature(made["secret"], call)
    delivery = newest(owner, made, "delivered")
    assert (delivery["attempts"], delivery["response_status"], delivery["error"]) == (3, 200, None)
    assert look(owner, made)["failing_since"] is None


def test_between_attempts_the_log_says_what_was_wrong_and_when_the_next_is(owner, receiver, path, database):
    made = register(owner, receiver.url(path))
    receiver.answer(path, 503, Retry_After="3000")
    owner.http.delete(f"/batch/{open_job(database, owner)}")
    (waiting,) = eventually(
        lambda: log(owner, made)["items"], lambda items: items and items[0]["response_status"]
    )
    assert (waiting["status"], waiting["attempts"]) == ("pending", 1)
    assert waiting["error"] == "The endpoint answered 503."
    assert waiting["next_attempt_at"] > waiting["created_at"]
    assert look(owner, made)["failing_since"] is not None


def test_a_redirect_is_an_error_and_not_followed(owner, receiver, path):
    made = register(owner, receiver.url(path))
    receiver.answer(path, 302, Location=receiver.url(f"{path}/elsewhere"))
    ping(owner, made)
    delivery = newest(owner, made, "failed")
    assert (delivery["response_status"], "redirect" in delivery["error"]) == (302, True)
    assert receiver.at(f"{path}/elsewhere") == []


def test_a_port_where_nobody_listens_is_said_in_words(owner):
    made = register(owner, "http://127.0.0.1:9/")
    ping(owner, made)
    delivery = newest(owner, made, "failed")
    assert (delivery["response_status"], delivery["error"]) == (None, "The endpoint took no connection.")


def test_a_410_ends_the_calls_until_the_user_begins_anew(owner, receiver, path, database):
    made = register(owner, receiver.url(path))
    receiver.answer(path, 410, 200)
    owner.http.delete(f"/batch/{open_job(database, owner)}")
    assert newest(owner, made, "failed")["attempts"] == 1
    ended = eventually(lambda: look(owner, made), lambda webhook: not webhook["active"])
    assert "410" in ended["disabled_reason"]
    assert owner.http.post(f"/webhooks/{made['id']}/test").status_code == 409
    owner.http.delete(f"/batch/{open_job(database, owner)}")
    assert log(owner, made)["total"] == 1
    again = owner.http.patch(f"/webhooks/{made['id']}", json={"active": True}).json()
    assert (again["active"], again["disabled_reason"], again["failing_since"]) == (True, None, None)
    ping(owner, made)
    newest(owner, made, "delivered")


def test_what_waits_while_a_webhook_is_not_active_is_sent_once_it_is(owner, receiver, path, database):
    made = register(owner, receiver.url(path))
    receiver.answer(path, 500, 200)
    owner.http.delete(f"/batch/{open_job(database, owner)}")
    calls(receiver, path)
    owner.http.patch(f"/webhooks/{made['id']}", json={"active": False})
    owner.http.delete(f"/batch/{open_job(database, owner)}")
    assert log(owner, made)["total"] == 1
    owner.http.patch(f"/webhooks/{made['id']}", json={"active": True})
    newest(owner, made, "delivered")


def test_an_endpoint_that_does_not_answer_delays_nobody(owner, new_user, receiver, path, database):
    slow, other = f"{path}/slow", new_user()
    receiver.hold(slow)
    register(owner, receiver.url(slow))
    mine, theirs = register(owner, receiver.url(path)), register(other, receiver.url(f"{path}/theirs"))
    for _ in range(12):
        owner.http.delete(f"/batch/{open_job(database, owner)}")
    calls(receiver, slow)
    other.http.delete(f"/batch/{open_job(database, other)}")
    assert newest(other, theirs, "delivered")
    assert len(calls(receiver, path, 12)) == 12
    assert {item["status"] for item in log(owner, mine)["items"]} <= {"delivered", "pending"}
    receiver.let_go(slow)


def test_a_call_past_its_time_is_said_in_words(owner, receiver, path):
    made = register(owner, receiver.url(path))
    receiver.hold(path)
    ping(owner, made)
    assert re.fullmatch(r"The endpoint did not answer.*", newest(owner, made, "failed")["error"])
    receiver.let_go(path)


def test_after_a_rotation_both_secrets_sign_and_each_is_shown_once(owner, receiver, path):
    made = register(owner, receiver.url(path))
    rotated = owner.http.post(f"/webhooks/{made['id']}/rotate-secret")
    assert rotated.status_code == 200
    assert rotated.json()["secret"] != made["secret"]
    assert "secret" not in look(owner, made)
    ping(owner, made)
    (call,) = calls(receiver, path)
    both = [signature(rotated.json()["secret"], call), signature(made["secret"], call)]
    assert call.headers["webhook-signature"].split(" ") == both


def test_a_ping_says_that_it_is_one_and_is_tried_once(owner, receiver, path):
    made = register(owner, receiver.url(path))
    receiver.answer(path, 500)
    pinged = ping(owner, made)
    assert (pinged["event"], pinged["status"], pinged["attempts"]) == ("ping", "pending", 0)
    assert (newest(owner, made, "failed")["attempts"], len(receiver.at(path))) == (1, 1)
    assert receiver.at(path)[0].message["type"] == "ping"


def test_the_log_is_newest_first_and_cut_by_limit_and_offset(owner, receiver, path):
    made = register(owner, receiver.url(path))
    pings = [ping(owner, made)["id"] for _ in range(3)]
    assert [item["id"] for item in log(owner, made)["items"]] == pings[::-1]
    part = log(owner, made, limit=1, offset=1)
    assert ([item["id"] for item in part["items"]], part["total"]) == ([pings[1]], 3)
    assert log(owner, made, offset=10) == {"items": [], "total": 3}
    assert owner.http.get(f"/webhooks/{made['id']}/deliveries", params={"limit": 0}).status_code == 422


def test_the_documents_ten_lines_verify_what_is_sent(owner, receiver, path):
    made = register(owner, receiver.url(path))
    ping(owner, made)
    (call,) = calls(receiver, path)
    document = (Path(__file__).resolve().parents[2] / "docs" / "webhooks.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    assert len(code.strip().splitlines()) <= 14
    names = {}
    exec(code, names)
    assert names["is_genuine"](made["secret"], call.headers, call.body)
    assert not names["is_genuine"](made["secret"], call.headers, call.body + b" ")
    assert not names["is_genuine"]("whsec_" + base64.b64encode(b"another").decode(), call.headers, call.body)
    old = {**call.headers, "webhook-timestamp": str(int(time.time()) - 3600)}
    assert not names["is_genuine"](made["secret"], old, call.body)


def test_no_log_holds_a_secret_or_an_address(owner, receiver, path, platform):
    made = register(owner, receiver.url(path))
    receiver.answer(path, 500)
    ping(owner, made)
    newest(owner, made, "failed")
    said = "".join(file.read_text() for file in (platform.home / "logs").glob("api*"))
    assert made["id"] in said
    assert made["secret"] not in said
    assert path not in said
