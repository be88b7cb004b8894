"""Section "Analysis" of the reference, and of the notes."""

import uuid

import pytest

from imagineai_client import picture
from tests.contract.wire import CATEGORIES, at_once, small_photo

FIELDS = {
    "id",
    "product_image_id",
    "model_version",
    "classification_label",
    "classification_confidence",
    "classification_scores",
    "description_text",
    "description_model",
    "processing_time_ms",
    "status",
    "error_message",
    "extracted_attributes",
    "detected_defects",
    "created_at",
    "updated_at",
}
EXTRA_FIELDS = {"category", "subcategory", "defect_score"}
UNKNOWN = str(uuid.uuid4())
COLORS = [
    "black",
    "white",
    "gray",
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "brown",
    "beige",
    "multicolor",
]
ATTRIBUTES = {
    "color": COLORS,
    "material": ["leather", "metal", "wood", "plastic", "fabric", "glass", "ceramic", "rubber"],
    "pattern": ["solid", "striped", "checked", "dotted", "floral", "print"],
    "condition": ["new", "like_new", "good", "fair", "poor"],
}
DEFECT_TYPES = ["scratch", "dent", "missing_part", "discoloration", "stain", "crack", "tear", "other"]


def retry(user, image_id):
    return user.http.post(f"/analysis/{image_id}/retry")


@pytest.fixture(scope="module")
def photo():
    """A picture that shows a product."""
    return picture.mug(400, 300)


@pytest.fixture(scope="module")
def mug(user, product, photo):
    """The image of an analysed mug."""
    return user.analysed(product["id"], photo)["image_id"]


@pytest.fixture
def analysis(user, mug):
    return user.analysis(mug)


def test_an_analysis_has_all_its_fields(analysis, mug):
    assert set(analysis) == FIELDS | EXTRA_FIELDS
    assert uuid.UUID(analysis["id"])
    assert analysis["product_image_id"] == mug
    assert (analysis["status"], analysis["error_message"]) == ("completed", None)
    assert analysis["updated_at"] >= analysis["created_at"]


def test_the_label_is_the_arg_max_of_the_scores(analysis):
    scores = analysis["classification_scores"]
    best = max(scores, key=scores.get)
    assert analysis["classification_label"] == best
    assert analysis["classification_confidence"] == pytest.approx(scores[best], abs=1e-6)


def test_the_scores_are_ten_probabilities_and_the_rest_under_other(analysis):
    scores = analysis["classification_scores"]
    assert 2 <= len(scores) <= 11
    assert "other" in scores
    assert all(0 <= score <= 1 for score in scores.values())
    assert sum(scores.values()) == pytest.approx(1, abs=1e-3)


def test_a_mug_is_seen_as_one(analysis):
    assert analysis["classification_label"] == "mug"
    assert analysis["category"] == "home_garden"
    assert isinstance(analysis["subcategory"], str)


def test_category_and_defect_score_keep_their_ranges(analysis):
    assert analysis["category"] in CATEGORIES
    assert analysis["defect_score"] is None or 0 <= analysis["defect_score"] <= 1


def test_attributes_keep_the_vocabulary(analysis):
    for found in analysis["extracted_attributes"]:
        assert set(found) == {"id", "attribute_name", "attribute_value", "confidence"}
        assert found["attribute_name"] in {*ATTRIBUTES, "brand", "style"}
        allowed = ATTRIBUTES.get(found["attribute_name"], [found["attribute_value"]])
        assert found["attribute_value"] in allowed
        assert 0 <= found["confidence"] <= 1


def test_a_picture_has_one_or_two_colors_the_main_one_first(analysis):
    colors = [item for item in analysis["extracted_attributes"] if item["attribute_name"] == "color"]
    assert 1 <= len(colors) <= 2
    assert colors[0]["attribute_value"] == "blue"


def test_defects_keep_the_vocabulary_and_lie_inside_the_picture(analysis):
    for found in analysis["detected_defects"]:
        assert set(found) == {"id", "defect_type", "severity", "confidence", "bounding_box", "description"}
        assert found["defect_type"] in DEFECT_TYPES
        assert found["severity"] in {"low", "medium", "high"}
        box = found["bounding_box"]
        assert set(box) == {"x", "y", "width", "height"}
        assert min(box.values()) >= 0
        assert box["x"] + box["width"] <= 400
        assert box["y"] + box["height"] <= 300


