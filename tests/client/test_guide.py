"""docs/client.md: every command and every piece of Python in it, as a reader would try them."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from imagineai_client import Client
from tests import documents
from tests.contract.importing import as_zip
from tests.contract.wire import PASSWORD, a_user, small_photo

GUIDE = "docs/client.md"
(ACTIVATES, *COMMANDS), PIECES = documents.commands(GUIDE), documents.pieces(GUIDE)
PROGRAM = Path(sys.executable).with_name("imagineai")
"""What is typed as imagineai once the environment is activated."""
READER = "you@example.com"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    for name in ("photo.jpg", "photos/front.jpg", "photos/back.jpg"):
        (tmp_path / name).write_bytes(small_photo())
    (tmp_path / "products.csv").write_text("title,image\nRed mug,front.jpg\nBlue bowl,back.jpg\n")
    (tmp_path / "photos.zip").write_bytes(as_zip({"Green plate/front.jpg": small_photo()}))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def test_the_guide_has_what_is_tried_here():
    assert ACTIVATES == ". .venv/bin/activate"
    assert (len(COMMANDS), len(PIECES)) == (9, 2)


def test_the_commands_do_what_the_guide_says(folder, platform, user, place_object):
    said = ""
    for command in COMMANDS:
        words = shlex.split(command.replace(READER, f"reader-of-{user.email}"))
        assert words[0] == "imagineai"
        typed = "" if words[1] != "register" else f"{PASSWORD}\n"
        more = ["--password-stdin", "--url", platform.url] if typed else []
        ended = subprocess.run(
            [PROGRAM, *words[1:], *more],
            cwd=folder, input=typed, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, f"{command}: {ended.stderr}"
        said += ended.stdout
        if typed:
            fill_the_folder(f"reader-of-{user.email}", platform, place_object)
    assert "2 analysed, 0 there already, 0 failed" in said
    assert "2 of 2 analysed, 0 failed" in said
    assert "2 imported, 0 there already, 0 failed" in said
    assert said.count("1 imported, 0 there already, 0 failed") == 2
    assert len((folder / "analyses.csv").read_text().splitlines()) == 3


def fill_the_folder(email, platform, place_object):
    """Put a picture into the reader's folder in S3, as their own tools would."""
    with Client(platform.url) as client:
        client.login(email, PASSWORD)
        place_object(f"imports/{client.me().id}/spring/mug.jpg", small_photo())


@pytest.mark.parametrize("piece", PIECES, ids=("sync", "async"))
def test_the_python_does_what_the_guide_says(piece, folder, platform):
    with a_user(platform.url) as reader:
        code = piece.replace(READER, reader.email).replace("http://127.0.0.1:8000", platform.url)
        ended = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
        )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip()
