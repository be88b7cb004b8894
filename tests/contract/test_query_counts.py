"""How many statements an answer takes: the same for a page of one and a page of a hundred."""

import threading
import uuid
from collections import defaultdict

import httpx
import psycopg
import pytest
import uvicorn

from imagineai_api import request_log
from imagineai_api.app import create_app
from imagineai_api.settings import Settings
from tests.contract.services import free_port
from tests.contract.wire import eventually
from tests.platforms import CALLS_BACK

PRODUCTS = 120
IMAGES_EACH = 3
LISTS = [
    ("/products", {"page_size": 1}, 2),
    ("/products", {"page_size": 100}, 2),
    ("/products", {"page_size": 100, "category": "toys", "status": "draft", "search": "counted"}, 2),
    ("/products", {"page_size": 100, "page": 1000}, 2),
    ("/products", {"search": "nothing has this"}, 2),
    ("/jobs", {"limit": 1}, 2),
    ("/jobs", {"limit": 100}, 2),
    ("/jobs", {"limit": 100, "status": "completed"}, 2),
    ("/jobs", {"limit": 100, "offset": 10_000}, 2),
    ("/webhooks", {}, 2),
    ("/webhooks/{webhook_id}/deliveries", {"limit": 1}, 2),
    ("/webhooks/{webhook_id}/deliveries", {"limit": 100}, 2),
    ("/webhooks/{webhook_id}/deliveries", {"offset": 10_000}, 3),
    ("/dashboard/stats", {}, 2),
    ("/dashboard/recent", {}, 2),
    ("/dashboard/category-distribution", {}, 2),
    ("/products/{product_id}/analysis", {}, 3),
    ("/exports/products", {}, 3),
    ("/imports", {"page_size": 1}, 2),
    ("/imports", {"page_size": 100}, 2),
    ("/imports", {"page": 1000}, 3),
    ("/imports/{import_id}/rows", {"page_size": 1}, 3),
    ("/imports/{import_id}/rows", {"page_size": 100}, 3),
    ("/exports/analyses", {}, 3),
    ("/exports/defects", {}, 3),
]
DETAILS = [
    ("/auth/me", {}, 1),
    ("/models", {}, 1),
    ("/models/card", {}, 1),
    ("/pictures?image_id={image_id}", {}, 2),
    ("/pictures?image_id={image_id}&size=small", {}, 2),
    ("/products/{product_id}", {}, 2),
    ("/jobs/{job_id}", {}, 3),
    ("/batch/{job_id}", {}, 3),
    ("/analysis/{image_id}", {}, 2),
    ("/webhooks/{webhook_id}", {}, 2),
    ("/imports/{import_id}", {}, 2),
]
WITH_ANALYSES = """
    INSERT INTO product_images (id, product_id, s3_key, original_filename, content_type, file_size_bytes,
                                is_primary, upload_status)
    SELECT gen_random_uuid(), new_products.id, gen_random_uuid()::text, 'a.jpg', 'image/jpeg', 1, false,
           'uploaded'
    FROM new_products, generate_series(1, %(images)s)
    RETURNING id
), new_analyses AS (
    INSERT INTO analyses (id, product_image_id) SELECT gen_random_uuid(), id FROM new_images
)
"""
MANY = f"""
WITH new_products AS (
    INSERT INTO products (id, user_id, title, category)
    SELECT gen_random_uuid(), %(owner)s, 'Counted', 'toys' FROM generate_series(1, %(products)s)
    RETURNING id
), new_images AS ({WITH_ANALYSES}
INSERT INTO jobs (id, user_id, job_type, status, total_images, completed_at)
SELECT gen_random_uuid(), %(owner)s, 'single', 'completed', 1, now() FROM new_products
"""
DELIVERIES = """
INSERT INTO webhook_deliveries (id, webhook_id, event, payload, status)
SELECT gen_random_uuid(), %(webhook)s, 'ping', '{}', 'delivered' FROM generate_series(1, 120)
"""
IMPORT = """
WITH made AS (
    INSERT INTO imports (id, user_id, kind, name, status, completed_at)
    SELECT gen_random_uuid(), %(owner)s, 'prefix', 'a/', 'completed', now() FROM generate_series(1, 120)
    RETURNING id
), rows AS (
    INSERT INTO import_rows (import_id, number, title, image, product_key, image_key)
    SELECT id, number, 'Counted', 'a.jpg', 'a', 'a' FROM made, generate_series(1, 120) AS number
)
SELECT id::text FROM made LIMIT 1
"""
MORE_IMAGES = f"""
WITH new_products AS (
    SELECT CAST(%(product)s AS uuid) AS id
), new_images AS ({WITH_ANALYSES}
SELECT count(*) FROM new_images
"""


