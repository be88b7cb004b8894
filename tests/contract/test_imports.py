"""``/imports``: many products and pictures at once, beside the reference.

An import is a run of Prefect's: what one of them can show, several tests look at.
"""

import io
import struct
import uuid
import zipfile
from types import SimpleNamespace

import httpx
import pytest

from tests.contract.importing import (
    announced,
    as_csv,
    as_zip,
    counts,
    ended,
    imported,
    of_prefix,
    pictures,
    products,
    reasons,
    rows_of,
    seen,
    started,
)
from tests.contract.wire import at_once, eventually, put, small_photo

UNKNOWN = str(uuid.uuid4())
NO_SUCH_FILE = "The archive has no such file."
ODD_PATH = "image must be a plain path, such as mugs/blue.jpg."
OVER_THE_LIMIT = "The file is over 50,000,000 bytes."
ALL = ("title", "description", "category", "key", "image")


@pytest.fixture
def owner(new_user):
    """Somebody whose catalogue is empty."""
    return new_user()


@pytest.fixture
def drop(place_object):
    """Put a picture into somebody's folder, as their own tools do."""

    def drop(user, path):
        place_object(f"imports/{user.id}/{path}", small_photo())

    return drop


def mugs(**more):
    return {"mugs/blue.jpg": small_photo(), "mugs/red.jpg": small_photo(), **more}


# A table with its pictures beside it

ROWS = [
    {"title": "Blue mug", "description": "Says hello", "category": "kitchen", "key": "B-1",
     "image": "mugs/blue.jpg"},
    {"title": "Blue mug, again", "key": "B-1", "image": "./mugs/red.jpg"},
    {"title": "Plate", "image": "1.jpg"},
    {"title": "Plate", "image": "2.jpg"},
    {"title": "Plate", "image": "1.jpg"},
    {"title": "", "image": "mugs/red.jpg"},
    {"title": "Without", "image": ""},
    {"title": "Missing", "image": "mugs/none.jpg"},
    {"title": "Broken", "image": "broken.jpg"},
    {"title": "Text", "image": "text.jpg"},
    {"title": "Outside", "image": "../../etc/passwd"},
    {"title": "Rooted", "image": "/etc/passwd"},
    {"title": "x" * 501, "image": "mugs/red.jpg"},
    {"title": "Category", "category": "c" * 101, "image": "mugs/red.jpg"},
    {"title": "Huge", "image": "huge.jpg"},
]  # fmt: skip
"""Four that can be imported, one picture for the second time, ten that are wrong; the first is row 2."""


@pytest.fixture(scope="module")
def table(new_user):
    """An import of a zip with such a table: whose it is, and how it ended."""
    files = {
        "products.csv": as_csv(ROWS, ALL),
        **mugs(),
        **{name: small_photo() for name in ("1.jpg", "2.jpg", "mugs/not in the table.jpg")},
        "__MACOSX/._products.csv": b"x",
        "broken.jpg": small_photo()[:-200],
        "text.jpg": b"Hello",
        "huge.jpg": bytes(50_000_001),
    }
    owner = new_user()
    return SimpleNamespace(owner=owner, done=imported(owner, "Products.ZIP", as_zip(files)))


def test_rows_of_one_key_or_one_title_make_one_product(table):
    assert (table.done["status"], counts(table.done)) == ("completed", (15, 4, 1, 10))
    assert table.done["started_at"] <= table.done["completed_at"]
    made = products(table.owner)
    assert (made["Blue mug"]["description"], made["Blue mug"]["category"]) == ("Says hello", "kitchen")
    assert pictures(table.owner) == {"Blue mug": ["blue.jpg", "red.jpg"], "Plate": ["1.jpg", "2.jpg"]}


def test_the_same_picture_twice_in_one_import_comes_once(table):
    (twice,) = rows_of(table.owner, table.done, status="skipped")
    assert (twice["number"], twice["image"]) == (6, "1.jpg")
    assert twice["reason"] == "Its key was imported already."


