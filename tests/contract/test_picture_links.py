"""``GET /pictures``: how a client gets at the pictures themselves, beside the reference."""

import io
import uuid

import httpx
import pytest
from PIL import Image

from tests.contract.wire import a_user, eventually, put, small_photo


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


def small(user, *image_ids, size="small"):
    """Links to small pictures, asked for until all are made."""

    def ask():
        answer = user.http.get("/pictures", params={"image_id": list(image_ids), "size": size})
        assert answer.status_code == 200, answer.text
        return answer.json()

    return eventually(ask, lambda found: len(found) == len(image_ids) and all(one["url"] for one in found))


@pytest.mark.parametrize(
    ("size", "fits"), [("small", (384, 288)), ("medium", (768, 576)), ("full", (800, 600))]
)
def test_a_small_picture_is_the_picture_within_its_sides(user, size, fits):
    image_id = user.upload(user.product()["id"], small_photo(800, 600))["image_id"]
    (link,) = small(user, image_id, size=size)
    read = httpx.get(link["url"], timeout=30)
    assert read.headers["Content-Type"] == ("image/jpeg" if size == "full" else "image/webp")
    assert read.headers["Cache-Control"] == "private, max-age=3600, immutable"
    with Image.open(io.BytesIO(read.content)) as shown:
        assert shown.size == fits


def test_a_small_picture_is_upright_and_over_white(user):
    turned, clear = io.BytesIO(), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (800, 400), "teal").save(turned, "JPEG", exif=exif)
    Image.new("RGBA", (800, 400), (200, 0, 0, 0)).save(clear, "PNG")
    product_id = user.product()["id"]
    answer = user.send(product_id, clear.getvalue(), "clear.png", "image/png")
    ids = [user.upload(product_id, turned.getvalue())["image_id"], answer.json()["image_id"]]
    upright, white = (
        Image.open(io.BytesIO(httpx.get(link["url"], timeout=30).content)) for link in small(user, *ids)
    )
    assert upright.size == (192, 384)
    assert white.getextrema() == ((255, 255),) * 3


def test_a_small_picture_is_made_once_and_kept_beside_the_original(user, bucket):
    product_id = user.product()["id"]
    image_id = user.upload(product_id)["image_id"]
    prefix = f"thumbnails/{user.id}/{product_id}/{image_id}_"
    assert bucket(prefix) == []
    first, again = small(user, image_id), small(user, image_id)
    (key,) = bucket(prefix)
    assert all(key in link["url"] for link in (*first, *again))


def test_there_is_no_small_picture_of_what_is_not_mine(user, stranger, mine):
    params = {"image_id": mine[0], "size": "small"}
    small(user, mine[0])
    assert stranger.http.get("/pictures", params=params).json() == []


def test_a_picture_that_was_changed_has_no_small_one(user):
    product_id = user.product()["id"]
    content = small_photo(of_size=5000)
    presigned = user.presign(product_id, content)
    put(presigned["upload_url"], content)
    image_id = presigned["image_id"]
    assert user.http.post("/uploads/confirm", json={"image_id": image_id}).status_code == 200
    small(user, image_id)
    put(presigned["upload_url"], small_photo(of_size=5000))
    params = {"image_id": image_id, "size": "small"}
    assert user.http.get("/pictures", params=params).json() == []


def test_small_pictures_go_with_their_product(user, bucket):
    product_id = user.product()["id"]
    image_id = user.upload(product_id)["image_id"]
    for size in ("small", "medium"):
        small(user, image_id, size=size)
    prefix = f"thumbnails/{user.id}/{product_id}/"
    assert len(bucket(prefix)) == 2
    assert user.http.delete(f"/products/{product_id}").status_code == 204
    eventually(lambda: bucket(prefix), lambda keys: not keys)


def test_another_size_is_refused(user, mine):
    answer = user.http.get("/pictures", params={"image_id": mine[0], "size": "huge"})
    assert answer.status_code == 422


def test_without_storage_small_pictures_wait_until_it_is_back(second):
    with a_user(second.url, local_address="127.0.6.1") as user:
        image_id = user.upload(user.product()["id"])["image_id"]
        with second.lines["storage"].cut():
            answer = user.http.get("/pictures", params={"image_id": image_id, "size": "small"})
            assert [(one["image_id"], one["url"]) for one in answer.json()] == [(image_id, None)]
        assert len(small(user, image_id)) == 1
