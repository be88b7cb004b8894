"""A fuzzer finds nothing: schemathesis against the running platform, as Alice, with Bob as the stranger.

``make fuzz MINUTES=10`` asks for longer, with another seed each time; SEED=... asks the same again.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.contract.wire import small_photo

ROOT = Path(__file__).resolve().parents[2]
MINUTES = int(os.environ.get("FUZZ_MINUTES") or 0)
SEED = int(os.environ.get("FUZZ_SEED") or (random.randrange(2**32) if MINUTES else 20_250_115))
DOOMED = 2
"""So many of Alice's products and webhooks may be deleted by their ids; the others stay."""
FAILED = 2
"""So many of Alice's jobs failed, each on a product and an image that no other request is led to."""
LENGTH = ["--max-time", str(60 * MINUTES)] if MINUTES else ["--max-examples", "6"]


@pytest.fixture(scope="module")
def alice(new_user, place_object):
    """Who asks: she owns some of everything."""
    alice = new_user()
    for _ in range(2 * DOOMED):
        alice.analysed(alice.product()["id"])
    for _ in range(2 * DOOMED):
        a_webhook_of(alice)
    for _ in range(3):
        an_import_of(alice, place_object)
    return alice


@pytest.fixture(scope="module")
def mark():
    """A word that only Bob's things carry."""
    return f"bob{uuid.uuid4().hex}"


@pytest.fixture(scope="module")
def bob(new_user, mark, place_object):
    """The stranger."""
    bob = new_user()
    for _ in range(3):
        bob.analysed(bob.product(title=mark, description=mark, category=mark)["id"])
    for _ in range(3):
        a_webhook_of(bob, description=mark)  # after his jobs, of which it would be told again and again
    an_import_of(bob, place_object, mark)
    return bob


def an_import_of(user, place_object, folder="spring"):
    """One of a picture in the user's folder, that waits to be started."""
    place_object(f"imports/{user.id}/{folder}/mug.jpg", small_photo())
    answer = user.http.post("/imports", json={"prefix": f"{folder}/"})
    assert answer.status_code == 201, answer.text


def a_webhook_of(user, **fields):
    """One that leads nowhere."""
    answer = user.http.post("/webhooks", json={"url": "https://nowhere.invalid/", **fields})
    assert answer.status_code == 201, answer.text


@pytest.fixture(scope="module")
def before(bob):
    return everything(bob)


@pytest.fixture(scope="module")
def unattended(alice, database):
    """Jobs of Alice's with nothing to do in them, so that no worker ends one before it can be cancelled."""
    made = """
        INSERT INTO jobs (id, user_id, job_type, total_images)
        SELECT gen_random_uuid(), %s, 'single', 1 FROM generate_series(1, 6) RETURNING id::text
    """
    return [job_id for (job_id,) in database.execute(made, [alice.id]).fetchall()]


@pytest.fixture(scope="module")
def failed(alice, database):
    """Jobs of Alice's that ended with a failed image, and what they are of."""
    return [a_failed_job_of(alice, database) for _ in range(FAILED)]


def a_failed_job_of(user, database):
    product_id = user.product()["id"]
    image_id = user.analysed(product_id)["image_id"]
    made = """
        INSERT INTO jobs (id, user_id, product_id, job_type, total_images, status, completed_at)
        VALUES (gen_random_uuid(), %s, %s, 'batch', 1, 'failed', now()) RETURNING id::text
    """
    (job_id,) = database.execute(made, [user.id, product_id]).fetchone()
    with_image = """
        INSERT INTO job_images (job_id, image_id, position, queue, status)
        VALUES (%s, %s, 0, 'batch', 'failed')
    """
    database.execute(with_image, [job_id, image_id])
    database.execute("UPDATE analyses SET status = 'failed' WHERE product_image_id = %s", [image_id])
    return {"jobs": job_id, "products": product_id, "images": image_id}


