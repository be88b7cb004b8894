"""The catalogue as pictures: found by words and filters, loaded as it is scrolled to."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.console.visitor import visiting
from tests.contract.wire import a_user, small_photo

MANY = """
INSERT INTO products (id, user_id, title, category)
SELECT gen_random_uuid(), %s, 'Cup ' || number, 'home_garden' FROM generate_series(1, 97) AS number
"""


@pytest.fixture(scope="module")
def catalogue(owner, operator):
    """A hundred products, three of which are not cups; the newest has a photo."""
    operator.execute(MANY, [owner.id])
    owner.product(title="Red bicycle", description="With a bell", category="sports")
    owner.product(title="Lamp", category="furniture")
    product_id = owner.product(title="Blue chair", category="furniture")["id"]
    owner.analysed(product_id, small_photo(1200, 900))


def cards(visitor):
    return visitor.page.locator(".card")


def test_products_are_loaded_as_they_are_scrolled_to(at_home, catalogue):
    at_home.goes_to("#/products", "Products")
    at_home.page.get_by_text("100 products").wait_for()
    assert cards(at_home).count() < 100
    for _ in range(4):
        before = cards(at_home).count()
        at_home.page.mouse.wheel(0, 20_000)
        if before < 100:
            expect(cards(at_home)).not_to_have_count(before)
    expect(cards(at_home)).to_have_count(100)


def test_a_product_shows_its_photo_small(at_home, catalogue):
    read = at_home.reads_from_storage()
    at_home.goes_to("#/products", "Products")
    expect(at_home.page.locator(".thumb img.shown")).to_have_js_property("naturalWidth", 384)
    assert read
    assert all("/thumbnails/" in url for url in read)


def test_a_dense_screen_gets_twice_the_pixels(browser, platform, owner, catalogue):
    with visiting(browser, platform, device_scale_factor=2) as visitor:
        visitor.is_user(owner)
        visitor.goes_to("#/products", "Products")
        expect(visitor.page.locator(".thumb img.shown")).to_have_js_property("naturalWidth", 768)


def test_a_photo_that_cannot_be_shown_leaves_the_card_as_it_is(visitor, platform):
    with a_user(platform.url) as user:
        user.replaced(user.product(title="Replaced")["id"])
        visitor.is_user(user)
        visitor.goes_to("#/products", "Products")
        expect(cards(visitor).locator(".no-picture")).to_be_visible()
        expect(cards(visitor)).to_have_text([re.compile("Replaced")])


def test_words_find_products(at_home, catalogue):
    at_home.goes_to("#/products", "Products")
    at_home.page.get_by_role("searchbox").fill("bells")
    at_home.page.get_by_text("1 product", exact=True).wait_for()
    expect(cards(at_home)).to_have_text([re.compile("Red bicycle")])


def test_a_category_and_a_status_narrow_the_list(at_home, catalogue):
    at_home.goes_to("#/products", "Products")
    at_home.page.get_by_label("Category").select_option("furniture")
    at_home.page.get_by_text("2 products", exact=True).wait_for()
    at_home.page.get_by_label("Status").select_option("active")
    at_home.page.get_by_text("1 product", exact=True).wait_for()
    expect(cards(at_home)).to_have_text([re.compile("Blue chair")])
    at_home.page.reload()
    at_home.page.get_by_text("1 product", exact=True).wait_for()


def test_a_search_without_an_answer_says_how_to_go_on(at_home, catalogue):
    at_home.goes_to("#/products", "Products")
    at_home.page.get_by_role("searchbox").fill("nothing is called so")
    at_home.page.get_by_role("heading", name="Nothing matches").wait_for()
    at_home.page.get_by_role("link", name="Show all products").click()
    at_home.page.get_by_text("100 products").wait_for()
    assert at_home.page.get_by_role("searchbox").input_value() == ""


def test_several_photos_become_a_product_each(visitor):
    visitor.sign_up()
    visitor.drops([(f"mug_{name}.jpg", "image/jpeg", small_photo()) for name in ("red", "blue")])
    visitor.page.get_by_label("One product for each photo").check()
    visitor.page.get_by_role("button", name="Create product").click()
    visitor.page.get_by_text("2 products", exact=True).wait_for()
    assert sorted(cards(visitor).locator("strong").all_inner_texts()) == ["Mug blue", "Mug red"]


def test_a_product_is_edited_and_deleted(at_home, owner):
    product_id = owner.product(title="To be changed")["id"]
    page = at_home.page
    at_home.goes_to(f"#/products/{product_id}", "To be changed")
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Title").fill("Changed")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="Changed", exact=True).wait_for()
    page.get_by_role("button", name="Delete the product").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_text("The product is deleted.").wait_for()
    assert owner.http.get(f"/products/{product_id}").status_code == 404


def test_everything_is_exported_as_a_file(at_home, catalogue):
    at_home.goes_to("#/products", "Products")
    at_home.page.get_by_role("button", name="Export").click()
    at_home.page.get_by_label("What").select_option("analyses")
    at_home.page.get_by_label("As").select_option("jsonl")
    with at_home.page.expect_download() as saved:
        at_home.page.get_by_role("button", name="Download").click()
    assert saved.value.suggested_filename.startswith("analyses-")
    (line,) = saved.value.path().read_text().splitlines()
    assert json.loads(line)["product_title"] == "Blue chair"
    expect(at_home.page.get_by_role("dialog")).to_have_count(0)
