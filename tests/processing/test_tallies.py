"""The tallies: whatever comes and goes, and whoever does it at once, they are what a plain count gives."""

import asyncio
import random
from contextlib import suppress
from uuid import uuid4

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, delete, insert, text, update

from imagineai_api.analysis import service as analyses
from imagineai_api.analysis.description import Description
from imagineai_api.dashboard import service as dashboard
from imagineai_api.database import MIGRATIONS
from imagineai_api.errors import Contended, NotFound
from imagineai_api.jobs import service as jobs
from imagineai_api.products import service as products
from imagineai_api.tables import Analysis, Product, ProductImage, User
from imagineai_vision.findings import Box, Defect, Prediction

PLAIN = text("""
SELECT (SELECT count(*) FROM products WHERE user_id = :user_id) AS total_products,
       count(product_images.id) AS total_images,
       count(*) FILTER (WHERE analyses.status = 'completed') AS completed_analyses,
       (SELECT count(*) FROM detected_defects JOIN analyses ON analyses.id = analysis_id
        JOIN product_images ON product_images.id = product_image_id
        JOIN products ON products.id = product_id WHERE products.user_id = :user_id) AS total_defects,
       (SELECT count(*) FROM jobs
        WHERE user_id = :user_id AND status IN ('queued', 'processing')) AS active_jobs,
       round(avg(processing_time_ms) FILTER (WHERE analyses.status = 'completed')) AS avg_processing_time_ms
FROM products JOIN product_images ON product_images.product_id = products.id
LEFT JOIN analyses ON analyses.product_image_id = product_images.id
WHERE products.user_id = :user_id
""")
PLAIN_CATEGORIES = text("""
SELECT category, count(*) AS count FROM products WHERE user_id = :user_id AND category IS NOT NULL
GROUP BY category ORDER BY count(*) DESC, category
""")
PLAIN_JOBS = text("SELECT count(*) FROM jobs WHERE user_id = :user_id")
SCHEMA = """
SELECT 'column', table_name, column_name, data_type, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = current_schema
UNION ALL
SELECT 'index', tablename, indexname, replace(indexdef, current_schema || '.', ''), NULL, NULL
FROM pg_indexes WHERE schemaname = current_schema
UNION ALL
SELECT 'trigger', relname, tgname, replace(pg_get_triggerdef(pg_trigger.oid), current_schema || '.', ''),
       NULL, NULL
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE relnamespace = to_regnamespace(current_schema) AND NOT tgisinternal
UNION ALL
SELECT 'function', proname, prosrc, NULL, NULL, NULL
FROM pg_proc JOIN pg_language ON pg_language.oid = prolang
WHERE pronamespace = to_regnamespace(current_schema) AND lanname <> 'c'
"""
FORMER_ROWS = """
INSERT INTO users (id, email, full_name, password_hash) VALUES (:user_id, 'a@example.com', 'Former', 'none');
INSERT INTO products (id, user_id, title, category) VALUES (:toy, :user_id, 'Toy', 'toys');
INSERT INTO products (id, user_id, title) VALUES (:thing, :user_id, 'Thing');
INSERT INTO product_images (id, product_id, s3_key, original_filename, content_type, file_size_bytes,
                            is_primary)
VALUES (:image, :toy, 'key', 'a.jpg', 'image/jpeg', 1, true);
INSERT INTO analyses (id, product_image_id, status, processing_time_ms)
VALUES (:image, :image, 'completed', 40);
INSERT INTO detected_defects (id, analysis_id, position, defect_type, severity, confidence, bounding_box,
                              description)
SELECT gen_random_uuid(), :image, place, 'dent', 'low', 0.5, '{}', 'A dent.'
FROM generate_series(0, 1) AS place;
INSERT INTO jobs (id, user_id, job_type, total_images) VALUES (:image, :user_id, 'single', 1)
"""
TALLIED = """
SELECT sum(products), sum(products) FILTER (WHERE category = 'toys'), sum(images), sum(jobs),
       sum(completed_analyses), sum(processing_time_ms), sum(defects)
FROM tallies WHERE user_id = :user_id
"""


