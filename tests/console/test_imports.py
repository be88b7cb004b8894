"""Many products from one file: dropped or chosen, sent, followed to its end."""

import os
import re

import pytest
from playwright.sync_api import expect

from tests.contract.importing import as_csv, as_zip
from tests.contract.wire import a_user, eventually, small_photo

PHOTOS = {"Mugs/blue.jpg": small_photo(), "Mugs/red.jpg": small_photo(), "notes.txt": b"No picture"}


@pytest.fixture
def seller(platform, visitor):
    """Somebody with an empty catalogue, before the console."""
    with a_user(platform.url) as user:
        visitor.is_user(user)
        yield user


def imports(user):
    return user.http.get("/imports").json()["items"]


def dialog(page):
    return page.get_by_role("dialog", name="Import products")


def test_a_zip_that_is_dropped_becomes_products_and_what_failed_says_why(visitor, seller):
    page = visitor.page
    visitor.goes_to("#/products", "Products")
    beside = ("mug.jpg", "image/jpeg", small_photo())
    visitor.drops([("photos.zip", "application/zip", as_zip(PHOTOS)), beside])
    dialog(page).get_by_text("Only photos.zip is taken: an import is one file.").wait_for()
    dialog(page).get_by_role("button", name="Import").click()
    page.get_by_role("heading", name="photos.zip").wait_for()
    page.get_by_text("Done: 3 rows.").wait_for()
    expect(page.get_by_role("progressbar", name="Rows done")).to_have_attribute("aria-valuenow", "3")
    failed = page.get_by_role("region", name="Rows that failed").locator("tbody tr")
    expect(failed).to_have_count(1)
    expect(failed).to_contain_text(["notes.txt"])
    expect(failed).to_contain_text([re.compile("does not end as a picture's does")])
    page.get_by_role("link", name="The products").click()
    expect(page.locator(".card")).to_have_text([re.compile("Mugs")])


def test_a_file_that_is_refused_says_why_and_cannot_be_gone_on_with(visitor, seller, tmp_path):
    page, table = visitor.page, tmp_path / "products.csv"
    table.write_bytes(as_csv([{"title": "Mug"}], ["title"]))
    visitor.goes_to("#/products", "Products")
    page.get_by_role("button", name="Import").click()
    dialog(page).get_by_label("File").set_input_files(table)
    dialog(page).get_by_role("button", name="Import").click()
    page.get_by_text("The CSV has no column image.").wait_for()
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("The file of this import is no longer kept: import it anew.").wait_for()
    page.get_by_role("link", name="Imports").click()
    expect(page.get_by_role("list", name="Imports").get_by_role("listitem")).to_have_text(
        [re.compile("products.csv")]
    )


def test_an_import_that_is_left_while_its_file_is_sent_is_cancelled(visitor, seller):
    page = visitor.page
    visitor.goes_to("#/products", "Products")
    visitor.is_on_a_slow_line(100_000)
    visitor.drops([("photos.zip", "application/zip", as_zip({"mug.jpg": os.urandom(1_200_000)}))])
    dialog(page).get_by_role("button", name="Import").click()
    dialog(page).get_by_text(re.compile(r"^[1-9]\d* kB of 1.2 MB sent")).wait_for()
    dialog(page).get_by_role("button", name="Cancel").click()
    expect(dialog(page)).to_have_count(0)
    eventually(lambda: [one["status"] for one in imports(seller)], lambda them: them == ["cancelled"])


def test_an_import_that_runs_can_be_cancelled_and_gone_on_with(visitor, seller):
    page, many = visitor.page, 40
    visitor.goes_to("#/products", "Products")
    photos = {f"mugs/{n:02}.jpg": small_photo() for n in range(many)}
    visitor.drops([("mugs.zip", "application/zip", as_zip(photos))])
    dialog(page).get_by_role("button", name="Import").click()
    page.get_by_text(re.compile(rf"^[1-9]\d* of {many} rows done")).wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text(re.compile(rf"^Cancelled after [1-9]\d* of {many} rows")).wait_for()
    page.get_by_role("button", name="Go on").click()
    page.get_by_text(f"Done: {many} rows.").wait_for()
    assert [one["imported_rows"] for one in imports(seller)] == [many]
