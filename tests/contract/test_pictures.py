"""Which files are pictures. `docs/pictures.md` lists every file of the two tables and the answer it gets."""

import hashlib
import re
import zlib
from pathlib import Path

import pytest

from tests.contract.picture_files import PNG, chunk, jpeg, raw_png
from tests.contract.pictures import ACCEPTED, REFUSED

LIST = Path(__file__).resolve().parents[2] / "docs" / "pictures.md"
ROW = re.compile(r"^\| (?P<name>[^|]+) \| `(?P<kind>image/\w+)` \| (?P<answer>[^|]+) \|$", re.MULTILINE)


def listed():
    """The documentation's list: by name, the declared type and the answer."""
    rows = ROW.findall(LIST.read_text())
    assert len({name for name, _, _ in rows}) == len(rows), "a picture is listed twice"
    return {name: (kind, answer) for name, kind, answer in rows}


def test_the_list_in_the_documentation_is_this_list():
    cases = {name: kind for name, (_, kind, *_) in {**ACCEPTED, **REFUSED}.items()}
    assert {name: kind for name, (kind, _) in listed().items()} == cases


def test_more_than_a_hundred_different_files_are_tried():
    files = {hashlib.sha256(make()).digest() for make, *_ in (*ACCEPTED.values(), *REFUSED.values())}
    assert len(files) > 100


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_picture_completes_with_its_upright_size(user, product, name):
    make, kind, size = ACCEPTED[name]
    answer = user.send(product["id"], make(), name="photo", kind=kind)
    assert answer.status_code == 200, answer.text
    assert user.finished(answer.json()["job_id"])["status"] == "completed"
    images = user.http.get(f"/products/{product['id']}").json()["images"]
    (image,) = [image for image in images if image["id"] == answer.json()["image_id"]]
    assert (image["width"], image["height"]) == size
    assert image["content_type"] == kind
    assert listed()[name][1] == "completes, {} x {}".format(*size)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_whole_picture_of_its_type_is_422(user, product, name):
    make, kind = REFUSED[name]
    answer = user.send(product["id"], make(), name="photo", kind=kind)
    assert answer.status_code == 422, answer.text
    assert listed()[name][1] == f"422, {answer.json()['detail']}"


def test_the_service_is_well_after_all_these(anonymous, user, product):
    assert anonymous.get("/health").status_code == 200
    assert user.send(product["id"], jpeg()).status_code == 200


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_a_text_that_unpacks_to_200_megabytes_does_no_harm(user, product, kind):
    bomb = chunk(kind, b"x\0\0" + zlib.compress(bytes(200_000_000)))
    content = raw_png(4, 4, 8, 0, b"\0\x80\x80\x80\x80" * 4, extra=bomb)
    answer = user.send(product["id"], content, kind=PNG)
    assert answer.status_code in {200, 422}
