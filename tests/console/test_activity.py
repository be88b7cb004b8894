"""The list of jobs: part after part, and by status."""

import pytest
from playwright.sync_api import expect

COMPLETED = "**/api/v1/jobs?*status=completed*"


@pytest.fixture(scope="module")
def jobs(owner, operator):
    """Thirty-five that are completed and two that were cancelled."""
    made = """
        INSERT INTO jobs (id, user_id, job_type, total_images, status, completed_at)
        SELECT gen_random_uuid(), %s, 'single', 1, %s, now() FROM generate_series(1, %s)
    """
    operator.execute(made, [owner.id, "completed", 35])
    operator.execute(made, [owner.id, "cancelled", 2])


@pytest.fixture
def rows(at_home, jobs):
    """What the list shows."""
    at_home.goes_to("#/activity", "Activity")
    rows = at_home.page.get_by_role("list", name="Jobs").get_by_role("listitem")
    expect(rows).to_have_count(30)
    return rows


def test_more_jobs_are_shown_until_there_are_no_more(at_home, rows):
    more = at_home.page.get_by_role("button", name="Show more")
    more.click()
    expect(rows).to_have_count(37)
    expect(more).to_be_hidden()


def test_of_two_statuses_chosen_in_a_row_the_last_one_is_shown(at_home, rows):
    page, held = at_home.page, []
    page.route(COMPLETED, lambda route: held.append(route))
    status = page.get_by_label("Status")
    with page.expect_request(COMPLETED):
        status.select_option("completed")
    status.select_option("cancelled")
    expect(rows).to_have_count(2)
    with page.expect_event("requestfinished", lambda request: "status=completed" in request.url):
        held.pop().continue_()
    page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(rows).to_have_count(2)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
