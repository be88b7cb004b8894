"""What holds on every page: who can use it, what it may do, what it weighs."""

from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from imagineai_api.console.pages import STATIC
from tests.console.visitor import visiting
from tests.contract.importing import as_zip, imported
from tests.contract.wire import a_user, small_photo

LOOKS = ["light", "dark"]
OUTSIDE = ["#/sign-in", "#/sign-up"]
MAX_BYTES = 200_000
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def inside(owner, damaged, replaced):
    """The addresses of the pages behind the sign-in, with something on each."""
    product_id, image_id = damaged
    uploaded = owner.analysed(product_id, small_photo())
    failed = owner.http.post(f"/analysis/{replaced[1]}/retry").json()["job_id"]
    owner.finished(failed)
    refused = imported(owner, "photos.zip", as_zip({"notes.txt": b"No picture"}))
    return [
        "#/products",
        f"#/products/{product_id}",
        f"#/products/{product_id}/photos/{image_id}",
        f"#/products/{replaced[0]}/photos/{replaced[1]}",
        "#/activity",
        f"#/activity/{uploaded['job_id']}",
        f"#/activity/{failed}",
        "#/activity/imports",
        f"#/activity/imports/{refused['id']}",
        "#/dashboard",
        "#/model",
    ]


def settle(page):
    """Wait until a page has loaded what it shows."""
    page.get_by_role("heading", level=1).wait_for()
    page.wait_for_load_state("networkidle")


def serious(page):
    """What axe finds that keeps somebody out."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{one['id']}: {node['html']}"
        for one in found
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_serious_on_any_page(browser, platform, owner, inside, look):
    found = {}
    with visiting(browser, platform, color_scheme=look, reduced_motion="reduce") as stranger:
        for address in OUTSIDE:
            stranger.goes_to(address)
            found[address] = serious(stranger.page)
    with visiting(browser, platform, color_scheme=look, reduced_motion="reduce") as visitor:
        visitor.is_user(owner)
        for address in inside:
            visitor.goes_to(address)
            settle(visitor.page)
            found[address] = serious(visitor.page)
        visitor.page.get_by_role("link", name="Products").click()
        for name in ("New product", "Import"):
            visitor.page.get_by_role("button", name=name).click()
            found[f"the dialog of {name}"] = serious(visitor.page)
            visitor.page.keyboard.press("Escape")
    assert {address: faults for address, faults in found.items() if faults} == {}


def test_a_phone_never_scrolls_sideways(browser, platform, owner, inside):
    wide = {}
    with visiting(browser, platform, **PHONE) as stranger:
        for address in OUTSIDE:
            stranger.goes_to(address)
            wide[address] = stranger.page.evaluate("document.documentElement.scrollWidth")
    with visiting(browser, platform, **PHONE) as visitor:
        visitor.is_user(owner)
        for address in inside:
            visitor.goes_to(address)
            settle(visitor.page)
            wide[address] = visitor.page.evaluate("document.documentElement.scrollWidth")
    assert {address: width for address, width in wide.items() if width > 360} == {}


def test_the_way_from_the_sign_in_to_the_findings_needs_no_mouse(visitor, tmp_path):
    photo = tmp_path / "mug.jpg"
    photo.write_bytes(small_photo())
    # From the start: Chromium does not begin to hand choosers over at once.
    visitor.page.on("filechooser", lambda chooser: chooser.set_files(photo))
    visitor.sign_up()
    keys = visitor.page.keyboard
    keys_to(visitor.page, "New product")
    keys.press("Enter")
    visitor.page.get_by_role("dialog").wait_for()
    keys.press("Control+A")
    keys.type("A mug by keyboard")
    keys.press("Enter")
    visitor.page.get_by_role("heading", name="A mug by keyboard").wait_for()
    keys_to(visitor.page, "Add photos")
    keys.press("Enter")
    visitor.page.get_by_text("all done").wait_for()
    keys_to(visitor.page, "Open")
    keys.press("Enter")
    visitor.page.get_by_role("heading", name="What it could be").wait_for()
    keys_to(visitor.page, "Analyse again")


def keys_to(page, name):
    """Press Tab until a button or link of this name has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").strip() == name:
            return
    pytest.fail(f"no Tab leads to {name}")


