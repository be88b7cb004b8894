"""The client and its command, against the same service."""

import pytest

from imagineai_client import Client
from imagineai_client.command import main
from imagineai_client.errors import BadInput, Conflict, NotAuthenticated, NotFound, ServiceUnreachable
from tests.contract.services import free_port
from tests.contract.wire import small_photo


@pytest.fixture
def configured(platform, monkeypatch):
    monkeypatch.setenv("IMAGINEAI_HOME", str(platform.home))
    monkeypatch.delenv("IMAGINEAI_URL", raising=False)
    monkeypatch.delenv("IMAGINEAI_DEMO_PASSWORD", raising=False)


@pytest.fixture(scope="module")
def client(user):
    with Client(user.url) as client:
        client.login(user.email, user.password)
        yield client


def test_the_demo_prints_what_it_found_in_its_own_picture(configured, capsys):
    assert main(["demo"]) == 0
    said = capsys.readouterr().out
    for step in ("preprocess", "classify", "extract_attributes", "detect_defects", "generate_description"):
        assert f"{step}: completed" in said
    assert "mug (" in said
    assert "home_garden / " in said
    assert "color blue" in said
    assert "ms from upload to complete" in said


def test_the_demo_takes_a_picture_of_mine(configured, capsys, tmp_path):
    (tmp_path / "mine.jpg").write_bytes(small_photo())
    assert main(["demo", str(tmp_path / "mine.jpg")]) == 0
    assert "mine.jpg" in capsys.readouterr().out


def test_the_demo_says_in_the_services_words_what_is_wrong_with_a_file(configured, capsys, tmp_path):
    (tmp_path / "text.jpg").write_text("not a picture")
    assert main(["demo", str(tmp_path / "text.jpg")]) == 1
    said = capsys.readouterr()
    assert len(said.err.strip().splitlines()) == 1
    assert "Traceback" not in said.err


def test_the_demo_names_make_up_where_nothing_runs(configured, monkeypatch, capsys):
    monkeypatch.setenv("IMAGINEAI_URL", f"http://127.0.0.1:{free_port()}")
    assert main(["demo"]) == 1
    assert "make up" in capsys.readouterr().err


def test_a_token_that_has_run_out_is_refreshed_unseen(client):
    client._access_token = "no.longer.good"
    assert client.me().is_active


def test_a_job_is_followed_to_its_analysis(client):
    product = client.create_product("Followed")
    upload = client.upload(product.id, small_photo())
    *_, last = client.follow(upload.job_id)
    assert last.type == "job_complete"
    assert client.analysis(upload.image_id).status == "completed"
    assert client.wait(upload.job_id).status == "completed"
    assert client.product(product.id).status == "active"
    assert upload.job_id in [job.id for job in client.jobs().items]


def test_an_expired_token_is_refreshed_for_the_live_events_too(client):
    upload = client.upload(client.create_product("Followed late").id, small_photo())
    client._access_token = "no.longer.good"
    *_, last = client.follow(upload.job_id)
    assert last.type == "job_complete"


def test_the_services_refusals_are_errors_of_their_own(client, user, seen, stranger):
    with pytest.raises(Conflict):
        client.register(user.email, user.password, "Jane")
    with pytest.raises(BadInput) as caught:
        client.create_product(" ")
    assert caught.value.status == 422
    with Client(stranger.url) as other:
        with pytest.raises(NotAuthenticated):
            other.me()
        other.login(stranger.email, stranger.password)
        with pytest.raises(NotFound):
            other.job(seen["job_id"])
        with pytest.raises(NotFound):
            list(other.follow(seen["job_id"]))


def test_a_service_that_is_away_is_said_to_be(user):
    with Client(f"http://127.0.0.1:{free_port()}") as nobody, pytest.raises(ServiceUnreachable):
        nobody.login(user.email, user.password)
