"""The rows of an import under its lease, and what housekeeping takes of it."""

import asyncio

import pytest
from sqlalchemy import func, insert, select, update

from imagineai_api.database import interval
from imagineai_api.errors import Conflict, Superseded
from imagineai_api.housekeeping.duty import Bounds, Premises
from imagineai_api.housekeeping.service import DUTIES, attend
from imagineai_api.import_tables import Import, ImportRow
from imagineai_api.imports import progress, sources
from imagineai_api.imports import service as imports
from imagineai_api.imports.progress import Ledger
from imagineai_api.imports.rows import Row
from imagineai_api.imports.taking import Taker
from imagineai_api.orchestrator import Prefect
from imagineai_api.products import service as products
from imagineai_api.tables import Job, Product, ProductImage
from tests.processing.interposing import Instead
from tests.processing.photos import photo
from tests.processing.relaying import relay

DAY_S = 86_400
ROWS = [Row(n, f"Mug {n}", f"{n}.jpg", f"title:Mug {n}", f"{n}.jpg") for n in range(1, 4)]


@pytest.fixture
async def made(place, owner):
    """An import of the user's folder that waits for a run, with its pictures there."""
    for row in ROWS:
        await place.storage.put(f"imports/{owner}/{row.image}", photo(), "image/jpeg")
    async with place.database.transaction() as connection:
        values = {"user_id": owner, "kind": "prefix", "name": "", "status": "queued"}
        return await connection.scalar(insert(Import).values(**values).returning(Import.id))


async def change(place, made, **values):
    async with place.database.transaction() as connection:
        await connection.execute(update(Import).where(Import.id == made).values(**values))


async def seen(place, made):
    async with place.database.reading() as connection:
        query = select(Import.__table__).where(Import.id == made)
        return (await connection.execute(query)).one_or_none()


async def statuses(place, made):
    async with place.database.reading() as connection:
        query = select(ImportRow.status).where(ImportRow.import_id == made).order_by(ImportRow.number)
        return (await connection.scalars(query)).all()


async def begun(place, settings, made):
    """A run that holds the import: its ledger, and what takes rows for it."""
    work = await progress.begin(place.database, settings, made, "a run")
    ledger = Ledger(place.database, settings, work)
    source = await sources.opened(place.storage, settings, work)
    return ledger, Taker(place.database, place.storage, work, source, ledger)


async def test_one_run_holds_an_import_until_its_lease_lapses_and_writes_nothing_afterwards(
    place, settings, made
):
    first, taker = await begun(place, settings, made)
    await first.add(ROWS)
    await first.count_rows()
    assert await progress.begin(place.database, settings, made, "another") is None
    await change(place, made, lease_until=func.now() - interval(1))
    second, its_taker = await begun(place, settings, made)

    row = (await first.waiting(1))[0]
    for late in (first.extend(), first.refuse(1, "Late."), first.end("completed"), taker.take(row)):
        with pytest.raises(Superseded):
            await late
    assert await statuses(place, made) == ["waiting"] * 3

    for row in await second.waiting(10):
        assert await its_taker.take(row) is not None
    assert await statuses(place, made) == ["imported"] * 3
    assert (await seen(place, made)).imported_rows == 3


async def test_what_a_run_that_lost_its_import_has_stored_goes_again(place, settings, owner, made):
    first, taker = await begun(place, settings, made)
    await first.add(ROWS)
    await first.count_rows()
    (row, *_) = await first.waiting(1)
    await change(place, made, status="cancelled", completed_at=func.now())
    with pytest.raises(Superseded):
        await taker.take(row)
    assert await place.storage.list_page(f"products/{owner}/", "") == []


async def test_a_row_makes_product_picture_and_job_in_the_transaction_that_decides_it(
    place, settings, owner, made
):
    ledger, taker = await begun(place, settings, made)
    await ledger.add(ROWS[:1])
    await ledger.count_rows()
    job_id = await taker.take((await ledger.waiting(1))[0])
    async with place.database.reading() as connection:
        row = (await connection.execute(select(ImportRow.__table__).where(ImportRow.import_id == made))).one()
        product = (await connection.execute(select(Product).where(Product.id == row.product_id))).one()
        image = (await connection.execute(select(ProductImage).where(ProductImage.id == row.image_id))).one()
        job = (await connection.execute(select(Job).where(Job.id == job_id))).one()
    assert (row.status, row.job_id, product.user_id) == ("imported", job_id, owner)
    assert (product.import_key, image.import_key) == ("title:Mug 1", "1.jpg")
    assert (job.job_type, job.product_id, image.upload_job_id) == ("single", product.id, job_id)
    assert await ledger.unfinished_jobs() == [job_id]


