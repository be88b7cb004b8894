"""What the service is compared with answers the same: else their requests a second say nothing."""

import json
import os
from contextlib import ExitStack

import psycopg
import pytest

from bench import rows
from bench.connection import Connection
from bench.rivals import serving
from imagineai_api.identity import Tokens
from imagineai_api.settings import Settings

PRODUCTS = "/api/v1/products"


@pytest.fixture(scope="module")
def token(platform):
    """Of a user with some hundred images."""
    settings = Settings(**{name.lower(): value for name, value in platform.env.items()})
    with psycopg.connect(settings.database_url.replace("+psycopg", ""), autocommit=True) as connection:
        user_id, _ = rows.fill(connection, 100)
    return Tokens(settings).issue(user_id, "access")[0]


def test_all_who_are_compared_answer_the_product_list_alike(platform, token):
    env = {**os.environ, **platform.env}
    with ExitStack() as stack:
        urls = [platform.url, *(stack.enter_context(serving(name, env)) for name in ("raw", "orm"))]
        connections = [stack.enter_context(Connection(url, token)) for url in urls]
        ours, *theirs = (json.loads(one.ask(one.request(PRODUCTS))) for one in connections)
    assert (len(ours["items"]), ours["total"]) == (20, 33)
    assert {len(product["images"]) for product in ours["items"]} == {3}
    assert theirs == [ours, ours]