def test_a_row_that_cannot_be_imported_says_why_and_the_others_come_in(table):
    told = reasons(table.owner, table.done)
    assert told[7] == "title is missing."
    assert told[8] == "image is missing."
    assert told[9] == NO_SUCH_FILE
    assert "cut off" in told[10] or "damaged" in told[10]
    assert told[11].strip()
    assert told[12] == told[13] == ODD_PATH
    assert told[14] == "title: String should have at most 500 characters."
    assert told[15] == "category: String should have at most 100 characters."
    assert told[16] == OVER_THE_LIMIT


def test_rows_come_in_pages_by_their_numbers_and_by_what_became_of_them(table):
    path, http = f"/imports/{table.done['id']}/rows", table.owner.http
    page = http.get(path, params={"status": "failed", "page": 2, "page_size": 4}).json()
    assert [row["number"] for row in page["items"]] == [11, 12, 13, 14]
    assert (page["total"], page["page"], page["page_size"], page["pages"]) == (10, 2, 4, 3)
    assert http.get(path, params={"status": "imported"}).json()["total"] == 4
    assert http.get(path, params={"status": "odd"}).status_code == 422


def test_what_is_imported_is_analysed_as_an_upload_is(table):
    first, *_ = rows_of(table.owner, table.done)
    assert (first["number"], first["status"], first["title"]) == (2, "imported", "Blue mug")
    analysed = eventually(
        lambda: table.owner.analysis(first["image_id"]), lambda found: found["status"] == "completed"
    )
    assert analysed["classification_label"]
    product = table.owner.http.get(f"/products/{first['product_id']}").json()
    image = product["images"][0]
    assert (image["id"], image["width"], image["upload_status"]) == (first["image_id"], 160, "uploaded")
    jobs = table.owner.http.get("/jobs").json()["items"]
    assert [job["job_type"] for job in jobs] == ["single"] * 4
    assert first["product_id"] in {job["product_id"] for job in jobs}


def test_the_run_says_whose_import_it_is_and_of_what(table, platform):
    prefect, run_id = platform.env["PREFECT_API_URL"], table.done["flow_run_id"]
    run = httpx.get(f"{prefect}/flow_runs/{uuid.UUID(run_id)}").json()
    assert run["name"] == f"import of Products.ZIP by {table.owner.email}"
    wanted = {"artifacts": {"flow_run_id": {"any_": [run_id]}}}
    found = httpx.post(f"{prefect}/artifacts/filter", json=wanted).json()
    assert {artifact["type"] for artifact in found} == {"progress", "markdown"}


def test_the_file_of_a_completed_import_goes(table, bucket):
    eventually(lambda: bucket(f"imports/{table.owner.id}/{table.done['id']}/"), lambda keys: keys == [])


# Pictures without a table