class Shop:
    """One user's rows, changed at random."""

    def __init__(self, place, owner, seed):
        self._place = place
        self._owner = owner
        self._chance = random.Random(seed)
        self._ids = {"products": [], "images": []}
        self._turns = (
            *[self.add_product] * 3,
            *[self.add_image] * 8,
            *[self.analyse] * 8,
            self.change_category,
            self.begin_again,
            self.delete_product,
            self.delete_image,
        )

    async def turn(self):
        """Do something in a transaction of its own, or fail as a whole where another is in the way."""
        with suppress(Contended, NotFound):
            async with self._place.database.transaction() as connection:
                await self._chance.choice(self._turns)(connection)

    async def add_product(self, connection):
        fields = {"title": "Thing", "category": self._category()}
        self._ids["products"].append((await products.create(connection, self._owner, fields))["id"])

    async def change_category(self, connection):
        await products.change(connection, self._owner, self._one("products"), {"category": self._category()})

    async def add_image(self, connection):
        product, image = self._one("products"), uuid4()
        await products.hold(connection, self._owner, product)
        row = {"id": image, "product_id": product, "s3_key": str(image), "original_filename": "a.jpg"}
        about = {"content_type": "image/jpeg", "file_size_bytes": 1, "is_primary": False}
        await connection.execute(insert(ProductImage).values(**row, **about))
        await analyses.expect(connection, image)
        asked = {"user_id": self._owner, "product_id": product, "image_ids": [image]}
        await jobs.start(connection, **asked, job_type="single", request_id=None)
        self._ids["images"].append(image)

    async def analyse(self, connection):
        defects = (Defect("dent", "low", 0.6, Box(1, 2, 3, 4), "A dent."),) * self._chance.randrange(3)
        prediction = Prediction("mug", 0.9, {"mug": 0.9}, "home_garden", "kitchen", defects=defects)
        described = Description("A mug.", "local")
        took_ms = self._chance.randrange(10, 90)
        result = analyses.Result(self._one("images"), prediction, "1", described, took_ms)
        await analyses.write(connection, [result])

    async def begin_again(self, connection):
        again = update(Analysis).where(Analysis.product_image_id == self._one("images"))
        await connection.execute(again.values(status=self._chance.choice(("processing", "failed"))))

    async def delete_product(self, connection):
        await connection.execute(delete(Product).where(Product.id == self._one("products")))

    async def delete_image(self, connection):
        await connection.execute(delete(ProductImage).where(ProductImage.id == self._one("images")))

    def _one(self, kind):
        if not self._ids[kind]:
            raise NotFound
        return self._chance.choice(self._ids[kind])

    def _category(self):
        return self._chance.choice((None, "toys", "books", "gnomes"))


async def told_and_counted(place, user_id):
    """What the service says, and what plain counts give."""
    asked = {"user_id": user_id}
    async with place.database.reading() as connection:
        told = dict(await dashboard.statistics(connection, user_id))
        told["categories"] = [
            tuple(row.values()) for row in await dashboard.category_distribution(connection, user_id)
        ]
        filters = {"category": None, "status": None, "search": None}
        _, told["listed"] = await products.page(connection, user_id, **filters, limit=1, offset=0)
        _, told["jobs"] = await jobs.page(connection, user_id, status=None, limit=1, offset=0)
        counted = dict((await connection.execute(PLAIN, asked)).mappings().one())
        counted["categories"] = [
            tuple(row) for row in (await connection.execute(PLAIN_CATEGORIES, asked)).all()
        ]
        counted["listed"] = counted["total_products"]
        counted["jobs"] = await connection.scalar(PLAIN_JOBS, asked)
    return told, counted


@pytest.mark.parametrize("seed", range(3))
async def test_after_any_run_of_writers_at_once_the_dashboard_tells_what_plain_counts_give(
    place, owner, seed
):
    shop = Shop(place, owner, seed)
    for _ in range(30):
        await asyncio.gather(*(shop.turn() for _ in range(8)))
    told, counted = await told_and_counted(place, owner)
    assert told == counted
    assert told["total_images"] > 10
    assert told["completed_analyses"] > 0
    assert told["total_defects"] > 0


async def test_nobody_waits_for_a_number_that_another_transaction_is_changing(place, owner):
    fields = {"title": "Thing", "category": "toys"}
    async with place.database.transaction() as first:
        await products.create(first, owner, fields)
        async with place.database.transaction() as second:
            await second.execute(text("SET LOCAL lock_timeout = '1s'"))
            await products.create(second, owner, fields)
    told, _ = await told_and_counted(place, owner)
    assert told["categories"] == [("toys", 2)]


async def test_what_is_rolled_back_is_not_counted(place, owner):
    with suppress(Contended):
        async with place.database.transaction() as connection:
            await products.create(connection, owner, {"title": "Thing"})
            raise Contended
    told, _ = await told_and_counted(place, owner)
    assert told["total_products"] == 0


async def test_a_user_can_be_deleted_with_all_that_was_counted(place, owner, upload):
    await upload()
    async with place.database.transaction() as connection:
        await connection.execute(delete(User).where(User.id == owner))
    async with place.database.reading() as connection:
        left = text("SELECT count(*) FROM tallies WHERE user_id = :user_id")
        assert await connection.scalar(left, {"user_id": owner}) == 0


@pytest.fixture
def older(settings):
    """A connection to an empty schema of its own, and a way to bring it to a revision."""
    engine = create_engine(settings.database_url)
    with engine.connect() as connection:
        connection.execute(text("CREATE SCHEMA older; SET search_path TO older"))
        connection.commit()

        def upgrade(revision):
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS))
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            connection.commit()

        yield connection, upgrade
        connection.rollback()
        connection.execute(text("DROP SCHEMA older CASCADE"))
        connection.commit()
    engine.dispose()


def test_an_older_database_is_upgraded_to_the_same_schema_and_its_rows_are_counted(older):
    connection, upgrade = older
    upgrade("0003")
    asked = {name: uuid4() for name in ("user_id", "toy", "thing", "image")}
    for statement in FORMER_ROWS.split(";"):
        connection.execute(text(statement), asked)
    upgrade("head")
    assert tuple(connection.execute(text(TALLIED), asked).one()) == (2, 1, 1, 1, 1, 40, 2)
    assert schema(connection, "older") == schema(connection, "public")


def schema(connection, name):
    connection.execute(text(f"SET LOCAL search_path TO {name}"))
    return {tuple(row) for row in connection.execute(text(SCHEMA))}
