"""Everything at once: clients upload, cancel, delete and retry while faults are drawn at random.

``make soak MINUTES=15`` asks for longer, with another seed each time; SEED=... draws the same again.
"""

import os
import random
import sys
import time

import pytest

from tests.faults import invariants, processes
from tests.faults.chaos import Chaos
from tests.faults.conftest import at_rest
from tests.faults.load import Client, at_work

MINUTES = float(os.environ.get("SOAK_MINUTES") or 0)
SEED = int(os.environ.get("SOAK_SEED") or (random.SystemRandom().randrange(2**32) if MINUTES else 15_864))
CLIENTS = 3
LASTS_S = (MINUTES or 0.5) * 60
SETTLES_WITHIN_S = 420
"""A run that died before it began is given up after five minutes."""
ENDS = ("job_complete", "job_failed")
STATES = "SELECT status, count(*) FROM jobs WHERE id = ANY(%s::uuid[]) GROUP BY status"


@pytest.fixture
def clients(platform):
    """Users who draw what they do."""
    processes.whole_again(platform)
    clients = [Client(platform.url, f"{SEED}: client {number}") for number in range(CLIENTS)]
    yield clients
    for client in clients:
        client.close()


@pytest.mark.timeout(LASTS_S + 2 * SETTLES_WITHIN_S, func_only=True)
def test_clients_lose_nothing_while_anything_dies(platform, database_url, clients):
    sys.stdout.write(f"\nsoak of {LASTS_S:.0f} s, SEED={SEED}\n")
    chaos = Chaos(platform, f"{SEED}: faults")

    with at_work(clients):
        chaos.until(time.monotonic() + LASTS_S)
    processes.whole_again(platform)
    with invariants.connect(database_url) as database:
        at_rest(database, SETTLES_WITHIN_S)
        accepted = [job for client in clients for job in client.jobs]
        states = dict(database.execute(STATES, [accepted]).fetchall())
        laws = invariants.broken(database, invariants.ALWAYS + invariants.AT_REST)
    watchers = [watcher for client in clients for watcher in client.watchers]
    sys.stdout.write(table(accepted, states, chaos.counts, watchers, clients))

    assert laws == []
    assert sum(states.get(state, 0) for state in ("completed", "failed", "cancelled")) == len(accepted)
    for watcher in watchers:
        watcher.expect_one_end(*ENDS)


def table(accepted, states, faults, watchers, clients):
    """What happened, a line each."""
    ends = [sum(event["type"] in ENDS for event in watcher.events) for watcher in watchers]
    answers = sum((client.answers for client in clients), start=type(clients[0].answers)())
    lines = {
        "jobs accepted": len(accepted),
        **{f"jobs {state}": states.get(state, 0) for state in ("completed", "failed", "cancelled")},
        "jobs lost": len(accepted) - sum(states.values()),
        "jobs open": states.get("queued", 0) + states.get("processing", 0),
        "watchers": len(watchers),
        "watchers with one last event": ends.count(1),
        "faults": sum(faults.values()),
        **{f"  {kind}": count for kind, count in sorted(faults.items())},
        **{f"answers {status}": count for status, count in sorted(answers.items(), key=str)},
    }
    return "".join(f"{name:<32}{count:>8}\n" for name, count in lines.items())
