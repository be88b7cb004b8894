"""PostgreSQL, Redis and S3: killed, they come back with what they had acknowledged."""

import os
import shlex
import signal
import subprocess

import psutil
import pytest

from tests import platforms
from tests.system import contents


@pytest.mark.parametrize("part", ["postgres", "redis", "s3"])
def test_a_killed_store_comes_back_with_its_data(stores, part):
    contents.put_into_each(stores.env, f"before the death of {part}")
    killed = platforms.pid(stores.home, part)

    os.kill(killed, signal.SIGKILL)

    platforms.until(lambda: not psutil.pid_exists(killed), f"the end of {part}")
    platforms.until(
        lambda: contents.LOOKS[part](stores.env, f"before the death of {part}"), f"the data of {part}"
    )
    state = platforms.parts(stores.home)[part]
    assert state["restarts"] == 1
    assert state["pid"] != killed


def test_a_second_launcher_in_the_same_home_is_refused(stores):
    done = platforms.command(stores.home, "up", "--detach", "--no-demo", "--only", "redis")

    assert done.returncode == 1
    assert "already" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert contents.redis(stores.env).ping()


def test_every_listener_is_on_the_loopback_address(stores):
    addresses, ports = map(set, zip(*platforms.listening(stores.home), strict=True))

    assert ports >= {int(stores.env["IMAGINEAI_PORT_BASE"]) + place for place in (2, 3, 4)}
    assert addresses == {"127.0.0.1"}


def test_files_and_folders_of_the_home_are_their_owners_alone(stores):
    # SeaweedFS widens some of its own files; the folder above them keeps others out all the same.
    seaweeds = stores.home / "s3" / "data"
    open_to_others = [
        str(path)
        for path in (stores.home, *stores.home.rglob("*"))
        if (path.is_dir() or not path.is_relative_to(seaweeds)) and path.stat().st_mode & 0o077
    ]

    assert open_to_others == []


def test_no_secret_is_on_a_command_line(stores):
    secrets = {
        value
        for name, value in stores.env.items()
        if any(word in name for word in ("SECRET", "PASSWORD", "TOKEN", "KEY"))
    }
    secrets |= {
        stores.env[name].rpartition("@")[0].rpartition(":")[2] for name in ("DATABASE_URL", "REDIS_URL")
    }
    lines = [shlex.join(process.cmdline()) for process in platforms.processes_of(stores.home)]

    assert len(lines) >= 3
    assert [line for line in lines for secret in secrets if secret in line] == []


def test_a_shell_and_a_plain_reader_read_the_same_env_file(stores):
    script = f"set -a; . {shlex.quote(str(stores.home / 'env'))}; env -0"
    seen = subprocess.run(["sh", "-c", script], env={}, capture_output=True, text=True, check=True)
    by_shell = dict(pair.split("=", 1) for pair in seen.stdout.split("\0") if pair)

    assert stores.env.items() <= by_shell.items()
    assert by_shell["IMAGINEAI_HOME"] == str(stores.home)


def test_status_names_every_part_and_its_process(stores):
    done = platforms.command(stores.home, "status")

    assert done.returncode == 0
    for part in ("postgres", "redis", "s3"):
        assert str(platforms.pid(stores.home, part)) in done.stdout


@pytest.mark.parametrize("part", ["postgres", "redis", "s3"])
def test_a_store_refuses_who_has_no_secret(stores, part):
    env = {**stores.env, "AWS_SECRET_ACCESS_KEY": "x" * 40}
    for name in ("DATABASE_URL", "REDIS_URL"):
        before, at, after = env[name].rpartition("@")
        env[name] = f"{before.rpartition(':')[0]}:wrong{at}{after}"
    contents.put_into_each(stores.env, "a secret thing")

    with pytest.raises(Exception, match=r"(?i)password|signature"):
        {
            "postgres": lambda: contents.database(env),
            "redis": lambda: contents.redis(env).ping(),
            "s3": lambda: contents.storage(env).get_object(Bucket=env["S3_BUCKET"], Key="a secret thing"),
        }[part]()