async def test_a_row_whose_product_is_there_by_the_time_it_is_written_waits_and_then_joins_it(
    place, settings, owner, made
):
    ledger, taker = await begun(place, settings, made)
    await ledger.add(ROWS[:1])
    await ledger.count_rows()
    (row,) = await ledger.waiting(1)
    real = place.storage.put

    async def put_after_another_import(*arguments):
        async with place.database.transaction() as connection:
            fields = {"title": "Theirs", "import_key": row.product_key}
            await products.create(connection, owner, fields)
        taker._storage = place.storage
        return await real(*arguments)

    taker._storage = Instead(place.storage, put=put_after_another_import)
    assert await taker.take(row) is None
    assert await statuses(place, made) == ["waiting"]
    assert await taker.take(row) is not None
    async with place.database.reading() as connection:
        titles = (await connection.scalars(select(Product.title).where(Product.user_id == owner))).all()
    assert titles == ["Theirs"]


@pytest.fixture
async def keep_house(place, settings):
    """Do the duty, and what it has put into the outbox."""
    prefect = Prefect(settings)
    duty = next(duty for duty in DUTIES if duty.name == "imports")

    async def do():
        premises = Premises(settings, place.database, place.storage, prefect)
        outcome = await attend(premises, duty, Bounds(settings, asyncio.Event()))
        await relay(place, settings)
        return outcome

    yield do
    await prefect.close()


@pytest.fixture
async def source(place, owner, made):
    """The file of that import."""
    key = f"imports/{owner}/{made}/a.zip"
    await place.storage.put(key, b"zip", "application/zip")
    await change(place, made, kind="zip", name="a.zip", source_key=key)
    return key


async def test_a_start_that_meets_a_cancellation_leaves_no_run_without_a_file(
    place, settings, owner, made, source
):
    await change(place, made, status="pending")
    head = place.storage.head

    async def head_before_a_cancellation(key):
        found = await head(key)
        async with place.database.transaction() as connection:
            await imports.cancel(connection, owner, made, urls_last_s=60)
        return found

    storage = Instead(place.storage, head=head_before_a_cancellation)
    with pytest.raises(Conflict, match="no longer kept"):
        await imports.start(place.database, storage, settings, owner, made, request_id=None)
    assert (await seen(place, made)).status == "cancelled"


@pytest.mark.parametrize(("hours", "goes"), [(24, False), (26, True)])
async def test_an_import_that_nobody_started_ends_and_its_file_goes(
    place, made, source, keep_house, hours, goes
):
    await change(place, made, status="pending", created_at=func.now() - interval(hours * 3600))
    await keep_house()
    left = await seen(place, made)
    assert (left.status, left.source_key) == (("cancelled", None) if goes else ("pending", source))
    assert (await place.storage.head(source) is None) == goes


@pytest.mark.parametrize(("hours", "goes"), [(23, False), (25, True)])
async def test_the_file_of_a_cancelled_import_stays_for_a_day(place, made, source, keep_house, hours, goes):
    ended = func.now() - interval(hours * 3600)
    await change(place, made, status="cancelled", completed_at=ended)
    await keep_house()
    assert (await place.storage.head(source) is None) == goes
    assert ((await seen(place, made)).source_key is None) == goes


async def test_an_import_goes_with_its_rows_a_month_after_its_end(place, settings, made, keep_house):
    ledger, _ = await begun(place, settings, made)
    await ledger.add(ROWS)
    await ledger.end("completed")
    await change(place, made, completed_at=func.now() - interval(29 * DAY_S))
    await keep_house()
    assert len(await statuses(place, made)) == 3
    await change(place, made, completed_at=func.now() - interval(31 * DAY_S))
    assert (await keep_house()).removed == 4
    assert await statuses(place, made) == []
    assert await seen(place, made) is None
