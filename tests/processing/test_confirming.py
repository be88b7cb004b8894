"""A file that cannot be used, and a good one that is put in its place meanwhile."""

import pytest

from imagineai_api.errors import NotAPicture
from imagineai_api.uploads import presigned
from tests.processing.interposing import Instead
from tests.processing.photos import photo


@pytest.fixture
async def announced(place, owner, product):
    """An upload past the API that was prepared: the image's id and its key."""
    async with place.database.transaction() as connection:
        image_id, key, _, _ = await presigned.presign(
            connection, place.storage,
            user_id=owner, product_id=product, filename="mug.jpg", content_type="image/jpeg", size_bytes=9,
        )  # fmt: skip
    return image_id, key


@pytest.fixture
def confirm(place, owner, announced):
    async def confirm(storage=place.storage):
        return await presigned.confirm(
            place.database, storage, user_id=owner, image_id=announced[0], request_id=None
        )

    return confirm


async def test_what_is_no_picture_goes(place, announced, confirm):
    _, key = announced
    await place.storage.put(key, b"no photo", "image/jpeg")
    with pytest.raises(NotAPicture):
        await confirm()
    assert await place.storage.head(key) is None


@pytest.mark.parametrize("is_confirmed", [False, True])
async def test_a_good_picture_that_replaced_it_meanwhile_stays(place, announced, confirm, is_confirmed):
    _, key = announced
    get = place.storage.get

    async def get_before_a_better_one(*asked):
        content = await get(*asked)
        await place.storage.put(key, photo(), "image/jpeg")
        if is_confirmed:
            await confirm()
        return content

    await place.storage.put(key, b"no photo", "image/jpeg")
    with pytest.raises(NotAPicture):
        await confirm(Instead(place.storage, get=get_before_a_better_one))
    assert await place.storage.head(key) is not None
    assert await confirm()
