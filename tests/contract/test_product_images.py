"""Section "Products": its images, and what their analysis makes of it."""

from tests.contract.wire import CATEGORIES, small_photo

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


def change(user, product_id, **body):
    return user.http.patch(f"/products/{product_id}", json=body)


def get(user, product_id):
    return user.http.get(f"/products/{product_id}").json()


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
    (item,) = [item for item in user.http.get("/products").json()["items"] if item["id"] == product["id"]]
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


def test_where_all_is_cancelled_a_product_is_again_what_it_was(user):
    product_id = user.product()["id"]
    image_id = user.analysed(product_id)["image_id"]
    change(user, product_id, status="draft")
    job_id = user.http.post("/batch", json={"product_id": product_id, "image_ids": [image_id]}).json()["id"]
    assert get(user, product_id)["status"] == "processing"
    assert user.http.delete(f"/batch/{job_id}").status_code == 204
    assert user.job(job_id)["processed_images"] == 0
    assert get(user, product_id)["status"] == "draft"


def test_success_sets_the_description_and_the_category_that_nobody_set(user):
    product_id = user.product()["id"]
    image_id = user.analysed(product_id)["image_id"]
    product, analysis = get(user, product_id), user.analysis(image_id)
    assert product["ai_description"] == analysis["description_text"]
    assert (product["category"], product["subcategory"]) == (analysis["category"], analysis["subcategory"])
    assert product["category"] in CATEGORIES


def test_success_leaves_the_users_own_category_and_description_alone(user):
    product_id = user.product(category="garden gnomes", description="My words.")["id"]
    user.analysed(product_id)
    product = get(user, product_id)
    assert (product["category"], product["description"]) == ("garden gnomes", "My words.")


def test_success_adds_the_subcategory_to_a_category_that_the_user_has_set_just_so(user):
    photo = small_photo()
    analysis = user.analysis(user.analysed(user.product()["id"], photo)["image_id"])
    for category, subcategory in ((analysis["category"], analysis["subcategory"]), ("garden gnomes", None)):
        product_id = user.product(category=category)["id"]
        user.analysed(product_id, photo)
        product = get(user, product_id)
        assert (product["category"], product["subcategory"]) == (category, subcategory)


def test_a_product_lists_the_analyses_of_its_images(user, product, seen):
    answer = user.http.get(f"/products/{product['id']}/analysis")
    assert answer.status_code == 200
    assert answer.json() == [user.analysis(seen["image_id"])]


def test_a_product_without_images_has_no_analyses(user):
    assert user.http.get(f"/products/{user.product()['id']}/analysis").json() == []
