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


def test_leaving_the_dialog_makes_no_more_products_and_sends_no_more_photos(visitor):
    visitor.sign_up()
    page, asked, sent = visitor.page, [], []
    page.on("request", lambda one: sent.append(one.url) if one.url.endswith("/uploads/direct") else None)
    page.route("**/api/v1/products", lambda route: asked.append(route))
    visitor.drops([(f"mug_{name}.jpg", "image/jpeg", small_photo()) for name in ("red", "blue", "green")])
    page.get_by_label("One product for each photo").check()
    with page.expect_request("**/api/v1/products"):
        page.get_by_role("button", name="Create product").click()
    with page.expect_request("**/api/v1/products"):
        asked[0].continue_()
    with page.expect_event("requestfailed", lambda one: one.url.endswith("/products")):
        page.keyboard.press("Escape")
    page.get_by_text("1 product", exact=True).wait_for()
    expect(cards(visitor)).to_have_text([re.compile("Mug red")])
    page.get_by_text("1 photo: all done").wait_for()
    assert (len(asked), len(sent)) == (2, 1)


@pytest.mark.parametrize(("opens", "does"), [("Edit", "Save"), ("Delete the product", "Delete")])
def test_leaving_a_dialog_takes_back_what_it_still_asks_for(at_home, owner, opens, does):
    product_id = owner.product(title="To be kept")["id"]
    page, address = at_home.page, f"**/api/v1/products/{product_id}"
    at_home.goes_to(f"#/products/{product_id}", "To be kept")
    page.get_by_role("button", name=opens).click()
    page.route(address, lambda route: None)
    with page.expect_request(address):
        page.get_by_role("button", name=does, exact=True).click()
    with page.expect_event("requestfailed", lambda one: one.url.endswith(product_id)):
        page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name=opens)).to_be_focused()


def test_leaving_the_page_while_it_looks_for_what_was_changed_is_no_error(visitor):
    visitor.sign_up()
    page, uploads, lists = visitor.page, [], []
    page.route("**/uploads/direct", lambda route: uploads.append(route))
    visitor.drops([(f"mug_{name}.jpg", "image/jpeg", small_photo()) for name in ("red", "blue")])
    page.get_by_label("One product for each photo").check()
    page.get_by_role("button", name="Create product").click()
    page.get_by_text("2 products", exact=True).wait_for()
    page.route("**/api/v1/products?*", lambda route: lists.append(route))
    with page.expect_request("**/api/v1/products?*"):
        uploads.pop().continue_()
    with page.expect_event("requestfailed", lambda one: "/api/v1/products?" in one.url):
        page.get_by_role("link", name="Model").click()
    page.get_by_role("heading", name="Model", exact=True).wait_for()
    assert visitor.faults == []


def test_the_focus_comes_back_from_a_dialog_and_after_saving_goes_to_the_heading(at_home, owner):
    product_id = owner.product(title="Before")["id"]
    page = at_home.page
    at_home.goes_to(f"#/products/{product_id}", "Before")
    edit = page.get_by_role("button", name="Edit")
    edit.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    expect(edit).to_be_focused()
    edit.press("Enter")
    page.get_by_label("Title").fill("After")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="After", exact=True)).to_be_focused()


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
