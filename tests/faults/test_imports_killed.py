"""An import whose processes are killed in the middle: nothing is lost, and nothing is there twice."""

import pytest

from tests.contract.importing import announced, as_zip, counts, ended, pictures, rows_of, seen, started
from tests.contract.wire import eventually, small_photo
from tests.faults import invariants, processes

ROWS = 120
TWICE = """
SELECT import_key FROM product_images WHERE user_id = %s GROUP BY import_key HAVING count(*) > 1
"""
UNLIKE = """
SELECT id FROM imports WHERE user_id = %s AND (imported_rows, skipped_rows, failed_rows) <> (
    SELECT count(*) FILTER (WHERE status = 'imported'), count(*) FILTER (WHERE status = 'skipped'),
           count(*) FILTER (WHERE status = 'failed')
    FROM import_rows WHERE import_id = imports.id)
"""
HOLD = "SELECT FROM imports WHERE id = %s FOR UPDATE"


@pytest.fixture
def at_work(callers):
    """An import of which some rows are done."""
    files = {f"mugs/{number:03}.jpg": small_photo() for number in range(ROWS)}
    made = started(callers.user, announced(callers.user, "mugs.zip", as_zip(files)))
    more_than(callers, made, 0)
    return made


def more_than(callers, made, rows):
    """Wait until more rows are imported."""
    return eventually(
        lambda: seen(callers.user, made)["imported_rows"],
        lambda now: now > rows,
        processes.NEXT_RUN_WITHIN_S,
    )


def expect_all_once(callers, database, made):
    """Every row became one picture of the one product, and every picture is analysed."""
    done = ended(callers.user, made, processes.NEXT_RUN_WITHIN_S)
    assert (done["status"], counts(done)) == ("completed", (ROWS, ROWS, 0, 0)), done
    names = [f"{number:03}.jpg" for number in range(ROWS)]
    assert sorted(pictures(callers.user)["mugs"]) == names
    assert database.execute(TWICE, [callers.user.id]).fetchall() == []
    assert database.execute(UNLIKE, [callers.user.id]).fetchall() == []
    for row in rows_of(callers.user, made):
        eventually(
            lambda row=row: callers.user.analysis(row["image_id"])["status"],
            lambda status: status == "completed",
        )


@pytest.mark.timeout(600, func_only=True)
def test_an_import_whose_processes_are_killed_three_times_is_completed_once(
    platform, callers, database, at_work
):
    # Of a run that is killed its worker tells Prefect; of one that dies with its worker nobody does.
    for kill in (kill_runs, kill_worker, kill_runs):
        kill(platform)
        more_than(callers, at_work, seen(callers.user, at_work)["imported_rows"])

    expect_all_once(callers, database, at_work)


@pytest.mark.timeout(600, func_only=True)
def test_a_run_killed_before_its_commit_leaves_the_row_to_the_next(platform, callers, database, at_work):
    with invariants.connect(platform.env["DATABASE_URL"]) as holder, holder.transaction():
        holder.execute(HOLD, [at_work["id"]])  # every row is decided with this one in hand
        before = seen(callers.user, at_work)["imported_rows"]
        eventually(lambda: waits_for_it(database), bool)
        kill_runs(platform)
        assert seen(callers.user, at_work)["imported_rows"] == before

    expect_all_once(callers, database, at_work)


@pytest.mark.timeout(600, func_only=True)
def test_a_run_that_was_stopped_and_comes_back_late_writes_nothing(platform, callers, database, at_work):
    """Another run has taken the import over: the fence keeps the first from deciding a row again."""
    stopped = processes.runs(platform, "batch")
    for process in stopped:
        process.suspend()
    before = seen(callers.user, at_work)["imported_rows"]
    more_than(callers, at_work, before)
    for process in stopped:
        process.resume()

    expect_all_once(callers, database, at_work)


@pytest.mark.timeout(600, func_only=True)
def test_the_api_killed_in_the_middle_of_an_import_costs_nothing(platform, callers, database, at_work):
    processes.kill_part(platform, "api")
    processes.whole_again(platform)
    expect_all_once(callers, database, at_work)


def waits_for_it(database):
    """Whether somebody waits for the import's row."""
    waiting = """
        SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE imports SET%'
    """
    return database.execute(waiting).fetchone()[0]


def kill_runs(platform):
    processes.kill(*processes.runs(platform, "batch"))


def kill_worker(platform):
    processes.kill_part(platform, "batch")