def test_a_page_moves_the_focus_to_its_heading_and_names_the_tab(at_home):
    at_home.goes_to("#/products")
    at_home.page.get_by_role("link", name="Activity").click()
    expect(at_home.page.get_by_role("heading", name="Activity")).to_be_focused()
    assert at_home.page.title() == "Activity · ImagineAI"


@pytest.mark.parametrize(("times", "is_up"), [(1, True), (2, True), (3, False)])
def test_a_page_that_could_not_be_loaded_says_so_and_can_be_tried_again(at_home, times, is_up):
    page, asked = at_home.page, []

    def refuse(route):
        asked.append(route)
        (route.abort if len(asked) <= times else route.continue_)()

    at_home.goes_to("#/products")
    page.route("**/console/pages/model.js", refuse)
    if not is_up:
        page.route("**/health", lambda route: route.abort())
    page.evaluate("window.isTheSame = true")
    page.get_by_role("link", name="Model").click()
    expect(page.get_by_role("heading", name="That did not work")).to_be_focused()
    page.get_by_text("This page could not be loaded.").wait_for()
    again = page.get_by_role("button", name="Try again")
    again.click()
    if not is_up:
        expect(page.get_by_role("heading", name="That did not work")).to_be_focused()
        again.click()
    page.get_by_role("heading", name="Model", exact=True).wait_for()
    is_the_same = page.evaluate("Boolean(window.isTheSame)")
    assert is_the_same == (times == 1 or not is_up), "loaded anew only where it has to be, and can be"


def test_the_operators_page_is_shown_to_admins_alone(browser, platform, owner, operator):
    shown = {}
    with a_user(platform.url) as admin:
        operator.execute("UPDATE users SET role = 'admin' WHERE id = %s", [admin.id])
        for user in (owner, admin):
            with visiting(browser, platform) as visitor:
                visitor.is_user(user)
                visitor.goes_to("#/products")
                settle(visitor.page)
                links = visitor.page.get_by_role("navigation", name="For operators").get_by_role("link")
                shown[user] = {link.inner_text(): link.get_attribute("href") for link in links.all()}
    documentation = f"{platform.url}/docs"
    assert shown[owner] == {"API documentation": documentation}
    assert shown[admin] == {
        "API documentation": documentation,
        "Operators' page": platform.env["OPERATORS_URL"],
    }


def test_the_policy_allows_our_own_scripts_and_the_storage_and_nothing_else(platform):
    storage = platform.env["S3_ENDPOINT_URL"]
    policy = httpx.get(platform.url, timeout=30).headers["Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert rules["connect-src"] == f"'self' {storage}"
    assert rules["img-src"] == f"'self' blob: data: {storage}"
    assert "unsafe" not in policy


def test_everything_but_the_page_and_its_files_is_still_404(platform):
    for path in (
        "/console",
        "/console/",
        "/console/nothing.js",
        "/products",
        "/index.html",
        "/console/%2e%2e/pages.py",
        "/console/..%2fpages.py",
    ):
        answer = httpx.get(f"{platform.url}{path}", timeout=30)
        assert answer.status_code == 404, path
        assert set(answer.json()) == {"detail"}


def test_the_page_and_its_files_weigh_less_than_200_kb():
    assert sum(file.stat().st_size for file in Path(STATIC).rglob("*") if file.is_file()) < MAX_BYTES


def test_no_file_names_another_place():
    for file in Path(STATIC).rglob("*.*"):
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, file
        assert "https://" not in text.replace("https?:", ""), file
        assert "innerHTML" not in text, file
