"""``/imports``: many products and pictures at once, beside the reference."""

import io
import struct
import uuid
import zipfile

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
ALL = ("title", "description", "category", "key", "image")


@pytest.fixture
def owner(new_user):
    """Somebody whose catalogue is empty."""
    return new_user()


@pytest.fixture
def drop(place_object):
    """Put a picture into somebody's folder, as their own tools do."""

    def drop(user, path, content=None):
        place_object(f"imports/{user.id}/{path}", small_photo() if content is None else content)

    return drop


def mugs(**more):
    return {"mugs/blue.jpg": small_photo(), "mugs/red.jpg": small_photo(), **more}


# What comes in


def test_an_announced_file_waits_to_be_put_and_started(owner):
    content = as_zip(mugs())
    answer = owner.http.post("/imports", json={"filename": "mugs.zip", "file_size_bytes": len(content)})
    made = answer.json()
    assert (answer.status_code, made["status"], made["kind"], made["name"]) == (
        201, "pending", "zip", "mugs.zip",
    )  # fmt: skip
    assert (made["content_type"], made["expires_in"]) == ("application/zip", 3600)
    assert f"/imports/{owner.id}/{made['id']}/mugs.zip?" in made["upload_url"]
    assert counts(made) == (None, 0, 0, 0)
    early = owner.http.post(f"/imports/{made['id']}/start")
    assert early.status_code == 409
    put(made["upload_url"], content, made["content_type"])
    assert started(owner, made)["status"] == "queued"
    assert counts(ended(owner, made)) == (2, 2, 0, 0)


def test_a_csv_names_pictures_in_my_folder(owner, drop):
    drop(owner, "summer/blue.jpg")
    drop(owner, "red.jpg")
    rows = [
        {"title": "Blue mug", "description": "Says hello", "category": "kitchen", "key": "B-1",
         "image": "summer/blue.jpg"},
        {"title": "Red mug", "image": f"imports/{owner.id}/red.jpg"},
    ]  # fmt: skip
    done = imported(owner, "products.csv", as_csv(rows, ALL))
    assert (done["status"], counts(done)) == ("completed", (2, 2, 0, 0))
    assert done["started_at"] <= done["completed_at"]
    assert uuid.UUID(done["flow_run_id"])
    made = products(owner)
    assert made["Blue mug"]["description"] == "Says hello"
    assert made["Blue mug"]["category"] == "kitchen"
    assert pictures(owner) == {"Blue mug": ["blue.jpg"], "Red mug": ["red.jpg"]}


def test_what_is_imported_is_analysed_as_an_upload_is(owner):
    done = imported(owner, "one.zip", as_zip({"mug.jpg": small_photo()}))
    (row,) = rows_of(owner, done)
    assert (row["number"], row["status"], row["title"], row["image"]) == (1, "imported", "mug", "mug.jpg")
    analysed = eventually(
        lambda: owner.analysis(row["image_id"]), lambda found: found["status"] == "completed"
    )
    assert analysed["classification_label"]
    product = owner.http.get(f"/products/{row['product_id']}").json()
    assert [image["id"] for image in product["images"]] == [row["image_id"]]
    assert (product["images"][0]["width"], product["images"][0]["upload_status"]) == (160, "uploaded")
    (job,) = owner.http.get("/jobs").json()["items"]
    assert (job["job_type"], job["product_id"]) == ("single", row["product_id"])


def test_a_zip_with_a_csv_has_its_pictures_beside_it(owner):
    rows = [
        {"title": "Blue mug", "image": "mugs/blue.jpg"},
        {"title": "Red mug", "image": "./mugs/red.jpg"},
    ]
    unnamed = {"mugs/not in the table.jpg": small_photo(), "__MACOSX/._products.csv": b"x"}
    done = imported(owner, "Products.ZIP", as_zip({"products.csv": as_csv(rows), **mugs(**unnamed)}))
    assert counts(done) == (2, 2, 0, 0)
    assert pictures(owner) == {"Blue mug": ["blue.jpg"], "Red mug": ["red.jpg"]}


