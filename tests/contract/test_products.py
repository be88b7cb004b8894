"""Section "Products" of the reference, and of the notes."""

import uuid
from math import ceil

import pytest

from tests.contract.wire import ENDED, eventually, small_photo

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
IMAGE_FIELDS = {
    "id",
    "s3_key",
    "original_filename",
    "content_type",
    "file_size_bytes",
    "width",
    "height",
    "is_primary",
    "upload_status",
    "created_at",
}
UNKNOWN = str(uuid.uuid4())
BUILT_IN = [
    "electronics",
    "clothing",
    "footwear",
    "furniture",
    "jewelry",
    "toys",
    "sports",
    "home_garden",
    "automotive",
    "books",
    "other",
]


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


def titles(user, **query):
    return [item["title"] for item in listed(user, **query)["items"]]


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


@pytest.mark.parametrize("title", ["", "   ", "\t\n", "x" * 501, None, 7, ["x"], {}])
def test_a_blank_or_longer_title_is_refused(user, product, title):
    assert create(user, title=title).status_code == 422
    assert change(user, product["id"], title=title).status_code == 422


def test_a_product_without_a_title_is_refused(user):
    assert create(user, description="no title").status_code == 422


@pytest.mark.parametrize("category", [*BUILT_IN, "x", "x" * 100, "garden gnomes"])
def test_a_category_is_free_text_of_1_to_100_characters(user, category):
    assert create(user, title="Any", category=category).json()["category"] == category


@pytest.mark.parametrize("category", ["", "x" * 101, 7])
def test_an_empty_or_longer_category_is_refused(user, category):
    assert create(user, title="Any", category=category).status_code == 422


NOT_FOR_USERS = {
    "id": UNKNOWN,
    "user_id": UNKNOWN,
    "ai_description": "forged",
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


def test_deleting_while_processing_ends_the_jobs(user, bucket):
    product_id = user.product()["id"]
    jobs = [user.upload(product_id)["job_id"] for _ in range(3)]
    assert user.http.delete(f"/products/{product_id}").status_code == 204
    for job_id in jobs:
        answer = user.http.get(f"/jobs/{job_id}")
        assert answer.status_code == 404 or answer.json()["status"] in ENDED
    eventually(lambda: bucket(f"products/{user.id}/{product_id}/"), lambda keys: not keys)


# Lists


@pytest.fixture(scope="module")
def shop(new_user):
    """A user with seven products, made in this order."""
    owner = new_user()
    owner.made = [
        owner.product(
            title="Wireless Headphones", description="Over-ear, noise cancelling", category="electronics"
        ),
        owner.product(title="Running shoes", description="For runners who run", category="footwear"),
        owner.product(title="100% cotton shirt", category="clothing"),
        owner.product(title="snake_case mug", description="For programmers", category="home_garden"),
        owner.product(title="Old chair", description="A wireless lamp is not included", category="furniture"),
        owner.product(title="cat"),
        owner.product(title="cot"),
    ]
    change(owner, owner.made[4]["id"], status="archived")
    return owner


def test_an_empty_list_has_no_pages(new_user):
    page = listed(new_user())
    assert page == {"items": [], "total": 0, "page": 1, "page_size": 20, "pages": 0}


def test_a_list_is_newest_first(shop):
    assert titles(shop) == [product["title"] for product in reversed(shop.made)]


def test_a_listed_product_is_the_product(shop):
    assert listed(shop)["items"][0] == get(shop, shop.made[-1]["id"])


@pytest.mark.parametrize("page_size", [1, 2, 3, 7, 8, 100])
def test_the_pages_together_are_the_list(shop, page_size):
    first = listed(shop, page_size=page_size)
    assert (first["total"], first["page_size"], first["page"]) == (7, page_size, 1)
    assert first["pages"] == ceil(7 / page_size)
    pages = [listed(shop, page=number, page_size=page_size) for number in range(1, first["pages"] + 1)]
    assert [item["id"] for page in pages for item in page["items"]] == [p["id"] for p in reversed(shop.made)]


def test_past_the_end_is_an_empty_page(shop):
    page = listed(shop, page=99)
    assert (page["items"], page["total"], page["page"], page["pages"]) == ([], 7, 99, 1)


@pytest.mark.parametrize(
    "query",
    [
        {"page": 0},
        {"page": -1},
        {"page": "one"},
        {"page": "1.5"},
        {"page": 2**63},
        {"page": 10**30},
        {"page_size": 0},
        {"page_size": 101},
        {"page_size": -5},
        {"page_size": 10**30},
        {"status": "sold"},
        {"status": ""},
    ],
)
def test_a_query_out_of_bounds_is_refused(shop, query):
    assert shop.http.get("/products", params=query).status_code == 422


def test_the_list_filters_by_category(shop):
    assert titles(shop, category="footwear") == ["Running shoes"]


def test_a_category_nobody_used_is_an_empty_list(shop):
    assert listed(shop, category="submarines")["total"] == 0


def test_the_list_filters_by_status(shop):
    assert titles(shop, status="archived") == ["Old chair"]
    assert listed(shop, status="draft")["total"] == 6
    assert listed(shop, status="active")["items"] == []


def test_filters_and_search_hold_together(shop):
    assert titles(shop, search="wireless", status="draft") == ["Wireless Headphones"]
    assert titles(shop, search="wireless", category="books") == []


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("wireless headphones", ["Wireless Headphones"]),
        ("HEADPHONES wireless", ["Wireless Headphones"]),
        ("headphone", ["Wireless Headphones"]),
        ("runs", ["Running shoes"]),
        ("shoe", ["Running shoes"]),
        ("programmer", ["snake_case mug"]),
        ("wireless", ["Old chair", "Wireless Headphones"]),
        ("wireless -headphones", ["Old chair"]),
        ('"noise cancelling"', ["Wireless Headphones"]),
        ('"cancelling noise"', []),
        ("cat or cot", ["cot", "cat"]),
        ("submarine", []),
    ],
)
def test_search_is_full_text_over_title_and_description(shop, search, found):
    assert titles(shop, search=search) == found