def in_folders():
    """A zip of pictures in folders; some are encrypted, packed oddly or vast, and some names lead out."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in ("autumn/Blue mug/front.jpg", "autumn/Blue mug/back.jpg", "Red mug.jpg"):
            archive.writestr(name, small_photo())
        for name in (".DS_Store", "autumn/Thumbs.db", "notes.txt"):
            archive.writestr(name, b"Not a picture")
        archive.writestr("odd.jpg", small_photo(), zipfile.ZIP_LZMA)
        for name in ("../mug.jpg", "/etc/mug.jpg", "a\\..\\mug.jpg"):
            archive.writestr(zipfile.ZipInfo(name), small_photo())
        archive.writestr("secret.jpg", small_photo())
        archive.writestr("vast.jpg", small_photo())
    packed = bytearray(content.getvalue())
    secret, vast = (packed.rfind(name) - 46 for name in (b"secret.jpg", b"vast.jpg"))
    packed[secret + 8] |= 1
    struct.pack_into("<I", packed, vast + 24, 4_000_000_000)
    return bytes(packed)


@pytest.fixture(scope="module")
def photos(new_user):
    """An import of such a zip: whose it is, and how it ended."""
    owner = new_user()
    return SimpleNamespace(owner=owner, done=imported(owner, "photos.zip", in_folders()))


def test_in_a_zip_without_a_csv_a_folder_is_a_product_and_so_is_a_picture_without_one(photos):
    assert (photos.done["status"], counts(photos.done)) == ("completed", (10, 3, 0, 7))
    found = pictures(photos.owner)
    assert {title: sorted(names) for title, names in found.items()} == {
        "Blue mug": ["back.jpg", "front.jpg"],
        "Red mug": ["Red mug.jpg"],
    }


def test_what_is_hostile_in_an_archive_fails_as_a_row(photos):
    told = {row["image"]: row["reason"] for row in rows_of(photos.owner, photos.done, status="failed")}
    assert told.pop("notes.txt").startswith("Its name does not end as a picture's does")
    assert told == {
        "../mug.jpg": ODD_PATH,
        "/etc/mug.jpg": ODD_PATH,
        "a\\..\\mug.jpg": ODD_PATH,
        "odd.jpg": "It is packed by another method than stored or deflated.",
        "secret.jpg": "It is encrypted.",
        "vast.jpg": OVER_THE_LIMIT,
    }


# What lies in my folder


def test_a_row_of_a_csv_reads_my_folder_and_nothing_else(owner, stranger, drop):
    drop(owner, "summer/blue.jpg")
    drop(owner, "red.jpg")
    drop(stranger, "theirs.jpg")
    theirs = f"{stranger.id}/theirs.jpg"
    paths = ("theirs.jpg", f"../{theirs}", f"a/../../{theirs}", f"imports/{theirs}", f"/imports/{theirs}")
    rows = [
        {"title": "Blue mug", "image": "summer/blue.jpg"},
        {"title": "Red mug", "image": f"imports/{owner.id}/red.jpg"},
        *({"title": "Theirs", "image": path} for path in paths),
    ]
    done = imported(owner, "products.csv", as_csv(rows))
    assert (done["status"], counts(done)) == ("completed", (7, 2, 0, 5))
    assert pictures(owner) == {"Blue mug": ["blue.jpg"], "Red mug": ["red.jpg"]}


def test_all_below_a_prefix_of_my_folder_comes_in_and_nothing_else(owner, stranger, drop):
    drop(owner, "spring/mug/front.jpg")
    drop(owner, "spring/plate.jpg")
    drop(owner, "winter/scarf.jpg")
    drop(stranger, "spring/theirs.jpg")
    done = ended(owner, started(owner, of_prefix(owner, "spring/")))
    assert counts(done) == (2, 2, 0, 0)
    assert pictures(owner) == {"mug": ["front.jpg"], "spring": ["plate.jpg"]}
    announced(owner, "mugs.zip", as_zip(mugs()))
    everything = ended(owner, started(owner, of_prefix(owner, "")))
    assert counts(everything) == (3, 1, 2, 0), "the file of another import is no part of the folder"


# Again


def test_a_second_run_brings_what_is_missing_and_nothing_else(owner):
    rows = [{"title": "Mug", "image": "mugs/blue.jpg"}, {"title": "Mug", "image": "mugs/late.jpg"}]
    first = imported(owner, "mugs.zip", as_zip({"t.csv": as_csv(rows), **mugs()}))
    assert (counts(first), reasons(owner, first)) == ((2, 1, 0, 1), {3: NO_SUCH_FILE})
    whole = as_zip({"t.csv": as_csv(rows), **mugs(**{"mugs/late.jpg": small_photo()})})
    assert counts(imported(owner, "mugs.zip", whole)) == (2, 1, 1, 0)
    assert pictures(owner) == {"Mug": ["blue.jpg", "late.jpg"]}
    assert counts(imported(owner, "mugs.zip", whole)) == (2, 0, 2, 0)
    assert owner.http.delete(f"/products/{products(owner)['Mug']['id']}").status_code == 204
    assert counts(imported(owner, "mugs.zip", whole)) == (2, 2, 0, 0), "what was deleted comes again"


def test_imports_of_the_same_at_once_make_it_once_for_each_owner(owner, new_user):
    content, other = as_zip({f"mugs/{n}.jpg": small_photo() for n in range(12)}), new_user()
    each = [(user, announced(user, "mugs.zip", content)) for user in (owner, owner, other)]
    at_once(lambda n: started(*each[n]), 3)
    *twice, once = [ended(*one) for one in each]
    assert sum(one["imported_rows"] for one in twice) == 12
    assert [counts(one)[3] for one in twice] == [0, 0]
    assert counts(once) == (12, 12, 0, 0)
    assert len(pictures(owner)["mugs"]) == len(pictures(other)["mugs"]) == 12


# Files that are refused


def bomb():
    """A zip of three pictures that declare four gigabytes each."""
    content, at = bytearray(as_zip({f"{n}.jpg": small_photo() for n in range(3)})), -1
    while (at := content.find(b"PK\1\2", at + 1)) >= 0:
        struct.pack_into("<I", content, at + 24, 4_000_000_000)
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.zip", bomb(), "What lies in the archive is over 10,000,000,000 bytes once it is unpacked."),
        ("a.csv", b"title,picture\nMug,a.jpg\n", "The CSV has no column image."),
    ],
    ids=["a bomb", "no column"],
)
def test_a_file_that_cannot_be_taken_is_refused_in_a_sentence_and_goes(owner, bucket, name, content, says):
    done = imported(owner, name, content)
    assert (done["status"], done["error_message"], done["imported_rows"]) == ("failed", says, 0)
    again = owner.http.post(f"/imports/{done['id']}/start")
    assert (again.status_code, again.json()["detail"]) == (
        409, "The file of this import is no longer kept: import it anew.",
    )  # fmt: skip
    eventually(lambda: bucket(f"imports/{owner.id}/{done['id']}/"), lambda keys: keys == [])


# Announcing, starting, cancelling


def test_an_announced_file_waits_to_be_put_and_starts_once(owner, bucket):
    content = as_zip(mugs())
    answer = owner.http.post("/imports", json={"filename": "mugs.zip", "file_size_bytes": len(content)})
    made = answer.json()
    assert (answer.status_code, made["status"], made["kind"], made["name"]) == (
        201, "pending", "zip", "mugs.zip",
    )  # fmt: skip
    assert (made["content_type"], made["expires_in"]) == ("application/zip", 3600)
    folder = f"imports/{owner.id}/{made['id']}/"
    assert f"/{folder}mugs.zip?" in made["upload_url"]
    assert counts(made) == (None, 0, 0, 0)
    assert owner.http.post(f"/imports/{made['id']}/start").status_code == 409
    put(made["upload_url"], content, made["content_type"])
    assert bucket(folder) == [f"{folder}mugs.zip"]
    answers = at_once(lambda _: owner.http.post(f"/imports/{made['id']}/start"), 4)
    assert {answer.status_code for answer in answers} <= {200, 409}
    begun = [answer.json()["status"] for answer in answers if answer.status_code == 200]
    assert begun
    assert set(begun) <= {"queued", "processing"}
    assert counts(ended(owner, made)) == (2, 2, 0, 0)
    assert owner.http.post(f"/imports/{made['id']}/start").status_code == 409


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"filename": "a.zip"},
        {"file_size_bytes": 9},
        {"filename": "a.zip", "file_size_bytes": 9, "prefix": "a/"},
        {"filename": "a.zip", "file_size_bytes": 0},
        {"filename": "a.zip", "file_size_bytes": True},
        {"filename": "a.rar", "file_size_bytes": 9},
        {"filename": ".zip", "file_size_bytes": 9},
        {"filename": None, "file_size_bytes": 9},
        {"prefix": "/"},
        {"prefix": "/a"},
        {"prefix": "../"},
        {"prefix": "a/../../b"},
        {"prefix": "a//b"},
        {"prefix": "a\\b"},
        {"prefix": "a\u0000"},
        {"prefix": "a" * 501},
    ],
)
def test_what_names_no_file_and_no_prefix_of_my_folder_is_refused(owner, body):
    assert owner.http.post("/imports", json=body).status_code == 422


def test_a_file_over_the_limit_is_refused(owner):
    for name, size in (("a.zip", 2_000_000_001), ("a.csv", 50_000_001)):
        answer = owner.http.post("/imports", json={"filename": name, "file_size_bytes": size})
        assert answer.status_code == 413


def test_a_prefix_with_nothing_below_it_cannot_be_started(owner):
    made = of_prefix(owner, "nothing/")
    answer = owner.http.post(f"/imports/{made['id']}/start")
    assert (answer.status_code, answer.json()["detail"]) == (
        409, "There is nothing in your folder below this prefix.",
    )  # fmt: skip


def test_ten_imports_may_be_there_that_have_not_ended_also_when_all_come_at_once(owner, drop):
    answers = at_once(lambda n: owner.http.post("/imports", json={"prefix": f"{n}/"}), 12)
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [409] * 2
    first = next(answer.json() for answer in answers if answer.status_code == 201)
    assert owner.http.post(f"/imports/{first['id']}/cancel").status_code == 200
    assert owner.http.post("/imports", json={"prefix": "more/"}).status_code == 201
    drop(owner, f"{first['name']}mug.jpg")
    again = owner.http.post(f"/imports/{first['id']}/start")
    assert (again.status_code, again.json()["detail"][:31]) == (409, "10 of your imports have not end")


def test_imports_are_listed_newest_first(owner):
    ids = [of_prefix(owner, f"{n}/")["id"] for n in range(3)]
    page = owner.http.get("/imports", params={"page_size": 2}).json()
    assert [item["id"] for item in page["items"]] == ids[:0:-1]
    assert (page["total"], page["pages"]) == (3, 2)
    assert owner.http.get("/imports", params={"page": 5}).json()["items"] == []
    assert owner.http.get("/imports", params={"page": 0}).status_code == 422


def test_an_import_that_is_not_mine_does_not_exist(owner, stranger):
    made = announced(owner, "mugs.zip", as_zip(mugs()))
    for method, path in (("GET", ""), ("GET", "/rows"), ("POST", "/start"), ("POST", "/cancel")):
        theirs = stranger.http.request(method, f"/imports/{made['id']}{path}")
        nobodys = stranger.http.request(method, f"/imports/{UNKNOWN}{path}")
        assert (theirs.status_code, theirs.json()) == (nobodys.status_code, nobodys.json())
        assert theirs.status_code == 404
    assert made["id"] not in stranger.http.get("/imports").text
    assert seen(owner, made)["status"] == "pending"


def test_a_cancelled_import_keeps_what_it_has_and_goes_on_with_the_very_file(owner, place_object):
    many = 60
    content = as_zip({f"mugs/{n:02}.jpg": small_photo() for n in range(many)})
    made = started(owner, announced(owner, "mugs.zip", content))
    eventually(lambda: seen(owner, made), lambda now: now["imported_rows"] > 0)
    cancelled = owner.http.post(f"/imports/{made['id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert 0 < cancelled.json()["imported_rows"] < many
    assert owner.http.post(f"/imports/{made['id']}/cancel").status_code == 409
    kept = len(pictures(owner)["mugs"])
    assert seen(owner, made)["imported_rows"] == kept
    file = f"imports/{owner.id}/{made['id']}/mugs.zip"
    place_object(file, as_zip(mugs()), "application/zip")
    refused = owner.http.post(f"/imports/{made['id']}/start")
    assert (refused.status_code, refused.json()["detail"]) == (
        409, "Another file lies there than the one that was begun with: import it anew.",
    )  # fmt: skip
    place_object(file, content, "application/zip")
    started(owner, made)
    done = ended(owner, made)
    assert (done["status"], counts(done)) == ("completed", (many, many, 0, 0))
    assert len(pictures(owner)["mugs"]) == many


def test_a_cancelled_import_that_was_not_started_leaves_no_file(owner, bucket):
    made = announced(owner, "mugs.zip", as_zip(mugs()))
    assert owner.http.post(f"/imports/{made['id']}/cancel").json()["status"] == "cancelled"
    eventually(lambda: bucket(f"imports/{owner.id}/{made['id']}/"), lambda keys: keys == [])


def test_an_upload_waits_behind_few_pictures_of_an_import(owner, new_user, database):
    other, many = new_user(), 100
    product = other.product()["id"]
    on_their_way = "SELECT count(*) FROM jobs WHERE user_id = %s AND completed_at IS NULL"
    most = 0

    def look():
        nonlocal most
        most = max(most, database.execute(on_their_way, [owner.id]).fetchone()[0])
        return seen(owner, made)

    content = as_zip({f"mugs/{n:03}.jpg": small_photo() for n in range(many)})
    made = started(owner, announced(owner, "mugs.zip", content))
    eventually(look, lambda now: now["imported_rows"] > 0)
    other.analysed(product)
    assert look()["imported_rows"] < many, "the upload came behind all of the import"
    done = eventually(look, lambda now: now["completed_at"], 180)
    assert counts(done) == (many, many, 0, 0)
    assert 1 <= most <= 8