def test_in_a_zip_without_a_csv_a_folder_is_a_product_and_so_is_a_picture_without_one(owner):
    files = {
        "autumn/Blue mug/front.jpg": small_photo(),
        "autumn/Blue mug/back.jpg": small_photo(),
        "Red mug.jpg": small_photo(),
        ".DS_Store": b"x",
        "autumn/Thumbs.db": b"x",
        "notes.txt": b"Not a picture",
    }
    done = imported(owner, "photos.zip", as_zip(files))
    assert counts(done) == (4, 3, 0, 1)
    found = pictures(owner)
    assert {title: sorted(names) for title, names in found.items()} == {
        "Blue mug": ["back.jpg", "front.jpg"],
        "Red mug": ["Red mug.jpg"],
    }
    (reason,) = reasons(owner, done).values()
    assert reason.startswith("Its name does not end as a picture's does")


def test_all_below_a_prefix_of_my_folder_comes_in_and_nothing_else(owner, stranger, drop):
    drop(owner, "spring/mug/front.jpg")
    drop(owner, "spring/plate.jpg")
    drop(owner, "winter/scarf.jpg")
    drop(stranger, "spring/theirs.jpg")
    done = ended(owner, started(owner, of_prefix(owner, "spring/")))
    assert counts(done) == (2, 2, 0, 0)
    assert pictures(owner) == {"mug": ["front.jpg"], "spring": ["plate.jpg"]}


def test_the_files_of_other_imports_are_no_part_of_the_folder(owner, drop):
    announced(owner, "mugs.zip", as_zip(mugs()))
    drop(owner, "plate.jpg")
    done = ended(owner, started(owner, of_prefix(owner, "")))
    assert counts(done) == (1, 1, 0, 0)


def test_rows_of_one_key_or_one_title_make_one_product(owner):
    rows = [
        {"title": "Blue mug", "key": "B-1", "image": "mugs/blue.jpg"},
        {"title": "Blue mug, again", "key": "B-1", "image": "mugs/red.jpg"},
        {"title": "Plate", "image": "1.jpg"},
        {"title": "Plate", "image": "2.jpg"},
    ]
    files = mugs(**{"1.jpg": small_photo(), "2.jpg": small_photo()})
    done = imported(owner, "all.zip", as_zip({"t.csv": as_csv(rows, ALL), **files}))
    assert counts(done) == (4, 4, 0, 0)
    assert pictures(owner) == {"Blue mug": ["blue.jpg", "red.jpg"], "Plate": ["1.jpg", "2.jpg"]}


# Again


def test_a_second_run_brings_what_is_missing_and_nothing_else(owner):
    rows = [{"title": "Mug", "image": "mugs/blue.jpg"}, {"title": "Mug", "image": "mugs/late.jpg"}]
    first = imported(owner, "mugs.zip", as_zip({"t.csv": as_csv(rows), **mugs()}))
    assert (counts(first), reasons(owner, first)) == ((2, 1, 0, 1), {3: NO_SUCH_FILE})
    late = mugs(**{"mugs/late.jpg": small_photo()})
    second = imported(owner, "mugs.zip", as_zip({"t.csv": as_csv(rows), **late}))
    assert counts(second) == (2, 1, 1, 0)
    (known,) = rows_of(owner, second, status="skipped")
    assert (known["number"], known["reason"]) == (2, "Its key was imported already.")
    assert pictures(owner) == {"Mug": ["blue.jpg", "late.jpg"]}
    assert counts(imported(owner, "mugs.zip", as_zip({"t.csv": as_csv(rows), **late}))) == (2, 0, 2, 0)


def test_what_was_deleted_comes_again(owner):
    content = as_zip(mugs())
    imported(owner, "mugs.zip", content)
    assert owner.http.delete(f"/products/{products(owner)['mugs']['id']}").status_code == 204
    assert counts(imported(owner, "mugs.zip", content)) == (2, 2, 0, 0)


def test_the_same_picture_twice_in_one_import_comes_once(owner):
    rows = [{"title": f"Mug {n}", "image": "mugs/blue.jpg"} for n in range(3)]
    done = imported(owner, "mugs.zip", as_zip({"t.csv": as_csv(rows), **mugs()}))
    assert counts(done) == (3, 1, 2, 0)
    assert len(products(owner)) == 1


