"""Small pictures on real stores: who asks when, and what becomes of them."""

import asyncio
import io
from types import SimpleNamespace
from uuid import uuid4

import pytest
from PIL import Image
from sqlalchemy import select

from imagineai_api import thumbnails
from imagineai_api.pictures import making
from imagineai_api.pictures.making import Maker, Wanted
from imagineai_api.products import service as products
from imagineai_api.tables import ProductImage
from tests.processing.relaying import relay

PATIENCE_S = 60


@pytest.fixture
async def maker(place):
    maker = Maker(place.database, place.storage)
    yield maker
    await maker.close()


@pytest.fixture
def picture(place, upload):
    """Upload one; what is wanted of it, small."""

    async def picture(*, is_settled=False):
        started = await upload()
        async with place.database.reading() as connection:
            query = select(ProductImage.s3_key, ProductImage.etag).where(ProductImage.id == started.image_id)
            row = (await connection.execute(query)).one()
        return Wanted(row.s3_key, row.etag, "small", is_settled)

    return picture


@pytest.fixture
def calls(place, monkeypatch):
    """Count what is asked of S3."""
    counts = SimpleNamespace(get=0, put=0, head=0)

    def counted(name):
        real = getattr(place.storage, name)

        async def call(*arguments):
            setattr(counts, name, getattr(counts, name) + 1)
            return await real(*arguments)

        return call

    for name in vars(counts).copy():
        monkeypatch.setattr(place.storage, name, counted(name))
    return counts


async def ready(maker, *wanted):
    found = await maker.look(wanted, within_s=PATIENCE_S)
    return {key for key, state in found.items() if state == "there"}


async def another(place, wanted):
    """Put another picture where the original lies."""
    buffer = io.BytesIO()
    Image.new("RGB", (640, 480), "crimson").save(buffer, "JPEG")
    await place.storage.put(wanted.original, buffer.getvalue(), "image/jpeg")


async def test_however_many_ask_at_once_it_is_made_once(maker, picture, calls):
    wanted = await picture()
    calls.put = 0
    answers = await asyncio.gather(*(ready(maker, wanted) for _ in range(8)))
    assert answers == [{wanted.key}] * 8
    assert (calls.get, calls.put) == (1, 1)
    assert await ready(maker, wanted) == {wanted.key}
    assert (calls.get, calls.put) == (1, 1)


async def test_who_does_not_wait_finds_it_made_later(maker, picture):
    wanted = await picture()
    assert await maker.look([wanted], within_s=0) == {wanted.key: "coming"}
    assert await ready(maker, wanted) == {wanted.key}


async def test_an_original_that_was_changed_has_no_small_picture_even_where_there_was_one(
    place, maker, picture
):
    shown, not_yet = await picture(), await picture()
    assert await ready(maker, shown) == {shown.key}
    for one in (shown, not_yet):
        await another(place, one)
    found = await maker.look([shown, not_yet], within_s=PATIENCE_S)
    assert found == {shown.key: "never", not_yet.key: "never"}


async def test_an_original_that_is_gone_or_is_no_picture_has_none(place, maker, picture):
    gone, damaged = await picture(), await picture()
    await place.storage.delete([gone.original])
    stored = await place.storage.put(damaged.original, b"\xff\xd8\xff no picture", "image/jpeg")
    damaged = Wanted(damaged.original, stored.etag, "small", is_settled=False)
    found = await maker.look([gone, damaged], within_s=PATIENCE_S)
    assert found == {gone.key: "never", damaged.key: "never"}


async def test_what_nobody_can_change_any_more_is_looked_for_once(maker, picture, calls):
    wanted = await picture(is_settled=True)
    await ready(maker, wanted)
    calls.head = 0
    assert await ready(maker, wanted) == {wanted.key}
    assert calls.head == 0


async def test_a_picture_that_is_deleted_while_it_is_made_small_leaves_nothing(
    place, settings, owner, product, maker, picture, monkeypatch
):
    wanted, real_put = await picture(), place.storage.put

    async def put_after_the_deletion(*arguments):
        await products.delete(place.database, owner, product, urls_last_s=60)
        await relay(place, settings)
        return await real_put(*arguments)

    monkeypatch.setattr(place.storage, "put", put_after_the_deletion)
    assert await ready(maker, wanted) == set()
    assert await place.storage.head(wanted.key) is None


async def test_more_than_can_wait_are_left_for_the_next_time(maker, picture, monkeypatch):
    monkeypatch.setattr(making, "WAITING", 1)
    first, second = await picture(), await picture()
    found = await maker.look([first, second], within_s=PATIENCE_S)
    assert found == {first.key: "there", second.key: "coming"}
    assert await ready(maker, second) == {second.key}


async def test_all_sizes_go_with_the_product(place, settings, owner, product, maker, picture):
    small = await picture()
    both = [Wanted(small.original, small.etag, size, is_settled=False) for size in thumbnails.SIDES]
    assert len(await ready(maker, *both)) == 2
    await products.delete(place.database, owner, product, urls_last_s=60)
    await relay(place, settings)
    assert [await place.storage.head(one.key) for one in both] == [None, None]


def test_a_key_leads_back_to_its_original():
    original = f"products/{uuid4()}/{uuid4()}/{uuid4()}_mug.v2.jpg"
    for key in thumbnails.keys(original, '"d41d8cd98f00b204e9800998ecf8427e-12"'):
        assert thumbnails.original(key) == original
    assert thumbnails.keys(original, None) == []
