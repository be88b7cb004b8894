"""The demo, which `make up` ends with."""

import pytest

from imagineai_client.command import main
from tests.contract.services import free_port
from tests.contract.wire import small_photo


@pytest.fixture
def configured(platform, monkeypatch):
    monkeypatch.setenv("IMAGINEAI_HOME", str(platform.home))
    monkeypatch.delenv("IMAGINEAI_URL", raising=False)
    monkeypatch.delenv("IMAGINEAI_DEMO_PASSWORD", raising=False)


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
