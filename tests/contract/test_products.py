"""Section "Products" of the reference, and of the notes; lists and images are in files of their own."""

import uuid

import pytest

from tests.contract.wire import CATEGORIES, ENDED, eventually, small_photo

FIELDS = {
    "id",
    "user_id",
    "title",
    "description",
    "category",
    "subcategory",
    "ai_description",
    "status",
    "metadata_",
    "images",
    "created_at",
    "updated_at",
}
UNKNOWN = str(uuid.uuid4())


def create(user, **body):
    return user.http.post("/products", json=body)


def change(user, product_id, **body):
    return user.http.patch(f"/products/{product_id}", json=body)


def get(user, product_id):
    return user.http.get(f"/products/{product_id}").json()


def listed(user, **query):
    answer = user.http.get("/products", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_creating_answers_201_with_a_draft(user):
    answer = create(user, title="Headphones", description="Over-ear, with ANC.", category="electronics")
    assert answer.status_code == 201
    product = answer.json()
    assert set(product) == FIELDS
    assert product["user_id"] == user.id
    assert (product["title"], product["description"]) == ("Headphones", "Over-ear, with ANC.")
    assert (product["category"], product["status"]) == ("electronics", "draft")
    assert (product["metadata_"], product["images"]) == ({}, [])
    assert (product["ai_description"], product["subcategory"]) == (None, None)


def test_description_and_category_are_optional(user):
    product = create(user, title="Bare").json()
    assert (product["description"], product["category"]) == (None, None)


@pytest.mark.parametrize("title", ["x", "x" * 500, "名前 🎧", " padded "])
def test_a_title_of_1_to_500_characters_is_accepted(user, title):
    assert create(user, title=title).status_code == 201


@pytest.mark.parametrize("title", ["", "   ", "\t\n", "\x1c\x85\ufeff", "x" * 501, None, 7, ["x"], {}])
def test_a_blank_or_longer_title_is_refused(user, product, title):
    assert create(user, title=title).status_code == 422
    assert change(user, product["id"], title=title).status_code == 422


def test_a_product_without_a_title_is_refused(user):
    assert create(user, description="no title").status_code == 422


@pytest.mark.parametrize("category", [*CATEGORIES, "x", "x" * 100, "garden gnomes"])
def test_a_category_is_free_text_of_1_to_100_characters(user, category):
    assert create(user, title="Any", category=category).json()["category"] == category


@pytest.mark.parametrize("category", ["", "x" * 101, 7])
def test_an_empty_or_longer_category_is_refused(user, category):
    assert create(user, title="Any", category=category).status_code == 422


def test_the_same_category_again_leaves_the_subcategory(user):
    product_id = user.product()["id"]
    user.analysed(product_id)
    found = get(user, product_id)
    assert found["subcategory"] is not None
    same = user.http.patch(f"/products/{product_id}", json={"category": found["category"]}).json()
    assert (same["category"], same["subcategory"]) == (found["category"], found["subcategory"])
    other = user.http.patch(f"/products/{product_id}", json={"category": "garden gnomes"}).json()
    assert (other["category"], other["subcategory"]) == ("garden gnomes", None)


NOT_FOR_USERS = {
    "id": UNKNOWN,
    "user_id": UNKNOWN,
    "ai_description": "forged",
    "subcategory": "forged",
    "metadata_": {"forged": True},
    "images": [{"forged": True}],
    "created_at": "2001-01-01T00:00:00Z",
    "updated_at": "2001-01-01T00:00:00Z",
}


@pytest.mark.parametrize("field", NOT_FOR_USERS)
def test_what_the_service_sets_cannot_be_set_by_a_user(user, product, field):
    wish = {field: NOT_FOR_USERS[field]}
    for answer in (create(user, title="Forged", **wish), change(user, product["id"], title="Forged", **wish)):
        assert answer.status_code in {200, 201, 422}
        if answer.status_code != 422:
            assert answer.json()[field] != wish[field]


def test_a_product_is_got_by_its_id(user):
    made = user.product(title="Got")
    answer = user.http.get(f"/products/{made['id']}")
    assert answer.status_code == 200
    assert answer.json() == made


def test_an_unknown_product_is_404_for_every_verb(user):
    assert user.http.get(f"/products/{UNKNOWN}").status_code == 404
    assert change(user, UNKNOWN, title="x").status_code == 404
    assert user.http.delete(f"/products/{UNKNOWN}").status_code == 404
    assert user.http.get(f"/products/{UNKNOWN}/analysis").status_code == 404


def test_a_strangers_product_does_not_exist_for_me(product, stranger):
    unknown = stranger.http.get(f"/products/{UNKNOWN}").json()
    assert stranger.http.get(f"/products/{product['id']}").json() == unknown
    assert change(stranger, product["id"], title="mine now").status_code == 404
    assert stranger.http.delete(f"/products/{product['id']}").status_code == 404
    assert stranger.http.get(f"/products/{product['id']}/analysis").status_code == 404
    assert product["id"] not in [item["id"] for item in listed(stranger, page_size=100)["items"]]


@pytest.mark.parametrize(
    ("field", "value"),
    [("title", "New"), ("description", "New words."), ("category", "clothing"), ("status", "archived")],
)
def test_a_patch_changes_only_the_field_that_was_sent(user, field, value):
    before = user.product(title="Old", description="Old words.", category="books")
    answer = change(user, before["id"], **{field: value})
    assert answer.status_code == 200
    after = answer.json()
    assert after[field] == value
    assert {**after, field: None, "updated_at": None} == {**before, field: None, "updated_at": None}
    assert after["updated_at"] > before["updated_at"]
    assert get(user, before["id"]) == after


def test_an_empty_patch_changes_nothing(user, product):
    before = get(user, product["id"])
    answer = user.http.patch(f"/products/{product['id']}", json={})
    assert answer.status_code == 200
    assert {**answer.json(), "updated_at": None} == {**before, "updated_at": None}


@pytest.mark.parametrize("status", ["draft", "active", "archived"])
def test_a_status_can_be_set(user, status):
    assert change(user, user.product()["id"], status=status).json()["status"] == status


@pytest.mark.parametrize("status", ["sold", "", "ACTIVE", 1, None])
def test_an_unknown_status_is_refused(user, product, status):
    assert change(user, product["id"], status=status).status_code == 422


def test_a_deleted_product_is_gone(user):
    product_id = user.product()["id"]
    answer = user.http.delete(f"/products/{product_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert user.http.get(f"/products/{product_id}").status_code == 404
    assert user.http.delete(f"/products/{product_id}").status_code == 404


def test_deleting_takes_images_and_analyses_along(user):
    product_id = user.product()["id"]
    seen = user.analysed(product_id)
    assert user.http.delete(f"/products/{product_id}").status_code == 204
    assert user.http.get(f"/analysis/{seen['image_id']}").status_code == 404
    assert user.http.post(f"/analysis/{seen['image_id']}/retry").status_code == 404
    assert user.http.get(f"/products/{product_id}/analysis").status_code == 404


def test_deleting_empties_s3(user, bucket):
    product_id = user.product()["id"]
    user.analysed(product_id)
    prefix = f"products/{user.id}/{product_id}/"
    assert len(bucket(prefix)) == 1
    user.http.delete(f"/products/{product_id}")
    assert eventually(lambda: bucket(prefix), lambda keys: not keys) == []


def test_what_is_put_after_the_deletion_is_deleted_when_its_url_has_lapsed(user, database):
    product_id = user.product()["id"]
    key = user.presign(product_id, small_photo())["s3_key"]
    user.http.delete(f"/products/{product_id}")
    due = database.execute(
        "SELECT round(extract(epoch FROM due_at - created_at)) FROM outbox"
        " WHERE payload->'keys' ? %s ORDER BY due_at",
        (key,),
    ).fetchall()
    assert due == [(0,), (3600,)]


def test_deleting_while_processing_ends_the_jobs(user, bucket):
    product_id = user.product()["id"]
    jobs = [user.upload(product_id)["job_id"] for _ in range(3)]
    assert user.http.delete(f"/products/{product_id}").status_code == 204
    for job_id in jobs:
        answer = user.http.get(f"/jobs/{job_id}")
        assert answer.status_code == 404 or answer.json()["status"] in ENDED
    eventually(lambda: bucket(f"products/{user.id}/{product_id}/"), lambda keys: not keys)


def test_a_new_product_is_a_draft_whatever_is_asked_for(user):
    assert create(user, title="Bold", status="active").json()["status"] == "draft"
