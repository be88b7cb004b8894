"""What Prometheus reads on the private port, from a platform that serves."""

import re
import uuid
from pathlib import Path

import httpx
import pytest

from tests import platforms
from tests.contract.services import SecondService
from tests.contract.wire import a_user, small_photo
from tests.scraping import Scrape

DOCUMENT = Path(__file__).parents[2] / "docs" / "observing.md"


@pytest.fixture(scope="module")
def private(platform):
    return platform.env["INFERENCE_URL"]


@pytest.fixture(scope="module")
def user(platform):
    with a_user(platform.url) as user:
        yield user


@pytest.fixture(scope="module")
def second(platform, tmp_path_factory):
    """A service that nobody else uses, with small limits and lines that can be cut."""
    limits = {"RATE_LIMIT_READ": "3/minute", "RATE_LIMIT_AUTH": "100/minute"}
    service = SecondService(platform.env, tmp_path_factory.mktemp("second") / "log", **limits)
    yield service
    service.stop()


def test_requests_are_counted_and_timed_by_the_template_of_their_route(user, private):
    labels = {"method": "GET", "route": "/api/v1/products/{product_id}"}
    before = Scrape(private)
    for _ in range(3):
        user.http.get(f"/products/{uuid.uuid4()}")
    after = Scrape(private)
    name = "imagineai_http_requests_total"
    assert after.value(name, status="404", **labels) == before.value(name, status="404", **labels) + 3
    for part in ("_count", "_bucket", "_sum"):
        timed = f"imagineai_http_request_duration_seconds{part}"
        assert after.value(timed, **labels) > before.value(timed, **labels)


@pytest.mark.parametrize("headers", [{}, {"X-Inference-Secret": "another"}], ids=("none", "another"))
def test_predictions_are_answered_only_to_who_has_the_secret(private, headers):
    answer = httpx.post(f"{private}/predict", content=small_photo(), headers=headers)
    assert answer.status_code == 401
    assert "prediction" not in answer.json()


def test_what_a_caller_chooses_never_becomes_a_label(platform, private):
    odd = f"/{uuid.uuid4().hex}"
    httpx.request("GET", f"{platform.url}{odd}")
    httpx.request("PROPFIND", f"{platform.url}{odd}")
    scrape = Scrape(private)
    name = "imagineai_http_requests_total"
    assert scrape.value(name, route="none", status="404", method="GET") >= 1
    assert scrape.value(name, route="none", method="other") >= 1
    assert odd not in scrape.labels(name, "route")
    assert "PROPFIND" not in scrape.labels(name, "method")


def test_a_job_shows_in_outcomes_predictions_and_durations(user, private):
    ended = {"job_type": "single", "status": "completed"}
    before = Scrape(private)
    user.analysed(user.product()["id"])
    after = Scrape(private)
    for stage in ("wait", "decode", "classify", "extract_attributes", "detect_defects"):
        name = "imagineai_prediction_duration_seconds_count"
        assert after.value(name, stage=stage) > before.value(name, stage=stage)
    name = "imagineai_predictions_total"
    assert after.value(name, outcome="completed") > before.value(name, outcome="completed")
    name = "imagineai_jobs_ended_total"
    platforms.until(
        lambda: Scrape(private).value(name, **ended) > before.value(name, **ended),
        "the job among those ended",
    )
    assert Scrape(private).value("imagineai_jobs_ended_duration_seconds_total", **ended) > 0


def test_a_job_that_waits_is_in_the_queue(platform, user, private):
    product_id = user.product()["id"]
    worker = platforms.processes_of(platform.home)
    shifts = [process for process in worker if "prefect.engine" in " ".join(process.cmdline())]
    assert shifts, "no shift runs"
    for process in shifts:
        process.suspend()
    try:
        job_id = user.upload(product_id)["job_id"]
        scrape = Scrape(private)
        assert scrape.value("imagineai_queue_images", queue="single", status="queued") >= 1
        platforms.until(
            lambda: Scrape(private).value("imagineai_queue_oldest_seconds", queue="single") > 0, "its age"
        )
    finally:
        for process in shifts:
            process.resume()
    assert user.finished(job_id)["status"] == "completed"
    platforms.until(lambda: Scrape(private).value("imagineai_queue_images") == 0, "an empty queue")


def test_the_model_that_answers_is_named(user, private):
    image_id = user.analysed(user.product()["id"])["image_id"]
    version = user.analysis(image_id)["model_version"]
    assert Scrape(private).labels("imagineai_model_served", "version") == {version}


def test_logins_and_refusals_are_counted(user, private):
    before = Scrape(private)
    user.login()
    user.http.post("/auth/login", json={"email": user.email, "password": "not the password"})
    user.http.post("/auth/refresh", json={"refresh_token": user.tokens["refresh_token"]})
    user.http.post("/auth/refresh", json={"refresh_token": user.tokens["refresh_token"]})
    after = Scrape(private)
    for name in ("imagineai_logins_total", "imagineai_token_refreshes_total"):
        for outcome in ("accepted", "refused"):
            assert after.value(name, outcome=outcome) >= before.value(name, outcome=outcome) + 1, (
                name,
                outcome,
            )


def test_reached_limits_are_counted_by_tier(second):
    with a_user(second.url) as user:
        answers = [user.http.get("/products").status_code for _ in range(5)]
    assert answers.count(429) == Scrape(second.env["INFERENCE_URL"]).value(
        "imagineai_rate_limited_total", tier="read"
    )


def test_an_open_socket_is_counted(user, private):
    job_id = user.analysed(user.product()["id"])["job_id"]
    assert user.events(job_id)[1] == 1000
    platforms.until(lambda: Scrape(private).value("imagineai_websockets_open") == 0, "no socket left open")


@pytest.mark.parametrize("part", ["database", "redis", "storage"])
def test_a_part_that_is_away_is_told_and_the_metrics_still_answer(second, part):
    private = second.env["INFERENCE_URL"]
    assert Scrape(private).value("imagineai_part_up", part=part) == 1
    with second.lines[part].cut():
        assert Scrape(private).value("imagineai_part_up", part=part) == 0
    platforms.until(lambda: Scrape(private).value("imagineai_part_up") == 5, "every part up")


def test_the_public_port_has_no_metrics(platform):
    assert httpx.get(f"{platform.url}/metrics").status_code == 404


def test_the_document_lists_exactly_the_metrics_there_are(private):
    listed = set(re.findall(r"^\| `(imagineai_\w+)`", DOCUMENT.read_text(), re.MULTILINE))
    own = [family for family in Scrape(private).families if family.name.startswith("imagineai_")]
    exposed = {f"{family.name}_total" if family.type == "counter" else family.name for family in own}
    assert listed == exposed
