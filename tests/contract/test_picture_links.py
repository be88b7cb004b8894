"""``GET /pictures``: how a client gets at the pictures themselves, beside the reference."""

import uuid

import httpx
import pytest

from tests.contract.wire import small_photo


def links(user, *image_ids):
    answer = user.http.get("/pictures", params={"image_id": list(image_ids)})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def mine(user):
    """A stored picture: its image's id and its bytes."""
    content = small_photo()
    return user.upload(user.product()["id"], content)["image_id"], content


def test_a_link_leads_to_the_picture_itself_without_a_token(user, mine):
    image_id, content = mine
    (link,) = links(user, image_id)
    assert set(link) == {"image_id", "url", "expires_in"}
    assert (link["image_id"], link["expires_in"]) == (image_id, 3600)
    read = httpx.get(link["url"], timeout=30)
    assert (read.status_code, read.content) == (200, content)
    assert read.headers["Content-Type"] == "image/jpeg"
    assert read.headers["Cache-Control"] == "private, max-age=3600, immutable"


def test_links_come_in_the_order_that_was_asked_for_each_once(user, mine):
    other = user.upload(user.product()["id"])["image_id"]
    found = links(user, other, mine[0], other)
    assert [link["image_id"] for link in found] == [other, mine[0]]


def test_a_link_reads_and_does_nothing_else(user, mine):
    (link,) = links(user, mine[0])
    assert httpx.put(link["url"], content=b"other", timeout=30).status_code == 403
    assert httpx.delete(link["url"], timeout=30).status_code == 403
    assert httpx.get(link["url"].replace(mine[0], str(uuid.uuid4())), timeout=30).status_code == 403


def test_there_is_no_link_to_what_is_not_mine_or_not_uploaded(user, stranger, mine):
    waiting = user.presign(user.product()["id"], small_photo())["image_id"]
    assert links(stranger, mine[0], str(uuid.uuid4())) == []
    assert [link["image_id"] for link in links(user, waiting, str(uuid.uuid4()), mine[0])] == [mine[0]]


def test_one_to_a_hundred_links_are_given_at_once(user):
    for many in (0, 101):
        ids = [str(uuid.uuid4()) for _ in range(many)]
        assert user.http.get("/pictures", params={"image_id": ids}).status_code == 422
    assert links(user, *(str(uuid.uuid4()) for _ in range(100))) == []