def test_it_says_who_wrote_the_description_and_which_model_served(analysis):
    assert analysis["description_text"].strip()
    assert analysis["description_model"].strip()
    assert analysis["model_version"] not in {"", "pending"}
    assert analysis["processing_time_ms"] >= 0


def test_an_analysis_exists_from_the_upload_on(user, product):
    uploaded = user.upload(product["id"])
    early = user.analysis(uploaded["image_id"])
    assert early["status"] in {"pending", "processing", "completed"}
    if early["status"] == "pending":
        assert (early["model_version"], early["classification_label"]) == ("pending", None)
        assert (early["classification_scores"], early["extracted_attributes"]) == ({}, [])
    user.finished(uploaded["job_id"])
    late = user.analysis(uploaded["image_id"])
    assert (late["id"], late["status"]) == (early["id"], "completed")


def test_an_image_that_is_only_presigned_has_none(user, product):
    image_id = user.presign(product["id"], small_photo())["image_id"]
    assert user.http.get(f"/analysis/{image_id}").status_code == 404
    assert retry(user, image_id).status_code == 404


def test_an_analysis_that_is_not_mine_does_not_exist(mug, stranger):
    foreign, unknown = stranger.http.get(f"/analysis/{mug}"), stranger.http.get(f"/analysis/{UNKNOWN}")
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert foreign.json() == unknown.json()
    assert retry(stranger, mug).status_code == 404
    assert retry(stranger, UNKNOWN).status_code == 404


def test_a_retry_is_a_new_job_on_the_same_analysis(user, mug, analysis):
    answer = retry(user, mug)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"job_id", "status", "message"}
    assert (body["status"], body["message"]) == ("queued", "Analysis retry started")
    job = user.finished(body["job_id"])
    assert (job["status"], job["job_type"]) == ("completed", "single")
    again = user.analysis(mug)
    assert again["id"] == analysis["id"]
    assert again["classification_label"] == analysis["classification_label"]


def test_a_retry_replaces_attributes_and_defects(user, mug):
    def found(analysis):
        attributes = [
            (item["attribute_name"], item["attribute_value"]) for item in analysis["extracted_attributes"]
        ]
        return attributes, [item["defect_type"] for item in analysis["detected_defects"]]

    before = found(user.analysis(mug))
    user.finished(retry(user, mug).json()["job_id"])
    assert found(user.analysis(mug)) == before


def test_of_five_equal_retries_each_is_a_job_or_a_conflict(new_user, photo):
    user = new_user()
    image_id = user.analysed(user.product()["id"], photo)["image_id"]
    answers = at_once(lambda _: retry(user, image_id), 5)
    jobs = [answer.json()["job_id"] for answer in answers if answer.status_code == 200]
    assert jobs
    assert [answer.status_code for answer in answers].count(409) == 5 - len(jobs)
    for job_id in jobs:
        assert user.finished(job_id)["status"] == "completed"
    assert user.http.get("/jobs").json()["total"] == 1 + len(set(jobs)) == 1 + len(jobs)
    names = [item["attribute_name"] for item in user.analysis(image_id)["extracted_attributes"]]
    assert names.count("color") <= 2


def test_a_retry_while_a_run_is_on_its_way_is_409(user, product):
    uploaded = user.upload(product["id"])
    answer = retry(user, uploaded["image_id"])
    ended = user.job(uploaded["job_id"])["status"] == "completed"
    assert answer.status_code == 409 or (ended and answer.status_code == 200)


def test_an_object_that_was_changed_fails_the_image_in_words_and_can_be_retried(user, product):
    image_id = user.replaced(product["id"])
    job = user.finished(retry(user, image_id).json()["job_id"])
    assert (job["status"], job["failed_images"], job["processed_images"]) == ("failed", 1, 0)
    assert job["error_message"].strip()
    analysis = user.analysis(image_id)
    assert analysis["status"] == "failed"
    assert analysis["error_message"].strip()
    again = retry(user, image_id)
    assert again.status_code == 200
    assert user.finished(again.json()["job_id"])["status"] == "failed"
