"""One batch is served by one model version, also where another is promoted in its midst."""

import httpx
import pytest

from tests.contract.wire import eventually

NAME = "imagineai"


@pytest.fixture
def registry(platform):
    """Calls of MLflow's registry."""
    address = f"{platform.env['MLFLOW_TRACKING_URI']}/api/2.0/mlflow"
    with httpx.Client(base_url=address, timeout=60) as client:

        def call(method, path, **fields):
            arguments = {"params": fields} if method == "GET" else {"json": fields}
            answer = client.request(method, path, **arguments)
            assert answer.status_code == 200, answer.text
            return answer.json()

        yield call


@pytest.fixture
def promote(registry):
    """Promote a copy of the champion; the champion is the old one again afterwards."""
    alias = {"name": NAME, "alias": "champion"}
    champion = registry("GET", "/registered-models/alias", **alias)["model_version"]

    def promote():
        fields = {field: champion[field] for field in ("source", "run_id", "tags")}
        fields["model_id"] = champion["source"].removeprefix("models:/")
        copy = registry("POST", "/model-versions/create", name=NAME, **fields)["model_version"]["version"]
        registry("POST", "/registered-models/alias", **alias, version=copy)
        return copy

    yield promote
    registry("POST", "/registered-models/alias", **alias, version=champion["version"])


def served(user, product_id):
    """The version that serves an upload of now."""
    return user.analysis(user.analysed(product_id)["image_id"])["model_version"]


def test_a_batch_keeps_to_the_version_it_began_with(user, product, database, promote):
    before = served(user, product["id"])
    image_ids = [user.analysed(product["id"])["image_id"] for _ in range(12)]
    body = {"product_id": product["id"], "image_ids": image_ids}
    job_id = user.http.post("/batch", json=body).json()["id"]
    with user.socket(job_id) as stream:
        assert stream.recv(timeout=120)
    with database.transaction():
        # Nobody else can go on with the batch while its row is held here.
        held = database.execute("SELECT status FROM jobs WHERE id = %s FOR UPDATE", [job_id])
        assert held.fetchone() == ("processing",)
        after = promote()
        eventually(lambda: served(user, user.product()["id"]), lambda version: version == after)
    job = user.finished(job_id)
    assert (job["status"], job["processed_images"]) == ("completed", 12)
    assert {user.analysis(image_id)["model_version"] for image_id in image_ids} == {before}
    assert before != after


def test_the_version_before_is_served_again(user, product):
    """After the test above, which others of this session may not notice."""
    eventually(lambda: served(user, product["id"]), lambda version: version == "1")