def test_what_somebody_else_imported_is_new_to_me(owner, new_user):
    content = as_zip(mugs())
    imported(owner, "mugs.zip", content)
    other = new_user()
    assert counts(imported(other, "mugs.zip", content)) == (2, 2, 0, 0)


def test_two_imports_of_the_same_at_once_make_it_once(owner):
    content = as_zip({f"mugs/{n}.jpg": small_photo() for n in range(12)})
    both = [announced(owner, "mugs.zip", content) for _ in range(2)]
    at_once(lambda n: started(owner, both[n]), 2)
    done = [ended(owner, made) for made in both]
    assert sum(one["imported_rows"] for one in done) == 12
    assert [counts(one)[3] for one in done] == [0, 0]
    assert len(pictures(owner)["mugs"]) == 12


# Errors by row


def test_a_row_that_cannot_be_imported_says_why_and_the_others_come_in(owner):
    rows = [
        {"title": "Good", "image": "mugs/blue.jpg"},
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
    ]
    files = {"broken.jpg": small_photo()[:-200], "text.jpg": b"Hello", "huge.jpg": bytes(50_000_001)}
    done = imported(owner, "all.zip", as_zip({"t.csv": as_csv(rows, ALL), **mugs(), **files}))
    assert (done["status"], counts(done)) == ("completed", (11, 1, 0, 10))
    told = reasons(owner, done)
    assert told[3] == "title is missing."
    assert told[4] == "image is missing."
    assert told[5] == NO_SUCH_FILE
    assert "cut off" in told[6] or "damaged" in told[6]
    assert told[7].strip()
    assert told[8] == told[9] == "image must be a plain path, such as mugs/blue.jpg."
    assert told[10] == "title: String should have at most 500 characters."
    assert told[11] == "category: String should have at most 100 characters."
    assert told[12] == "The file is over 50,000,000 bytes."
    assert list(products(owner)) == ["Good"]


def test_rows_come_in_pages_by_their_numbers_and_by_what_became_of_them(owner):
    rows = [{"title": "Mug", "image": f"{n}.jpg"} for n in range(25)]
    done = imported(owner, "none.zip", as_zip({"t.csv": as_csv(rows)}))
    path = f"/imports/{done['id']}/rows"
    page = owner.http.get(path, params={"status": "failed", "page": 2, "page_size": 10}).json()
    assert [row["number"] for row in page["items"]] == list(range(12, 22))
    assert (page["total"], page["page"], page["page_size"], page["pages"]) == (25, 2, 10, 3)
    assert owner.http.get(path, params={"status": "imported"}).json()["total"] == 0
    assert owner.http.get(path, params={"status": "odd"}).status_code == 422


def test_a_row_of_a_csv_reads_nothing_but_my_folder(owner, stranger, drop):
    drop(stranger, "theirs.jpg")
    theirs = f"{stranger.id}/theirs.jpg"
    paths = ("theirs.jpg", f"../{theirs}", f"a/../../{theirs}", f"imports/{theirs}", f"/imports/{theirs}")
    done = imported(owner, "t.csv", as_csv([{"title": "Theirs", "image": path} for path in paths]))
    assert counts(done) == (5, 0, 0, 5)
    assert products(owner) == {}


# Files that are refused


