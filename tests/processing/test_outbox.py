"""The outbox: what must also happen elsewhere is tried until it has happened."""

from urllib.parse import urlsplit

from sqlalchemy import delete, func, select

from imagineai_api import dispatch
from imagineai_api.dispatcher import Dispatcher
from imagineai_api.orchestrator import Prefect
from imagineai_api.products import service as products
from imagineai_api.storage import Storage
from imagineai_api.tables import Outbox, ProductImage
from tests.contract.services import Line


async def keys_of(place, product):
    async with place.database.reading() as connection:
        query = select(ProductImage.s3_key).where(ProductImage.product_id == product)
        return (await connection.scalars(query)).all()


async def attempts(place, key):
    """How often the deletion of an object was tried, and whether it is done; a second one is due later."""
    async with place.database.reading() as connection:
        query = select(Outbox.attempts, Outbox.done_at).where(Outbox.payload["keys"].contains([key]))
        row = (await connection.execute(query.order_by(Outbox.id).limit(1))).one()
    return row.attempts, row.done_at is not None


async def test_what_one_call_of_s3_can_delete_is_done_by_itself(place):
    keys = [f"many/{number}.jpg" for number in range(2001)]
    async with place.database.transaction() as connection:
        await dispatch.delete_objects(connection, keys)
        newest = select(Outbox.id, Outbox.payload).order_by(Outbox.id.desc()).limit(3)
        rows = (await connection.execute(newest)).all()
        await connection.execute(delete(Outbox).where(Outbox.id.in_([row.id for row in rows])))
    assert [len(row.payload["keys"]) for row in rows] == [1, 1000, 1000]


async def test_a_deleted_products_objects_go_once_s3_is_there_again(place, settings, owner, product, upload):
    await upload()
    (key,) = await keys_of(place, product)
    await products.delete(place.database, owner, product, urls_last_s=60)
    s3 = urlsplit(settings.s3_endpoint_url)
    line = Line(s3.hostname, s3.port)
    through_it = settings.model_copy(update={"s3_endpoint_url": f"http://127.0.0.1:{line.port}"})
    storage, prefect = Storage(through_it), Prefect(settings)
    dispatcher = Dispatcher(through_it, place.database, storage, prefect)

    with line.cut():
        await dispatcher.relay()
    assert await attempts(place, key) == (1, False)
    assert await place.storage.head(key) is not None

    async with place.database.transaction() as connection:
        tried = Outbox.payload["keys"].contains([key]) & (Outbox.attempts > 0)
        due_again = Outbox.__table__.update().where(tried)
        await connection.execute(due_again.values(due_at=func.now()))
    await dispatcher.relay()
    assert await attempts(place, key) == (2, True)
    assert await place.storage.head(key) is None

    storage.close()
    await prefect.close()
    line.close()
