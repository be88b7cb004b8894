"""How PostgreSQL reads: what a user asks for is found by an index, however much others have."""

import re
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import event
from sqlalchemy.engine import Engine

from bench import rows
from imagineai_api.dashboard import service as dashboard
from imagineai_api.jobs import service as jobs
from imagineai_api.products import service as products

IMAGES = 20_000
LARGE_TABLES = {"products", "product_images", "analyses", "detected_defects", "jobs", "job_images"}
SCAN = re.compile(r"Seq Scan on (\w+)")
PARAMETER = re.compile(r"%\((\w+)\)s")
NOTHING = {"category": None, "status": None, "search": None}
LISTS = [NOTHING, {"category": "toys"}, {"status": "draft"}, {"search": "leather -wireless"}]
LISTS += [{"category": "toys", "status": "active", "search": "chair or lamp"}]


@pytest.fixture(scope="module")
def operator(settings):
    with psycopg.connect(settings.database_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def shopkeeper(operator):
    """One of twenty users with a thousand images each."""
    user_id, _ = rows.fill(operator, IMAGES)
    yield user_id
    operator.execute("DELETE FROM users WHERE full_name = 'Bench'")


@pytest.fixture
def asked(place):
    """The statements that PostgreSQL is asked meanwhile, with their values."""
    statements = []

    def note(connection, cursor, statement, values, context, executemany):
        statements.append((statement, values))

    event.listen(Engine, "before_cursor_execute", note)
    yield statements
    event.remove(Engine, "before_cursor_execute", note)


def plans(operator, statement, values):
    """How a statement is executed the first time, and how once it is prepared for any values."""
    names = sorted(set(PARAMETER.findall(statement)))
    numbered = PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", statement)
    given = sql.SQL(", ").join(sql.Literal(values[name]) for name in names)
    operator.execute(f"PREPARE asked AS {numbered}")
    try:
        for mode in ("force_custom_plan", "force_generic_plan"):
            operator.execute(f"SET plan_cache_mode = {mode}")
            found = operator.execute(sql.SQL("EXPLAIN EXECUTE asked ({})").format(given)).fetchall()
            yield "\n".join(row[0] for row in found)
    finally:
        operator.execute("DEALLOCATE asked")
        operator.execute("RESET plan_cache_mode")


def assert_no_table_is_scanned(operator, asked):
    assert asked
    for statement, values in asked:
        for plan in plans(operator, statement, values):
            assert not LARGE_TABLES & set(SCAN.findall(plan)), plan


@pytest.mark.parametrize("filters", LISTS)
async def test_a_list_of_products_scans_no_table(place, operator, shopkeeper, asked, filters):
    async with place.database.reading() as connection:
        _, total = await products.page(connection, shopkeeper, **{**NOTHING, **filters}, limit=20, offset=0)
    assert total > 0
    assert_no_table_is_scanned(operator, asked)


async def test_a_search_looks_only_among_the_users_own_products(place, operator, shopkeeper, asked):
    async with place.database.reading() as connection:
        await products.page(connection, shopkeeper, **{**NOTHING, "search": "leather"}, limit=20, offset=0)
    for plan in plans(operator, *asked[0]):
        assert re.search(r"Index Cond: \(\(user_id = .*\) AND \(search @@", plan), plan


@pytest.mark.parametrize("status", [None, "completed", "queued"])
async def test_a_list_of_jobs_scans_no_table(place, operator, shopkeeper, asked, status):
    async with place.database.reading() as connection:
        await jobs.page(connection, shopkeeper, status=status, limit=20, offset=40)
    assert_no_table_is_scanned(operator, asked)


async def test_one_product_is_found_by_its_key(place, operator, shopkeeper, asked):
    found = operator.execute("SELECT id FROM products WHERE user_id = %s LIMIT 1", [shopkeeper]).fetchone()
    async with place.database.reading() as connection:
        await products.get(connection, shopkeeper, UUID(str(found[0])))
    assert_no_table_is_scanned(operator, asked)


@pytest.mark.parametrize("numbers", [dashboard.statistics, dashboard.category_distribution, dashboard.recent])
async def test_the_dashboard_scans_no_table(place, operator, shopkeeper, asked, numbers):
    async with place.database.reading() as connection:
        await numbers(connection, shopkeeper)
    assert_no_table_is_scanned(operator, asked)


async def test_the_dashboards_numbers_look_at_no_image(place, operator, shopkeeper, asked):
    async with place.database.reading() as connection:
        await dashboard.statistics(connection, shopkeeper)
    for plan in plans(operator, *asked[0]):
        assert not re.search(r" on (product_images|analyses|detected_defects|products)\b", plan), plan