class Counted:
    """The service in this process, and what it asked PostgreSQL for each request.

    They are counted where the driver gets them, whoever sends them. Background work has no request's id, so
    it is not counted; neither are BEGIN, COMMIT and pings.
    """

    PING = ";"

    def __init__(self):
        self.statements = defaultdict(list)
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}/api/v1"
        self._app = create_app(Settings())
        self._server = uvicorn.Server(
            uvicorn.Config(self._app, port=self._port, loop="asyncio", log_config=None)
        )
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self):
        execute = psycopg.AsyncCursor.execute

        async def noted(cursor, query, *arguments, **options):
            if query != self.PING:
                self.statements[request_log.request_id.get()].append(query)
            return await execute(cursor, query, *arguments, **options)

        self._patched = pytest.MonkeyPatch()
        self._patched.setattr(psycopg.AsyncCursor, "execute", noted)
        self._thread.start()
        eventually(lambda: self._server.started, bool)
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join(40)
        self._patched.undo()
        self._app.state.models.close()
        assert not self._thread.is_alive(), "the service did not end"

    def of(self, path, query, headers):
        """Call and give the answer with its statements."""
        this_call = uuid.uuid4().hex
        answer = httpx.get(
            self.url + path, params=query or None, headers={**headers, "X-Request-ID": this_call}, timeout=60
        )
        return answer, self.statements[this_call]


@pytest.fixture(scope="module")
def counted(platform):
    with pytest.MonkeyPatch.context() as variables:
        for name, value in {**CALLS_BACK, **platform.env}.items():
            variables.setenv(name, value)
        with Counted() as counted:
            yield counted


@pytest.fixture(scope="module")
def ids(user, product, seen, database):
    """What was analysed, beside many more products, images, analyses and jobs, written by the operator."""
    database.execute(MANY, {"owner": user.id, "products": PRODUCTS, "images": IMAGES_EACH})
    database.execute(MORE_IMAGES, {"product": product["id"], "images": 100})
    webhook_id = user.http.post("/webhooks", json={"url": "https://nowhere.invalid/"}).json()["id"]
    database.execute(DELIVERIES, {"webhook": webhook_id})
    small = {"image_id": seen["image_id"], "size": "small"}
    eventually(lambda: user.http.get("/pictures", params=small).json()[0]["url"], bool)
    (import_id,) = database.execute(IMPORT, {"owner": user.id}).fetchone()
    return {**seen, "product_id": product["id"], "webhook_id": webhook_id, "import_id": import_id}


@pytest.fixture(scope="module")
def ask(counted, user, ids):
    """Call as the owner."""
    headers = {"Authorization": f"Bearer {user.access_token}"}
    return lambda path, query: counted.of(path.format(**ids), query, headers)


@pytest.mark.parametrize(("path", "query", "most"), LISTS)
def test_a_list_takes_at_most_three_statements_whatever_its_size(ask, path, query, most):
    answer, statements = ask(path, query)
    assert answer.status_code == 200, answer.text
    assert len(statements) == most, "\n\n".join(statements)
    assert len(statements) <= 3


@pytest.mark.parametrize(("path", "query", "number"), DETAILS)
def test_a_detail_takes_as_many_statements_as_the_table_says(ask, path, query, number):
    answer, statements = ask(path, query)
    assert answer.status_code == 200, answer.text
    assert len(statements) == number, "\n\n".join(statements)


def test_a_full_page_was_really_read(ask):
    answer, _ = ask("/products", {"page_size": 100})
    pages = [len(product["images"]) for product in answer.json()["items"]]
    assert len(pages) == 100
    assert min(pages) >= 1
    assert max(pages) == IMAGES_EACH
    assert len(ask("/jobs", {"limit": 100})[0].json()["items"]) == 100