@pytest.mark.parametrize("search", ["c_t", "%ca", "wire%", "w%s", "cat_"])
def test_percent_and_underscore_are_no_wildcards(shop, search):
    assert not {"Wireless Headphones", "cot"} & set(titles(shop, search=search))


ODD_SEARCHES = [
    "'",
    '"',
    "''; drop table products; --",
    "& | ! ( ) <-> :*",
    "\\",
    "a" * 10_000,
    "%",
    "_",
    "-",
    "or",
]
ODD_SEARCHES += [
    "\u202e",
    "🎧",
    "e\u0301",
    "<b>x</b>",
    "a:*b",
    '"unbalanced',
    "!!!",
    " ",
    "",
    "NaN",
    "[" * 5000,
]


@pytest.mark.parametrize("search", ODD_SEARCHES, ids=range(len(ODD_SEARCHES)))
def test_no_search_text_makes_a_500(shop, search):
    assert shop.http.get("/products", params={"search": search}).status_code in {200, 422}


@pytest.mark.parametrize("raw", ["%00", "a%00b", "%ff%fe", "%ed%a0%80", "%", "%zz"])
def test_no_search_bytes_make_a_500(shop, raw):
    assert shop.http.get(f"/products?search={raw}").status_code in {200, 400, 422}


# Images and states


def test_only_the_first_image_is_primary(user):
    product_id = user.product()["id"]
    first, second = user.analysed(product_id), user.analysed(product_id)
    primary = {image["id"]: image["is_primary"] for image in get(user, product_id)["images"]}
    assert primary == {first["image_id"]: True, second["image_id"]: False}


def test_an_image_carries_the_real_measures(user):
    product_id, content = user.product()["id"], small_photo(123, 77)
    image_id = user.analysed(product_id, content)["image_id"]
    (image,) = get(user, product_id)["images"]
    assert set(image) == IMAGE_FIELDS
    assert (image["id"], image["width"], image["height"]) == (image_id, 123, 77)
    assert (image["file_size_bytes"], image["content_type"]) == (len(content), "image/jpeg")
    assert (image["original_filename"], image["upload_status"]) == ("photo.jpg", "uploaded")
    assert image["s3_key"].startswith(f"products/{user.id}/{product_id}/")


def test_a_listed_product_carries_its_images(user, product, seen):
    (item,) = [item for item in listed(user, page_size=100)["items"] if item["id"] == product["id"]]
    assert [image["id"] for image in item["images"]] == [seen["image_id"]]


def test_a_draft_becomes_active_through_processing(user):
    product_id = user.product()["id"]
    job_id = user.upload(product_id)["job_id"]
    assert get(user, product_id)["status"] in {"processing", "active"}
    user.finished(job_id)
    assert get(user, product_id)["status"] == "active"


def test_a_product_with_an_image_that_was_only_presigned_stays_a_draft(user):
    product_id = user.product()["id"]
    user.presign(product_id, small_photo())
    assert get(user, product_id)["status"] == "draft"


def test_an_archived_product_stays_archived(user):
    product_id = user.product()["id"]
    change(user, product_id, status="archived")
    user.analysed(product_id)
    assert get(user, product_id)["status"] == "archived"


def test_where_all_fail_a_product_is_again_what_it_was(user):
    product_id = user.product()["id"]
    image_id = user.replaced(product_id)
    change(user, product_id, status="draft")
    job_id = user.http.post(f"/analysis/{image_id}/retry").json()["job_id"]
    assert user.finished(job_id)["status"] == "failed"
    assert get(user, product_id)["status"] == "draft"


def test_success_sets_the_description_and_the_category_that_nobody_set(user):
    product_id = user.product()["id"]
    image_id = user.analysed(product_id)["image_id"]
    product, analysis = get(user, product_id), user.analysis(image_id)
    assert product["ai_description"] == analysis["description_text"]
    assert (product["category"], product["subcategory"]) == (analysis["category"], analysis["subcategory"])
    assert product["category"] in BUILT_IN


def test_success_leaves_the_users_own_category_and_description_alone(user):
    product_id = user.product(category="garden gnomes", description="My words.")["id"]
    user.analysed(product_id)
    product = get(user, product_id)
    assert (product["category"], product["description"]) == ("garden gnomes", "My words.")


def test_a_product_lists_the_analyses_of_its_images(user, product, seen):
    answer = user.http.get(f"/products/{product['id']}/analysis")
    assert answer.status_code == 200
    assert answer.json() == [user.analysis(seen["image_id"])]


def test_a_product_without_images_has_no_analyses(user):
    assert user.http.get(f"/products/{user.product()['id']}/analysis").json() == []
