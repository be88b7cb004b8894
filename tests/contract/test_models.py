"""What a replica says of the model that it answers with, and how it follows the registry."""

import time

import httpx
import pytest

from tests.contract.conftest import MODEL
from tests.contract.wire import User, eventually
from tests.promotion_calls import BODY, signed


@pytest.fixture(scope="module")
def other(second):
    """A user of the second service."""
    user = User(second.url, local_address="127.0.0.11")
    yield user
    user.close()


def served(user):
    answer = user.http.get("/models")
    assert answer.status_code == 200, answer.text
    return answer.json()


def serving(user, version):
    """What is served, once it is that version."""
    return eventually(lambda: served(user), lambda told: told["champion"]["version"] == version)


def answering(second):
    """The version that the second service predicts with."""
    secret = {"X-Inference-Secret": second.env["INFERENCE_SECRET"]}
    answer = httpx.get(f"{second.env['INFERENCE_URL']}/serving", headers=secret, timeout=30)
    return answer.json()["model_version"]


def test_the_served_model_is_the_registered_one(user, registry):
    champion = registry("GET", "/registered-models/alias", name=MODEL, alias="champion")["model_version"]
    told = serving(user, champion["version"])
    tags = {tag["key"]: tag["value"] for tag in champion["tags"]}
    assert set(told) == {"name", "champion", "previous", "problem"}
    assert (told["name"], told["problem"]) == (MODEL, None)
    version = told["champion"]
    assert version.pop("labels") > 100
    assert version.pop("since").endswith("Z")
    assert version == {
        "version": champion["version"],
        "run_id": champion["run_id"],
        "bundle_sha256": tags["bundle.sha256"],
        "git_commit": tags["git.commit"],
        "device": "cpu",
    }


def test_the_card_is_that_of_the_served_model(user):
    answer = user.http.get("/models/card")
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"version", "markdown"}
    assert answer.json()["version"] == served(user)["champion"]["version"]
    assert answer.json()["markdown"].startswith("# ")


def test_a_promotion_shows_with_the_version_before_it(user, promote):
    before = served(user)["champion"]
    after = serving(user, promote())
    assert after["previous"] == before
    assert after["champion"]["since"] > before["since"]
    assert after["champion"]["bundle_sha256"] == before["bundle_sha256"]


def test_a_replica_that_nobody_tells_finds_out_by_itself(other, second, promote):
    """MLflow calls the first service only."""
    promoted = promote()
    eventually(lambda: answering(second), lambda version: version == promoted)
    told = served(other)
    assert (told["champion"]["version"], told["problem"]) == (promoted, None)


def test_a_broken_bundle_is_refused_and_told(other, second, registry, promote):
    eventually(second.ready, lambda answer: answer.json()["checks"]["models"] == "ok")
    before = served(other)["champion"]
    broken = promote(digest="0" * 64)
    reason = f"The bundle of version {broken} is not the one that was registered."
    refused = f"error: Version {before['version']} serves on: {reason}"
    eventually(lambda: second.ready().json()["checks"]["models"], lambda said: said == refused)
    told = served(other)
    assert (told["champion"], told["problem"]) == (before, reason)
    assert other.analysed(other.product()["id"])
    assert second.log.read_text().count(reason) == 1


@pytest.fixture
def call(platform):
    """Call as MLflow does."""
    return lambda headers: httpx.post(
        f"{platform.env['INFERENCE_URL']}/promoted", content=BODY, headers=headers, timeout=30
    )


def test_a_call_that_mlflow_has_not_signed_is_refused(platform, call):
    secret, now = platform.env["MODEL_WEBHOOK_SECRET"], int(time.time())
    forged = signed("another", now)
    old = signed(secret, now - 3600)
    of_another_body = signed(secret, now, b"{}")
    odd = {**signed(secret, now), "X-MLflow-Timestamp": "soon"}
    for headers in ({}, forged, old, of_another_body, odd):
        answer = call(headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "Unauthorized"), headers


def test_a_signed_call_is_taken(platform, call):
    headers = signed(platform.env["MODEL_WEBHOOK_SECRET"], int(time.time()))
    assert call(headers).status_code == 204


def test_mlflow_has_one_webhook(platform, registry):
    listed = registry("GET", "/webhooks")["webhooks"]
    assert [webhook["url"] for webhook in listed] == [f"{platform.env['INFERENCE_URL']}/promoted"]
