"""The processes of a platform, to be killed and stopped: by their ids, never by a name."""

import contextlib

import httpx
import psutil

from tests import platforms
from tests.contract.wire import eventually
from tests.faults import invariants
from tests.system.callers import ready

WHOLE_WITHIN_S = 180
NEXT_RUN_WITHIN_S = 180
"""A run starts within seconds on a machine of its own; on one that others load, within a minute or two."""
CLAIMS = "SELECT last_value FROM lease_tokens"
CLAIMED_SINCE = "SELECT count(*) FROM job_images WHERE job_id = ANY(%s::uuid[]) AND lease_token > %s"
OPEN_SHIFTS = """
SELECT count(*) FROM shifts
WHERE opened_at IS NOT NULL AND closed_at IS NULL AND heartbeat_at > now() - interval '3 s'
"""
BACKENDS = "SELECT client_port, state FROM pg_stat_activity WHERE client_port IS NOT NULL"


def part(platform, name):
    """The process of a part."""
    return psutil.Process(platforms.pid(platform.home, name))


def runs(platform, pool):
    """The processes of a pool's runs, once there are any."""
    return eventually(lambda: runs_now(platform, pool), bool)


def runs_now(platform, pool):
    """The processes of a pool's runs, without those in which Prefect tells of a run that has crashed."""
    pid = platforms.parts(platform.home)[pool]["pid"]
    children = [] if pid is None else psutil.Process(pid).children(recursive=True)
    return [process for process in children if _is_run(process)]


def the_shift(platform, database):
    """The one process that serves uploads; those that an earlier fault has left over are asked to end."""
    asked = set()

    def serving():
        *others, newest = sorted(runs(platform, "interactive"), key=psutil.Process.create_time)
        for process in set(others) - asked:
            process.terminate()
            asked.add(process)
        (open_ones,) = database.execute(OPEN_SHIFTS).fetchone()
        return [*others, newest], open_ones

    (shift,), _ = eventually(serving, lambda found: (len(found[0]), found[1]) == (1, 1))
    return shift


def kill(*processes):
    """End processes as the kernel does when memory is short, and wait until they are gone."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    platforms.until(lambda: not any(map(_lives, processes)), "the end of what was killed")


def kill_part(platform, name):
    """Kill the process of a part, and return as soon as the launcher has seen it end."""
    before = platforms.parts(platform.home)[name]["restarts"]
    kill(part(platform, name))
    platforms.until(
        lambda: platforms.parts(platform.home)[name]["restarts"] > before, f"the death of {name} noticed"
    )


def whole_again(platform):
    """Wait until the service is there and every check is ok."""

    def is_whole():
        try:
            return set(ready(platform.url).json()["checks"].values()) == {"ok"}
        except httpx.TransportError:
            return False

    platforms.until(is_whole, "every check ok", WHOLE_WITHIN_S)


@contextlib.contextmanager
def in_hand(platform, database, job_ids):
    """Keep what is claimed of these jobs in the hands that claim it; gives what waits for so many images.

    Whoever works on an image holds the row of its job before each step: here the test holds it.
    """
    before = database.execute(CLAIMS).fetchone()[0]

    def claimed(images):
        def count():
            return database.execute(CLAIMED_SINCE, [job_ids, before]).fetchone()[0]

        eventually(count, lambda found: found >= images, NEXT_RUN_WITHIN_S)

    with invariants.connect(platform.env["DATABASE_URL"]) as holder, holder.transaction():
        holder.execute("SELECT FROM jobs WHERE id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE", [job_ids])
        yield claimed


def transactions(database, process):
    """How many transactions a process that is stopped has left open."""
    ports = {connection.laddr.port for connection in process.net_connections("inet")}

    def states():
        return [state for port, state in database.execute(BACKENDS).fetchall() if port in ports]

    return eventually(states, lambda found: "active" not in found).count("idle in transaction")


def _is_run(process):
    try:
        return "hook" not in process.cmdline() and _lives(process)
    except psutil.NoSuchProcess:
        return False


def _lives(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
