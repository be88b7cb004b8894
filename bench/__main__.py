"""``python -m bench``: measure a platform of its own and its peers, print the tables, write the JSON."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from bench import report, serving_report
from bench.jobs import JobsBench
from bench.peers.comparison import Comparison
from bench.peers.process import absence
from bench.peers.settings import PEERS
from bench.platform import platform
from bench.reads import ReadsBench
from bench.serving import ServingBench

TABLES = ("jobs", "serving", "reads")
ROWS = (100, 1_000, 10_000, 1_000_000)


def main() -> int:
    """Read the command line and measure."""
    options = _options()
    asked = [options.only] if options.only else TABLES
    before = os.getloadavg()
    sys.stdout.write(f"Load average before: {before[0]:.2f}\n")
    serving = None
    with platform(options.home) as here:
        if "jobs" in asked:
            jobs = JobsBench(here, batch=options.batch, single=options.single, memory=options.memory)
            _tell("jobs", asyncio.run(jobs.measure()), before)
        if "serving" in asked:
            serving = ServingBench(here, requests=options.requests)
            asyncio.run(serving.measure())
        if "reads" in asked:
            reads = ReadsBench(here, options.rows, requests=options.requests)
            _tell("reads", asyncio.run(reads.measure()), before)
    # A platform of our own is down by now, and the peers have the cores to themselves.
    if serving is not None:
        _beside_peers(serving, options, before)
    sys.stdout.write(f"Load average after: {os.getloadavg()[0]:.2f}\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="What it costs, beside the work itself.")
    parser.add_argument("--only", choices=TABLES, help="one of the tables")
    parser.add_argument("--home", type=Path, help="measure the platform that runs there, not one of its own")
    parser.add_argument("--batch", type=int, default=1000, help="pictures of the batch")
    parser.add_argument("--single", type=int, default=60, help="pictures uploaded one by one")
    parser.add_argument("--memory", type=int, default=0, help="images over which memory is watched")
    parser.add_argument("--requests", type=int, default=400, help="requests of a row of serving or reads")
    programs = [peer.program for peer in PEERS]
    parser.add_argument(
        "--peers", nargs="*", choices=programs, default=programs, help="those to compare with"
    )
    parser.add_argument(
        "--rows", type=int, nargs="+", default=ROWS, help="images at each row of reads, ascending"
    )
    options = parser.parse_args()
    if options.home is not None and options.only not in {"jobs", "serving"}:
        parser.error("Reads fill the database: with --home, say --only jobs or --only serving.")
    return options


def _tell(name: str, rows: list[report.Row], before: tuple[float, ...]) -> None:
    """Print a table and write it."""
    report.show(name.capitalize(), rows)
    sys.stdout.write(f"Written to {report.write(name, rows, load_before=before)}\n")


def _beside_peers(serving: ServingBench, options: argparse.Namespace, before: tuple[float, ...]) -> None:
    """Measure the peers; print, write and draw them with the service."""
    peers = [peer for peer in PEERS if peer.program in options.peers]
    missing = absence(peers)
    sys.stdout.write(missing and f"{missing}\n")
    comparison = Comparison(peers, serving.pictures, options.requests)
    asyncio.run(comparison.measure())
    measured = [*serving.measured, *comparison.served]
    rows = [*serving.rows, *comparison.rows(serving.measured)]
    serving_report.show("Settings, the best of which is measured below", comparison.tried)
    serving_report.show("Serving, each at its best", measured)
    report.show("Serving", rows)
    unmeasured = [said for said in (missing, *comparison.failed) if said]
    sys.stdout.writelines(f"{said}\n" for said in unmeasured)
    facts = {
        "load_before": before,
        "unmeasured": unmeasured,
        "tried": [row.facts() for row in comparison.tried],
        "measured": [row.facts() for row in measured],
    }
    sys.stdout.write(f"Written to {report.write('serving', rows, **facts)}")
    sys.stdout.write(f", drawn in {serving_report.draw(measured)}\n")


if __name__ == "__main__":
    sys.exit(main())
