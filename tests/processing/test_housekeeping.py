"""The duties of housekeeping: what is old and unneeded goes, what is young or referenced stays."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import delete, func, insert, select, update

from imagineai_api import storage as storages
from imagineai_api import thumbnails
from imagineai_api.auth import service as accounts
from imagineai_api.database import interval
from imagineai_api.errors import Conflict, NotFound, Unauthorized
from imagineai_api.housekeeping import orphans, outbox, shifts, tokens, unconfirmed
from imagineai_api.housekeeping.duty import MORE, Bounds, Premises
from imagineai_api.housekeeping.service import BY_ANOTHER, DUTIES, Duty, attend
from imagineai_api.identity import Tokens
from imagineai_api.orchestrator import Prefect
from imagineai_api.products import service as products
from imagineai_api.tables import (
    Analysis,
    Job,
    JobImage,
    JobStep,
    Outbox,
    Product,
    ProductImage,
    RefreshToken,
    Shift,
    User,
)
from imagineai_api.uploads import presigned as uploads
from imagineai_api.webhook_tables import Webhook, WebhookDelivery
from tests.processing.relaying import relay

HOUR, DAY = 3600, 86_400
AT_ONCE = {
    "unconfirmed_upload_hours": 0,
    "orphan_object_hours": 0,
    "outbox_days": 0,
    "expired_token_days": 0,
    "flow_run_days": 0,
}


@pytest.fixture
async def house(place, settings):
    """Do a duty, by its name and with some settings of its own."""
    prefect = Prefect(settings)
    by_name = {duty.name: duty for duty in DUTIES}

    async def do(name, *, stop=None, **changes):
        changed = settings.model_copy(update=changes)
        premises = Premises(changed, place.database, place.storage, prefect)
        return await attend(premises, by_name[name], Bounds(changed, stop or asyncio.Event()))

    yield do
    await relay(place, settings)
    await prefect.close()


@pytest.fixture
async def run_sql(place):
    async def run_sql(statement):
        async with place.database.transaction() as connection:
            return await connection.execute(statement)

    return run_sql


@pytest.fixture
def presigned(place, settings, owner, product, run_sql):
    """Prepare an upload whose URL lapsed so many seconds ago; give the image's id and its key."""

    async def presigned(lapsed_s):
        async with place.database.transaction() as connection:
            image, key, _, _ = await uploads.presign(
                connection, place.storage,
                user_id=owner, product_id=product, filename="mug.jpg", content_type="image/jpeg",
                size_bytes=3,
            )  # fmt: skip
        age = interval(settings.presigned_url_expires_s + lapsed_s)
        old = update(ProductImage).where(ProductImage.id == image).values(created_at=func.now() - age)
        await run_sql(old)
        return image, key

    return presigned


async def images_of(place, product):
    async with place.database.reading() as connection:
        query = select(ProductImage.id).where(ProductImage.product_id == product)
        return set((await connection.scalars(query)).all())


async def count(place, table):
    async with place.database.reading() as connection:
        return await connection.scalar(select(func.count()).select_from(table))


async def test_an_upload_that_nobody_confirmed_goes_with_its_object(
    place, settings, product, presigned, house
):
    image, key = await presigned(25 * HOUR)
    await place.storage.put(key, b"jpg", "image/jpeg")
    outcome = await house("unconfirmed uploads")
    assert (outcome.looked_at, outcome.removed) == (1, 1)
    assert image not in await images_of(place, product)
    await relay(place, settings)
    assert await place.storage.head(key) is None


async def test_an_upload_whose_url_lapsed_within_the_day_stays_and_so_does_a_confirmed_one(
    place, product, presigned, upload, run_sql, house
):
    young, _ = await presigned(23 * HOUR)
    confirmed = (await upload()).image_id
    old = update(ProductImage).where(ProductImage.id == confirmed)
    await run_sql(old.values(created_at=func.now() - interval(365 * DAY)))
    assert (await house("unconfirmed uploads")).removed == 0
    assert {young, confirmed} <= await images_of(place, product)


async def test_an_upload_that_is_just_being_confirmed_stays(place, owner, product, presigned, house):
    image, _ = await presigned(25 * HOUR)
    async with place.database.transaction() as connection:
        await products.hold(connection, owner, product)
        assert (await house("unconfirmed uploads")).removed == 0
    async with place.database.transaction() as connection:
        await connection.execute(
            select(ProductImage.id).where(ProductImage.id == image).with_for_update(of=ProductImage.__table__)
        )
        assert (await house("unconfirmed uploads")).removed == 0
    assert image in await images_of(place, product)
    assert (await house("unconfirmed uploads")).removed == 1, "nobody confirms it any longer"


