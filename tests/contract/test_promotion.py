"""One batch is served by one model version, also where another is promoted in its midst."""

from tests.contract.wire import eventually


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
