"""The launcher itself: killed, refused, interrupted, asked to end; nothing is left and nothing is lost."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from functools import partial

import psutil

from imagineai_local import logs, supervisor
from imagineai_local.part import Part
from tests import platforms
from tests.system import contents


def test_a_killed_launcher_leaves_no_process_and_loses_nothing(home):
    first = platforms.up(home, "--only", "redis,mlflow")
    contents.put_into_each(first.env, "before the death of the launcher")
    _register(first.env, "kept")

    os.kill(_launcher(home), signal.SIGKILL)
    platforms.until(lambda: not platforms.processes_of(home), "the end of every process")
    again = platforms.up(home, "--only", "redis,mlflow", IMAGINEAI_PORT_BASE=first.env["IMAGINEAI_PORT_BASE"])

    assert again.env == first.env
    for part, is_there in contents.LOOKS.items():
        assert is_there(again.env, "before the death of the launcher"), part
    assert _versions(again.env, "kept") == ["1"]


def test_down_ends_every_process_and_frees_every_port(home):
    running = platforms.up(home, "--only", "postgres,redis,s3")
    assert platforms.processes_of(home)

    platforms.down(home)

    assert platforms.processes_of(home) == []
    base = int(running.env["IMAGINEAI_PORT_BASE"])
    assert not [port for port in range(base, base + 20) if _answers(port)]
    assert platforms.command(home, "status").returncode == 3


def test_a_killed_guardian_makes_the_launcher_stop_in_order(home):
    platforms.up(home, "--only", "postgres,redis")
    guardian = psutil.Process(_launcher(home)).ppid()

    os.kill(guardian, signal.SIGKILL)

    platforms.until(lambda: not platforms.processes_of(home), "the end of every process")
    assert "Everything is stopped." in (home / "logs" / "launcher.log").read_text()


def test_guardian_and_launcher_killed_together_leave_no_process(home):
    platforms.up(home, "--only", "postgres,redis,s3")
    launcher = psutil.Process(_launcher(home))
    guardian = launcher.parent()
    guardian.suspend()  # so that it has no chance to clear up

    launcher.kill()
    guardian.kill()

    platforms.until(lambda: not platforms.processes_of(home), "the end of every process")


def test_a_state_that_cannot_be_written_is_said_once_and_ends_nothing(home):
    platforms.up(home, "--only", "postgres,redis")
    log, state = home / "logs" / "launcher.log", home / "state.json"
    state.unlink()
    state.mkdir()  # as on a full disk, nothing can be written there
    _kill(home, "redis")
    platforms.until(lambda: "Redis: ready" in log.read_text(), "Redis is started again")
    _kill(home, "redis")
    platforms.until(lambda: log.read_text().count("Redis: ready") == 2, "Redis is started once more")
    assert log.read_text().count(f"{state} cannot be written") == 1

    state.rmdir()
    _kill(home, "redis")
    platforms.until(
        lambda: state.exists() and platforms.parts(home)["redis"]["restarts"] == 3, "the state is written"
    )

    state.unlink()
    state.mkdir()
    platforms.down(home)
    assert platforms.processes_of(home) == []
    assert log.read_text().endswith("Everything is stopped.\n")
    assert "Traceback" not in log.read_text()


async def test_a_log_that_cannot_be_kept_short_is_said_once_and_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "_LOOK_AT_LOGS_EVERY_S", 0.01)
    long, other = (_part(tmp_path, name) for name in ("long", "other"))
    for part in (long, other):
        part.log.touch()
        os.truncate(part.log, logs.LARGEST_BYTES + 1)
    old = long.log.with_name("long.log.1")
    old.mkdir()  # as on a full disk, nothing can be written there
    told, until = Told(), partial(asyncio.to_thread, platforms.until)
    keeper = supervisor.Supervisor([long, other], told)
    await until(lambda: other.log.stat().st_size == 0 and told.reasons, "the other log is cut")
    os.truncate(other.log, logs.LARGEST_BYTES + 1)
    await until(lambda: other.log.stat().st_size == 0, "it is cut again")
    (reason,) = told.reasons
    assert reason.startswith(f"{long.log} cannot be kept short (Is a directory)")

    old.rmdir()
    await until(lambda: long.log.stat().st_size == 0, "the log is cut")
    await keeper.stop()
    assert len(told.reasons) == 1


def test_ctrl_c_in_the_foreground_stops_everything(home):
    running = _in_foreground(home)

    os.killpg(running.pid, signal.SIGINT)

    assert running.wait(timeout=30) == 0
    assert platforms.processes_of(home) == []


def test_ctrl_c_while_a_detached_start_goes_on_stops_everything(home):
    starting = _foreground_command(home, "--detach")
    platforms.until(lambda: bool(platforms.processes_of(home)), "a first process")

    os.killpg(starting.pid, signal.SIGINT)

    assert starting.wait(timeout=60) != 0
    assert platforms.processes_of(home) == []


def test_a_taken_port_is_named_with_its_owner(home):
    base = platforms.free_base()
    with socket.create_server(("127.0.0.1", base + 3)):
        done = platforms.command(
            home, "up", "--detach", "--no-demo", "--only", "redis", IMAGINEAI_PORT_BASE=str(base)
        )

    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    for named in (str(base + 3), "Redis", str(os.getpid()), psutil.Process().name(), "IMAGINEAI_PORT_BASE"):
        assert named in done.stderr
    assert platforms.processes_of(home) == []


def test_a_part_that_cannot_start_is_named_with_the_end_of_its_log(home):
    platforms.up(home, "--only", "redis")
    platforms.down(home)
    manifest = next((home / "redis" / "appendonlydir").glob("*.manifest"))
    manifest.write_text("this is no manifest\n")

    done = platforms.command(
        home,
        "up",
        "--detach",
        "--no-demo",
        "--only",
        "redis,s3",
        IMAGINEAI_PORT_BASE=str(platforms.free_base()),
    )

    assert done.returncode == 1
    assert "Redis ended 3 times in a row" in done.stdout
    assert "Invalid AOF manifest file format" in done.stdout
    assert platforms.processes_of(home) == []


def test_a_command_for_an_unknown_part_says_which_there_are(home):
    done = platforms.command(home, "up", "--no-demo", "--only", "oracle")

    assert done.returncode == 1
    assert "oracle" in done.stderr
    assert "postgres" in done.stderr


def test_damaged_secrets_are_never_replaced(home):
    home.mkdir()
    (home / "secrets.json").write_text("{")

    done = platforms.command(home, "up", "--no-demo", "--only", "redis")

    assert done.returncode == 1
    assert "secrets.json" in done.stderr
    assert (home / "secrets.json").read_text() == "{"


class Told:
    """Who watches a supervisor, and what it was told of."""

    def __init__(self):
        self.reasons = []

    def changed(self, kept):
        pass

    def trouble(self, reason):
        self.reasons.append(reason)


def _part(folder, name):
    return Part(name, name, ("true",), {}, folder, folder / f"{name}.log")


def _kill(home, part):
    """Kill a part by its mark, whatever the state says."""
    (process,) = [
        process
        for process in psutil.Process(_holder(home)).children()
        if process.environ().get("IMAGINEAI_PART", "").endswith(f":{part}")
    ]
    process.kill()


def _holder(home):
    return int((home / "lock").read_text())


def _launcher(home):
    return json.loads((home / "state.json").read_text())["launcher"]


def _foreground_command(home, *options):
    env = platforms.clean_environment(
        IMAGINEAI_HOME=str(home), IMAGINEAI_PORT_BASE=str(platforms.free_base())
    )
    command = [
        sys.executable,
        "-m",
        "imagineai_local",
        "up",
        "--no-demo",
        "--only",
        "postgres,redis,s3",
        *options,
    ]
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, start_new_session=True)


def _in_foreground(home):
    process = _foreground_command(home)
    platforms.until(
        lambda: (
            (home / "state.json").exists()
            and all(part["state"] == "ready" for part in platforms.parts(home).values())
        ),
        "three parts ready",
    )
    return process


def _answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _mlflow(env, call, **body):
    request = urllib.request.Request(
        f"{env['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/{call}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def _register(env, name):
    _mlflow(env, "registered-models/create", name=name)
    _mlflow(env, "model-versions/create", name=name, source="s3://imagineai-mlflow/kept")


def _versions(env, name):
    found = _mlflow(env, "registered-models/get-latest-versions", name=name)
    return [version["version"] for version in found["model_versions"]]