async def test_confirming_an_upload_that_is_gone_is_told_so(place, owner, presigned, house):
    image, _ = await presigned(25 * HOUR)

    async def confirm():
        await uploads.confirm(place.database, place.storage, user_id=owner, image_id=image, request_id=None)

    with pytest.raises(Conflict):
        await confirm()
    await house("unconfirmed uploads")
    with pytest.raises(NotFound):
        await confirm()


async def test_the_oldest_image_left_becomes_the_primary_one(place, product, presigned, upload, house):
    primary, _ = await presigned(25 * HOUR)
    second, third = (await upload()).image_id, (await upload()).image_id
    await house("unconfirmed uploads")
    async with place.database.reading() as connection:
        query = select(ProductImage.id).where(ProductImage.product_id == product, ProductImage.is_primary)
        assert (await connection.scalars(query)).all() == [second]
    assert await images_of(place, product) == {second, third} - {primary}


async def keys_of(place, product):
    async with place.database.reading() as connection:
        return (
            await connection.scalars(select(ProductImage.s3_key).where(ProductImage.product_id == product))
        ).all()


async def put(place, *keys):
    for key in keys:
        await place.storage.put(key, b"x", "image/jpeg")


async def there(place, keys):
    return [key for key in keys if await place.storage.head(key) is not None]


async def test_of_the_objects_only_those_go_that_no_row_of_a_known_user_names(
    place, owner, product, upload, presigned, house
):
    await upload()
    _, waiting = await presigned(-HOUR)
    orphan = f"products/{owner}/{product}/{uuid4()}_mug.jpg"
    kept = [
        *await keys_of(place, product),
        waiting,
        f"products/{uuid4()}/{uuid4()}/{uuid4()}_mug.jpg",
        f"products/{owner}/notes.txt",
        f"exports/{owner}/{product}/{uuid4()}_mug.jpg",
    ]
    await put(place, orphan, *kept[1:])

    assert await there(place, [orphan]) == [orphan]
    assert (await house("orphan objects")).removed == 0, "it is not a day old"
    outcome = await house("orphan objects", orphan_object_hours=0)

    assert await there(place, [orphan]) == []
    assert await there(place, kept) == kept
    assert "are left alone" in outcome.remarks[0]
    await place.storage.delete(kept)


async def test_of_the_small_pictures_those_go_whose_original_no_row_names_with_that_content(
    place, owner, product, upload, house
):
    await upload()
    (original,) = await keys_of(place, product)
    etag = (await place.storage.head(original)).etag
    unnamed = f"products/{owner}/{product}/{uuid4()}_mug.jpg"
    orphans = [*thumbnails.keys(unnamed, etag), *thumbnails.keys(original, '"another"')]
    elsewhere = thumbnails.keys(f"products/{uuid4()}/{product}/{uuid4()}_mug.jpg", etag)
    kept = [*thumbnails.keys(original, etag), *elsewhere]
    await put(place, *orphans, *kept)

    assert (await house("orphan thumbnails")).removed == 0, "they are not a day old"
    outcome = await house("orphan thumbnails", orphan_object_hours=0)

    assert await there(place, orphans) == []
    assert await there(place, kept) == kept
    assert f"{len(elsewhere)} objects are left alone" in outcome.remarks[0]
    await place.storage.delete(kept)


async def test_every_page_of_the_bucket_is_looked_at_wherever_a_run_begins(
    place, owner, product, house, monkeypatch
):
    monkeypatch.setattr(storages, "LIST_AT_ONCE", 2)
    for _ in range(5):
        orphans = [f"products/{owner}/{product}/{uuid4()}_mug.jpg" for _ in range(5)]
        await put(place, *orphans)
        outcome = await house("orphan objects", orphan_object_hours=0)
        assert outcome.removed == 5
        assert await there(place, orphans) == []


