"""Section "Dashboard" of the reference, and of the notes."""

import pytest


def dashboard(user, part):
    answer = user.http.get(f"/dashboard/{part}")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def busy(new_user):
    """A user with five products of three categories and one of none, and twelve jobs on one of them."""
    owner = new_user()
    for category in ("books", "books", "toys", "gnomes", None):
        owner.product(**({"category": category} if category else {}))
    product_id = owner.product(category="books")["id"]
    owner.jobs = [owner.analysed(product_id)["job_id"] for _ in range(12)]
    return owner


def test_the_statistics_of_a_new_user_are_zeros_and_a_null(new_user):
    owner = new_user()
    assert dashboard(owner, "stats") == {
        "total_products": 0,
        "total_images": 0,
        "completed_analyses": 0,
        "total_defects": 0,
        "active_jobs": 0,
        "avg_processing_time_ms": None,
    }
    assert dashboard(owner, "recent") == []
    assert dashboard(owner, "category-distribution") == []


def test_the_statistics_count_what_is_mine(busy):
    stats = dashboard(busy, "stats")
    assert (stats["total_products"], stats["total_images"]) == (6, 12)
    assert (stats["completed_analyses"], stats["active_jobs"]) == (12, 0)
    assert stats["total_defects"] >= 0
    assert stats["avg_processing_time_ms"] > 0


def test_the_average_is_that_of_the_analyses(busy):
    product_id = busy.http.get("/products", params={"category": "books"}).json()["items"][0]["id"]
    times = [item["processing_time_ms"] for item in busy.http.get(f"/products/{product_id}/analysis").json()]
    assert dashboard(busy, "stats")["avg_processing_time_ms"] == pytest.approx(sum(times) / 12, abs=0.51)


def test_a_job_that_waits_is_active_and_recent(new_user):
    owner = new_user()
    product_id = owner.product()["id"]
    image_id = owner.analysed(product_id)["image_id"]
    job_id = owner.http.post("/batch", json={"product_id": product_id, "image_ids": [image_id]}).json()["id"]
    assert dashboard(owner, "stats")["active_jobs"] == 1
    recent = dashboard(owner, "recent")
    assert (recent[0]["id"], recent[0]["job_type"], recent[0]["completed_at"]) == (job_id, "batch", None)
    assert owner.http.delete(f"/batch/{job_id}").status_code == 204
    assert dashboard(owner, "stats")["active_jobs"] == 0


def test_recent_activity_is_the_last_ten_jobs_newest_first(busy):
    recent = dashboard(busy, "recent")
    assert [job["id"] for job in recent] == busy.jobs[:1:-1]
    fields = {"id", "job_type", "status", "total_images", "processed_images", "created_at", "completed_at"}
    for job in recent:
        assert set(job) == fields
        assert (job["job_type"], job["status"]) == ("single", "completed")
        assert (job["total_images"], job["processed_images"]) == (1, 1)
        assert job["created_at"] <= job["completed_at"]


def test_the_distribution_leaves_nulls_out_and_is_largest_first(busy):
    distribution = dashboard(busy, "category-distribution")
    assert distribution[0] == {"category": "books", "count": 3}
    assert sorted((row["category"], row["count"]) for row in distribution[1:]) == [("gnomes", 1), ("toys", 1)]


def test_a_category_that_the_analysis_set_counts(new_user):
    owner = new_user()
    product_id = owner.product()["id"]
    assert dashboard(owner, "category-distribution") == []
    owner.analysed(product_id)
    category = owner.http.get(f"/products/{product_id}").json()["category"]
    assert dashboard(owner, "category-distribution") == [{"category": category, "count": 1}]
