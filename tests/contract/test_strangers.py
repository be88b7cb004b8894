"""What is not yours does not exist: every route of the document that takes an id, called by a stranger.

The calls are made from the committed document, so a new route is tried too, or fails for want of a value.
"""

import json
import uuid
from pathlib import Path

import pytest

from tests.contract.importing import as_zip, imported
from tests.contract.wire import eventually, put, small_photo

DOCUMENT = json.loads((Path(__file__).resolve().parents[2] / "docs" / "openapi.json").read_text())
IDS = {"product_id", "image_id", "image_ids", "job_id", "webhook_id", "import_id"}
PICTURE = small_photo()
VALUES = {
    "url": "https://nowhere.invalid/",
    "events": ["job_failed"],
    "active": False,
    "title": "Bob was here",
    "description": "Bob was here",
    "category": "bob",
    "status": "archived",
    "filename": "photo.jpg",
    "content_type": "image/jpeg",
    "file_size_bytes": len(PICTURE),
    "file": ("photo.jpg", PICTURE, "image/jpeg"),
}
ROWS = {
    "users": "id = %(owner)s",
    "products": "user_id = %(owner)s",
    "product_images": "product_id IN (SELECT id FROM products WHERE user_id = %(owner)s)",
    "analyses": "product_image_id IN (SELECT product_images.id FROM product_images JOIN products"
    " ON products.id = product_id WHERE products.user_id = %(owner)s)",
    "jobs": "user_id = %(owner)s",
    "job_images": "job_id IN (SELECT id FROM jobs WHERE user_id = %(owner)s)",
    "webhooks": "user_id = %(owner)s",
    "webhook_deliveries": "webhook_id IN (SELECT id FROM webhooks WHERE user_id = %(owner)s)",
    "imports": "user_id = %(owner)s",
    "import_rows": "import_id IN (SELECT id FROM imports WHERE user_id = %(owner)s)",
    "job_steps": "job_id IN (SELECT id FROM jobs WHERE user_id = %(owner)s)",
}


def operations():
    """Each operation that takes ids: its method, path, the kind and the fields of its body, and its ids."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            kind, fields = body(operation)
            named = {parameter["name"]: parameter["schema"] for parameter in operation.get("parameters", [])}
            ids = sorted(name for name, schema in (named | fields).items() if '"uuid"' in json.dumps(schema))
            if ids:
                yield method.upper(), path, kind, list(fields), ids


def body(operation):
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        schema = DOCUMENT["components"]["schemas"].get(name, content["schema"])
        if "properties" in schema:
            return kind, schema["properties"]
    return None, {}


CASES = [
    pytest.param(method, path, kind, fields, foreign, id=f"{method} {path} {'+'.join(foreign)}")
    for method, path, kind, fields, ids in operations()
    for foreign in dict.fromkeys([tuple(ids), *((name,) for name in ids)])
]


@pytest.fixture(scope="module")
def alice(new_user):
    return new_user()


@pytest.fixture(scope="module")
def hers(alice):
    """What Alice has, once nothing is on its way any more: an analysed image, and one to be confirmed."""
    product_id = alice.product(title="Alice's")["id"]
    seen = alice.analysed(product_id)
    presigned = alice.presign(product_id, PICTURE)
    put(presigned["upload_url"], PICTURE)
    common = {
        "product_id": product_id,
        "job_id": seen["job_id"],
        "import_id": an_import_of(alice),
        "webhook_id": a_webhook_of(alice),  # after all jobs, of which it would be told again and again
    }
    return {
        "analysed": {**common, "image_id": seen["image_id"], "image_ids": [seen["image_id"]]},
        "to confirm": {**common, "image_id": presigned["image_id"], "image_ids": [presigned["image_id"]]},
    }


@pytest.fixture(scope="module")
def his(stranger):
    """What the stranger has himself."""
    product_id = stranger.product()["id"]
    seen = stranger.analysed(product_id)
    webhook_id = a_webhook_of(stranger)
    common = {"webhook_id": webhook_id, "import_id": an_import_of(stranger)}
    return {"product_id": product_id, **seen, "image_ids": [seen["image_id"]], **common}


def an_import_of(user):
    """One that has ended, with its row."""
    done = imported(user, "mugs.zip", as_zip({"mug.jpg": PICTURE}))
    user.finished(user.http.get("/jobs").json()["items"][0]["id"])
    return done["id"]


def a_webhook_of(user):
    """A webhook with a delivery that has ended."""
    webhook_id = user.http.post("/webhooks", json={"url": VALUES["url"]}).json()["id"]
    user.http.post(f"/webhooks/{webhook_id}/test")
    listed = lambda: user.http.get(f"/webhooks/{webhook_id}/deliveries").json()["items"]  # noqa: E731
    eventually(listed, lambda deliveries: deliveries[0]["status"] == "failed")
    return webhook_id


@pytest.fixture
def rows(database, alice, bucket):
    """Read all rows and objects that are Alice's."""

    def read():
        found = {
            table: database.execute(
                f"SELECT to_jsonb({table}) FROM {table} WHERE {hers} ORDER BY 1", {"owner": alice.id}
            ).fetchall()
            for table, hers in ROWS.items()
        }
        return {**found, "objects": bucket(f"products/{alice.id}/")}

    return read


@pytest.mark.parametrize("which", ["analysed", "to confirm"])
@pytest.mark.parametrize(("method", "path", "kind", "fields", "foreign"), CASES)
def test_a_stranger_meets_what_is_alices_as_if_it_did_not_exist(
    stranger, alice, hers, his, rows, method, path, kind, fields, foreign, which
):
    assert set(foreign) <= IDS, f"this test does not know what {foreign} name"
    unknown = {name: [str(uuid.uuid4())] if name == "image_ids" else str(uuid.uuid4()) for name in foreign}
    before = rows()
    of_alices = ask(stranger, method, path, kind, fields, his | {name: hers[which][name] for name in foreign})
    of_nobodys = ask(stranger, method, path, kind, fields, his | unknown)
    assert of_alices.status_code in {404, 422}
    assert (of_alices.status_code, of_alices.json()) == (of_nobodys.status_code, of_nobodys.json())
    assert rows() == before


def ask(user, method, path, kind, fields, ids):
    values = VALUES | ids
    address = path.removeprefix("/api/v1").format(**ids)
    sent = {name: values[name] for name in fields}
    if kind == "multipart/form-data":
        files = {"file": sent.pop("file")}
        return user.http.request(method, address, data=sent, files=files)
    return user.http.request(method, address, json=sent if kind else None)


def test_every_kind_of_row_was_there_to_be_changed(hers, rows):
    found = rows()
    assert [kind for kind, things in found.items() if not things] == []