async def test_an_object_whose_row_is_written_meanwhile_stays(
    place, owner, product, house, run_sql, monkeypatch
):
    image, unnamed_at_first = uuid4(), []
    key = f"products/{owner}/{product}/{image}_mug.jpg"
    await put(place, key)
    between_the_looks = orphans._of_our_users

    async def write_the_row(database, keys):
        if key in keys:
            unnamed_at_first.append(key)
            values = {"id": image, "product_id": product, "s3_key": key, "original_filename": "mug.jpg"}
            about = {"content_type": "image/jpeg", "file_size_bytes": 1, "is_primary": False}
            await run_sql(insert(ProductImage).values(**values, **about))
        return await between_the_looks(database, keys)

    monkeypatch.setattr(orphans, "_of_our_users", write_the_row)
    await house("orphan objects", orphan_object_hours=0)
    assert unnamed_at_first == [key]
    assert await there(place, [key]) == [key]


@pytest.fixture
async def outbox_row(run_sql):
    """Write a row that was due some days ago."""

    async def outbox_row(days, **values):
        written = {"kind": "delete_objects", "payload": {"keys": []}, **values}
        if "last_error" not in written:
            written["done_at"] = func.now() - interval(days * DAY)
        due = func.now() + interval(DAY)
        return (await run_sql(insert(Outbox).values(due_at=due, **written).returning(Outbox.id))).scalar_one()

    return outbox_row


async def outbox_rows(place):
    async with place.database.reading() as connection:
        return set((await connection.scalars(select(Outbox.id))).all())


async def test_what_is_done_in_the_outbox_goes_after_days_and_what_is_stuck_is_told(place, outbox_row, house):
    old, young = await outbox_row(8), await outbox_row(6)
    stuck = await outbox_row(8, attempts=12, last_error="The picture storage is away.")
    waiting = await outbox_row(8, attempts=3, last_error="Prefect is away.")
    outcome = await house("outbox")
    assert old not in await outbox_rows(place)
    assert {young, stuck, waiting} <= await outbox_rows(place)
    told = " ".join(outcome.remarks)
    assert f"Row {stuck} (delete_objects), 12 attempts: The picture storage is away." in told
    assert f"Row {waiting} " not in told
    await outbox_delete(place, stuck, waiting)


async def outbox_delete(place, *ids):
    async with place.database.transaction() as connection:
        await connection.execute(delete(Outbox).where(Outbox.id.in_(ids)))


async def test_old_rows_go_batch_after_batch_until_the_time_is_used_up(place, outbox_row, house):
    rows = {await outbox_row(8) for _ in range(5)}
    late = await house("outbox", housekeeping_duty_s=1e-9)
    assert (late.removed, late.remarks[0]) == (0, MORE)
    assert (await house("outbox", housekeeping_batch=2)).removed >= 5
    assert not rows & await outbox_rows(place)


async def test_a_run_that_is_asked_to_end_begins_no_further_batch(outbox_row, house):
    await outbox_row(8)
    stop = asyncio.Event()
    stop.set()
    assert (await house("outbox", stop=stop)).remarks[0] == MORE


async def test_the_log_of_what_webhooks_were_told_goes_after_its_days(owner, run_sql, house):
    hook = {"user_id": owner, "url": "https://example.com/", "secret": "whsec_x", "events": ["job_complete"]}
    hook_id = (await run_sql(insert(Webhook).values(**hook).returning(Webhook.id))).scalar_one()
    written = []
    for days in (31, 29):
        row = {"webhook_id": hook_id, "event": "job_complete", "payload": {}}
        at = func.now() - interval(days * DAY)
        delivery = insert(WebhookDelivery).values(created_at=at, **row).returning(WebhookDelivery.id)
        written.append((await run_sql(delivery)).scalar_one())

    outcome = await house("webhook deliveries")

    kept = select(WebhookDelivery.id).where(WebhookDelivery.webhook_id == hook_id)
    assert [row.id for row in await run_sql(kept)] == written[1:]
    assert outcome.removed == 1
    await run_sql(delete(Webhook).where(Webhook.id == hook_id))


@pytest.fixture
def token(settings, owner, run_sql):
    """Issue a refresh token of a family that expires in so many seconds; give it and its id."""

    async def token(family, expires_s, *, used=False):
        text, claims = Tokens(settings).issue(owner, "refresh")
        expires, used_at = func.now() + interval(expires_s), func.now() if used else None
        values = {"id": claims.token_id, "user_id": owner, "family": family, "expires_at": expires}
        await run_sql(insert(RefreshToken).values(**values, used_at=used_at))
        return text, claims.token_id

    return token


