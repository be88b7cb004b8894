"""A service's insides on real stores, without API and workers: the tests are the workers."""

import os
from uuid import uuid4

import pytest

from flows.workplace import open_workplace
from imagineai_api.database import migrate
from imagineai_api.settings import Settings
from imagineai_api.tables import Product, User
from imagineai_api.uploads import service as uploads
from imagineai_api.uploads.images import Upload
from tests import platforms
from tests.processing.photos import photo


@pytest.fixture(scope="package")
def settings(tmp_path_factory):
    """The settings of a small platform: PostgreSQL, Redis and S3 only."""
    home = tmp_path_factory.mktemp("stores") / "home"
    try:
        env = platforms.up(home, "--only", "postgres,redis,s3").env
        before = dict(os.environ)
        os.environ.update(env)
        small = Settings()
        os.environ.clear()
        os.environ.update(before)
        migrate(small)
        yield small
    finally:
        platforms.down(home)


@pytest.fixture(scope="package")
async def place(settings):
    """What a worker works with."""
    async with open_workplace(settings) as place:
        yield place


@pytest.fixture
async def owner(place):
    """A user."""
    async with place.database.transaction() as connection:
        values = {"email": f"{uuid4()}@example.com", "full_name": "Owner", "password_hash": "none"}
        return await connection.scalar(User.__table__.insert().values(**values).returning(User.id))


@pytest.fixture
async def product(place, owner):
    """A product of the user's."""
    async with place.database.transaction() as connection:
        values = {"id": uuid4(), "user_id": owner, "title": "Mug"}
        return await connection.scalar(Product.__table__.insert().values(**values).returning(Product.id))


@pytest.fixture
async def upload(place, owner, product):
    """Take a picture in, as the API does."""

    async def upload():
        picture = Upload(product, "mug.jpg", "image/jpeg", photo())
        return await uploads.upload(
            place.database, place.storage, user_id=owner, upload=picture, request_id="r-1"
        )

    return upload