def hostile():
    """A zip with a good picture beside one that is encrypted, one packed oddly, and names that lead out."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("good.jpg", small_photo())
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


def test_what_is_hostile_in_an_archive_fails_as_a_row(owner):
    done = imported(owner, "a.zip", hostile())
    assert (done["status"], counts(done)) == ("completed", (7, 1, 0, 6))
    odd = "image must be a plain path, such as mugs/blue.jpg."
    assert {row["image"]: row["reason"] for row in rows_of(owner, done, status="failed")} == {
        "../mug.jpg": odd,
        "/etc/mug.jpg": odd,
        "a\\..\\mug.jpg": odd,
        "odd.jpg": "It is packed by another method than stored or deflated.",
        "secret.jpg": "It is encrypted.",
        "vast.jpg": "The file is over 50,000,000 bytes.",
    }


def bomb():
    """A zip of three pictures that declare four gigabytes each."""
    content, at = bytearray(as_zip({f"{n}.jpg": small_photo() for n in range(3)})), -1
    while (at := content.find(b"PK\1\2", at + 1)) >= 0:
        struct.pack_into("<I", content, at + 24, 4_000_000_000)
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.zip", b"Hello" * 100, "The file is no zip archive, or is cut off."),
        ("a.zip", bomb(), "What lies in the archive is over 10,000,000,000 bytes once it is unpacked."),
        ("a.csv", b"title,picture\nMug,a.jpg\n", "The CSV has no column image."),
    ],
    ids=["no archive", "a bomb", "no column"],
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


def test_ten_imports_may_be_there_that_have_not_ended_also_when_all_come_at_once(owner):
    answers = at_once(lambda n: owner.http.post("/imports", json={"prefix": f"{n}/"}), 12)
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [409] * 2
    first = next(answer.json() for answer in answers if answer.status_code == 201)
    assert owner.http.post(f"/imports/{first['id']}/cancel").status_code == 200
    assert owner.http.post("/imports", json={"prefix": "more/"}).status_code == 201


def test_starting_twice_starts_once(owner):
    made = announced(owner, "mugs.zip", as_zip(mugs()))
    answers = at_once(lambda _: owner.http.post(f"/imports/{made['id']}/start"), 4)
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert 200 in {answer.status_code for answer in answers}
    assert counts(ended(owner, made)) == (2, 2, 0, 0)
    late = owner.http.post(f"/imports/{made['id']}/start")
    assert late.status_code == 409


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


def test_a_cancelled_import_keeps_what_it_has_and_is_gone_on_with(owner):
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
    started(owner, made)
    done = ended(owner, made)
    assert (done["status"], counts(done)) == ("completed", (many, many, 0, 0))
    assert len(pictures(owner)["mugs"]) == many


def test_a_cancelled_import_that_was_not_started_leaves_no_file(owner, bucket):
    made = announced(owner, "mugs.zip", as_zip(mugs()))
    assert owner.http.post(f"/imports/{made['id']}/cancel").json()["status"] == "cancelled"
    eventually(lambda: bucket(f"imports/{owner.id}/{made['id']}/"), lambda keys: keys == [])


def test_the_file_of_a_completed_import_goes(owner, bucket):
    made = announced(owner, "mugs.zip", as_zip(mugs()))
    assert bucket(f"imports/{owner.id}/{made['id']}/")
    ended(owner, started(owner, made))
    eventually(lambda: bucket(f"imports/{owner.id}/{made['id']}/"), lambda keys: keys == [])


def test_another_file_than_the_one_begun_with_is_refused(owner, place_object):
    content = as_zip({f"mugs/{n:02}.jpg": small_photo() for n in range(60)})
    made = started(owner, announced(owner, "mugs.zip", content))
    eventually(lambda: seen(owner, made), lambda now: now["imported_rows"] > 0)
    assert owner.http.post(f"/imports/{made['id']}/cancel").status_code == 200
    place_object(f"imports/{owner.id}/{made['id']}/mugs.zip", as_zip(mugs()), "application/zip")
    answer = owner.http.post(f"/imports/{made['id']}/start")
    assert (answer.status_code, answer.json()["detail"]) == (
        409, "Another file lies there than the one that was begun with: import it anew.",
    )  # fmt: skip


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


def test_the_run_says_whose_import_it_is_and_of_what(owner, platform):
    done = imported(owner, "mugs.zip", as_zip(mugs()))
    run = httpx.get(f"{platform.env['PREFECT_API_URL']}/flow_runs/{done['flow_run_id']}").json()
    assert run["name"] == f"import of mugs.zip by {owner.email}"
    wanted = {"artifacts": {"flow_run_id": {"any_": [done["flow_run_id"]]}}}
    found = httpx.post(f"{platform.env['PREFECT_API_URL']}/artifacts/filter", json=wanted).json()
    assert {artifact["type"] for artifact in found} == {"progress", "markdown"}