async def test_a_token_goes_a_week_after_it_has_expired(place, owner, token, house):
    family = uuid4()
    _, old = await token(family, -8 * DAY, used=True)
    _, late = await token(family, -6 * DAY, used=True)
    assert (await house("expired tokens")).removed == 1
    async with place.database.reading() as connection:
        left = await connection.scalars(select(RefreshToken.id).where(RefreshToken.user_id == owner))
        assert set(left.all()) == {late}
    assert old != late


async def test_reuse_of_a_token_that_is_still_valid_kills_its_family_after_housekeeping_too(
    place, settings, owner, token, house
):
    family = uuid4()
    await token(family, -8 * DAY, used=True)
    used, _ = await token(family, DAY, used=True)
    newest, _ = await token(family, 2 * DAY)
    await house("expired tokens", expired_token_days=0)
    for dead in (used, newest):
        with pytest.raises(Unauthorized):
            await accounts.refresh(place.database, Tokens(settings), refresh_token=dead)


async def test_a_closed_shift_goes_after_a_month_unless_an_open_job_needs_it(place, upload, run_sql, house):
    async def shift(days, run, **values):
        closed = {"closed_at": func.now() - interval(days * DAY), **values}
        written = insert(Shift).values(id=uuid4(), flow_run_id=run, **closed).returning(Shift.id)
        return (await run_sql(written)).scalar_one()

    needed = str(uuid4())
    job = (await upload()).job_id
    await run_sql(update(Job).where(Job.id == job).values(flow_run_id=needed))
    old, kept = await shift(31, str(uuid4())), [await shift(31, needed), await shift(29, str(uuid4()))]
    kept.append(await shift(0, str(uuid4()), closed_at=None, ordered_at=func.now() - interval(90 * DAY)))
    await house("closed shifts")
    async with place.database.reading() as connection:
        left = set((await connection.scalars(select(Shift.id))).all())
    assert old not in left
    assert left >= set(kept)


async def test_two_runs_at_once_share_nothing_and_count_nothing_twice(place, settings, outbox_row):
    rows = {await outbox_row(8) for _ in range(6)}
    prefect = Prefect(settings)
    premises = Premises(settings, place.database, place.storage, prefect)
    small = settings.model_copy(update={"housekeeping_batch": 1})
    begun, going_on = asyncio.Event(), asyncio.Event()

    async def slow(premises, bounds):
        begun.set()
        await going_on.wait()
        return await outbox.remove(premises, bounds)

    first = asyncio.create_task(attend(premises, Duty("outbox", slow), Bounds(small, asyncio.Event())))
    await begun.wait()
    second = await attend(premises, Duty("outbox", outbox.remove), Bounds(small, asyncio.Event()))
    going_on.set()
    assert second.remarks == (BY_ANOTHER,)
    assert (await first).removed >= 6
    assert not rows & await outbox_rows(place)
    await prefect.close()


async def test_without_the_lock_two_at_once_still_remove_each_row_once(place, settings, outbox_row):
    for _ in range(20):
        await outbox_row(8)
    small = settings.model_copy(update={"housekeeping_batch": 3})
    premises = Premises(small, place.database, place.storage, None)
    before = await count(place, Outbox)
    both = await asyncio.gather(
        *(outbox.remove(premises, Bounds(small, asyncio.Event())) for _ in range(2)),
        *(unconfirmed.remove(premises, Bounds(small, asyncio.Event())) for _ in range(2)),
        *(tokens.remove(premises, Bounds(small, asyncio.Event())) for _ in range(2)),
        *(shifts.remove(premises, Bounds(small, asyncio.Event())) for _ in range(2)),
    )
    assert both[0].removed + both[1].removed == before - await count(place, Outbox)


async def test_jobs_analyses_and_user_data_stay_however_old_they_are(place, upload, run_sql, house):
    started = await upload()
    long_ago = func.now() - interval(3650 * DAY)
    for table in (User, Product, ProductImage, Analysis, Job):
        await run_sql(update(table).values(created_at=long_ago))
    ended = {"status": "completed", "completed_at": long_ago}
    await run_sql(update(Job).where(Job.id == started.job_id).values(**ended))
    await run_sql(delete(ProductImage).where(ProductImage.upload_status == "pending"))
    kept = (User, Product, ProductImage, Analysis, Job, JobImage, JobStep)
    before = [await count(place, table) for table in kept]

    for duty in DUTIES:
        if "runs" not in duty.name:  # Prefect's are tested where it runs
            await house(duty.name, **AT_ONCE)

    assert [await count(place, table) for table in kept] == before