@pytest.fixture(scope="module")
def run(platform, alice, bob, mark, before, unattended, failed, tmp_path_factory):
    """One run of schemathesis: how it ended, and what was asked how often."""
    folder = tmp_path_factory.mktemp("fuzz")
    shutil.copy(Path(__file__).with_name("schemathesis.toml"), folder)
    hers, his = owned(alice), owned(bob)
    for one in failed:
        for kind, its_id in one.items():
            hers[kind].remove(its_id)
    doomed = {kind: [hers[kind].pop(0) for _ in range(DOOMED)] for kind in ("products", "webhooks")}
    once = {
        "delete_product": {"product_id": doomed["products"][0]},
        "delete_webhook": {"webhook_id": doomed["webhooks"][0]},
        "cancel_batch": {"job_id": unattended[0]},
        "retry_job": {"job_id": failed[0]["jobs"]},
        "start_import": {"import_id": hers["imports"][0]},
        "cancel_import": {"import_id": hers["imports"][1]},
    }
    for name, ids in {
        **{kind: hers[kind] + his[kind] for kind in hers},
        "doomed": doomed["products"] + his["products"],
        "doomed_webhooks": doomed["webhooks"] + his["webhooks"],
        "open_jobs": unattended + his["jobs"],
        "failed_jobs": [one["jobs"] for one in failed] + his["jobs"],
        "words": [mark, "thing"],
    }.items():
        (folder / f"{name}.txt").write_text("\n".join(map(json.dumps, ids)))
    world = {
        "url": platform.url,
        "alice": account(alice),
        "bob": account(bob) | {"mark": mark, "owns": [one for ids in his.values() for one in ids]},
        "pairs": pairs(alice, hers["products"]) + pairs(bob, his["products"]),
        "stays": {f"{kind[:-1]}_id": ids[-1] for kind, ids in hers.items()},
        "once": once,
    }
    (folder / "world.json").write_text(json.dumps(world))
    ended = schemathesis(platform.url, folder)
    return ended, json.loads((folder / "figures.json").read_text())


def schemathesis(url, folder):
    """Run it; its output goes where this process's goes, so that pytest shows it when a test fails."""
    program = [
        Path(sys.executable).with_name("st"),
        "--config-file",
        folder / "schemathesis.toml",
        "--no-color",
    ]
    command = [*program, "run", f"{url}/openapi.json", "--seed", str(SEED), *LENGTH]
    variables = {"FUZZ_WORLD": folder / "world.json", "FUZZ_FIGURES": folder / "figures.json"}
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}).returncode


def pairs(user, product_ids):
    """Products, each with the images it has."""
    products = [user.http.get(f"/products/{one}").json() for one in product_ids]
    return [
        {"product_id": product["id"], "image_ids": [image["id"] for image in product["images"]]}
        for product in products
    ]


def account(user):
    return {"id": user.id, "email": user.email, "password": user.password}


def owned(user):
    products = user.http.get("/products", params={"page_size": 100}).json()["items"]
    return {
        "products": [product["id"] for product in products],
        "images": [image["id"] for product in products for image in product["images"]],
        "jobs": [job["id"] for job in user.http.get("/jobs", params={"limit": 100}).json()["items"]],
        "webhooks": [webhook["id"] for webhook in user.http.get("/webhooks").json()["items"]],
        "imports": [one["id"] for one in user.http.get("/imports").json()["items"]],
    }


def everything(user):
    """All that a user can read of what is hers."""
    things = owned(user)
    paths = [f"/products/{one}" for one in things["products"]]
    paths += [f"/products/{one}/analysis" for one in things["products"]]
    paths += [f"/jobs/{one}" for one in things["jobs"]]
    paths += [f"/webhooks/{one}/deliveries" for one in things["webhooks"]]
    paths += [f"/imports/{one}/rows" for one in things["imports"]]
    return {
        path: user.http.get(path).json()
        for path in ("/products", "/jobs", "/webhooks", "/imports", "/dashboard/stats", *paths)
    }


@pytest.mark.timeout(60 * MINUTES + 600)
def test_no_request_gets_an_answer_that_the_document_does_not_declare_or_that_is_not_the_callers(run):
    ended, figures = run
    sys.stdout.write(report(figures))
    assert ended == 0, f"schemathesis has findings, see above; its seed is {SEED}"


def test_each_operation_was_asked_something_that_it_did(run, document):
    _, figures = run
    done = {name for name, status in map(parted, figures["answered"]) if status < 300}
    assert done >= set(document)


def test_the_stranger_was_refused_on_each_operation_that_names_an_id(run, document):
    _, figures = run
    tried = {name for name, status in map(parted, figures["refused"]) if status == 404}
    assert tried >= {name for name, names_an_id in document.items() if names_an_id}


def test_nothing_of_the_strangers_has_changed(run, bob, before):
    assert everything(bob) == before


@pytest.fixture(scope="module")
def document(anonymous):
    """The operations, and whether each asks for an id."""
    document = anonymous.get("/openapi.json").json()
    return {
        f"{method.upper()} {path}": "_id" in path + json.dumps(body_schema(document, operation))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def body_schema(document, operation):
    schema = next(iter(operation.get("requestBody", {}).get("content", {}).values()), {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"].get(name, schema)


def parted(line):
    """Split "GET /products 200" into "GET /products" and 200."""
    name, _, status = line.rpartition(" ")
    return name, int(status)


def report(figures):
    lines = [f"Seed {SEED}"]
    for title, counts in figures.items():
        lines += [f"{title}: {sum(counts.values())}"]
        lines += [f"  {count:6} {line}" for line, count in sorted(counts.items())]
    return "\n".join(lines) + "\n"
