"""Backups that are odd, and homes that are not empty; how all comes back is a part of the operator's hour."""

import tarfile

import pytest

from tests import platforms
from tests.system import contents


@pytest.fixture
def home(tmp_path):
    yield tmp_path / "home"
    if (tmp_path / "home").exists():
        platforms.down(tmp_path / "home")


def backup(home, file):
    done = platforms.command(home, "backup", str(file))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_platform_that_rests_is_backed_up_and_rests_on(home, tmp_path):
    platforms.up(home, "--only", "postgres,s3")
    platforms.down(home)
    backup(home, tmp_path / "backup.tar")
    assert not platforms.processes_of(home)
    with tarfile.open(tmp_path / "backup.tar") as archive:
        names = archive.getnames()
    assert names[:2] == ["manifest.json", "secrets.json"]
    assert {"databases/imagineai", "databases/mlflow", "databases/prefect"} <= set(names)


def test_a_backup_that_was_cut_short_or_altered_is_refused_and_leaves_nothing(home, tmp_path):
    running = platforms.up(home, "--only", "postgres,s3")
    contents.storage(running.env).put_object(Bucket=running.env["S3_BUCKET"], Key="kept", Body=b"kept" * 999)
    backup(home, tmp_path / "backup.tar")
    platforms.down(home)
    content = (tmp_path / "backup.tar").read_bytes()
    with tarfile.open(tmp_path / "backup.tar") as archive:
        end = archive.getmember("end").offset
        kept = archive.getmember(f"objects/{running.env['S3_BUCKET']}/kept").offset_data + 1000
        dump = archive.getmember("databases/mlflow").offset_data + 1000
    (tmp_path / "half.tar").write_bytes(content[: end // 2])
    (tmp_path / "no end.tar").write_bytes(content[:end])
    (tmp_path / "another object.tar").write_bytes(flipped(content, kept))
    (tmp_path / "another database.tar").write_bytes(flipped(content, dump))
    (tmp_path / "more.tar").write_bytes(content)
    with tarfile.open(tmp_path / "more.tar", "a") as archive:
        archive.add(tmp_path / "half.tar", f"objects/{running.env['S3_BUCKET']}/more")
    (tmp_path / "text.tar").write_text("no archive")
    (tmp_path / "backup.tar").unlink()
    for file in (*tmp_path.glob("*.tar"), tmp_path / "absent.tar"):
        done = platforms.command(tmp_path / "new", "restore", str(file))
        assert done.returncode == 1, file
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert not (tmp_path / "new").exists(), file
        assert not platforms.processes_of(tmp_path / "new")


def test_a_backup_of_another_format_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text('{"format": 1}')
    with tarfile.open(tmp_path / "old.tar", "w") as archive:
        archive.add(tmp_path / "manifest.json", "manifest.json")
    done = platforms.command(tmp_path / "new", "restore", str(tmp_path / "old.tar"))
    assert (done.returncode, "of another format than 2" in done.stderr) == (1, True), done.stderr


def flipped(content, place):
    """The same, but for one bit."""
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def test_nothing_is_restored_over_a_home_that_holds_something(home, tmp_path):
    home.mkdir()
    (home / "kept").write_text("mine")
    done = platforms.command(home, "restore", str(tmp_path / "backup.tar"))
    assert done.returncode == 1
    assert "is not empty" in done.stderr
    assert (home / "kept").read_text() == "mine"
    done = platforms.command(tmp_path / "nowhere", "backup", str(tmp_path / "backup.tar"))
    assert (done.returncode, "There is no platform" in done.stderr) == (1, True)


def test_a_home_whose_restore_was_cut_short_does_not_start(home):
    home.mkdir()
    (home / "restoring").write_text("")
    done = platforms.command(home, "up", "--detach", "--no-demo")
    assert done.returncode == 1
    assert "restore it again" in done.stderr
