"""From photos that are dropped to what was found in them."""

import contextlib
import io
import re

from PIL import Image
from playwright.sync_api import expect

from tests.console.visitor import STEPS
from tests.contract.wire import small_photo

DONE = re.compile("all done")


def jpegs(many):
    return [(f"photo-{number}.jpg", "image/jpeg", small_photo()) for number in range(many)]


def panel_of_the_batch(page):
    return page.locator("section.job").first


def test_dropped_photos_show_every_step_live_and_then_what_was_found(visitor):
    visitor.sign_up()
    page = visitor.page
    visitor.drops(jpegs(3))
    page.get_by_label("Title").fill("Three mugs")
    page.get_by_role("button", name="Create product").click()
    page.get_by_role("heading", name="Three mugs").wait_for()
    page.get_by_text(DONE).wait_for()
    rows = page.locator(".upload")
    expect(rows).to_have_count(3)
    for number in range(3):
        states = rows.nth(number).locator(".steps li")
        assert [one.get_attribute("data-step") for one in states.all()] == STEPS
        assert {one.get_attribute("data-state") for one in states.all()} == {"completed"}
    steps = [frame for frame in visitor.frames if frame["type"] == "step_update"]
    assert {(frame["step"], frame["image_id"]) for frame in steps if frame["status"] == "completed"} == {
        (step, image_id) for step in STEPS for image_id in {frame["image_id"] for frame in steps}
    }
    rows.first.get_by_role("link", name="Open").click()
    for name in ("Description", "What it could be", "Colours and attributes", "Defects", "Who answered"):
        page.get_by_role("heading", name=name, exact=True).wait_for()
    page.get_by_text(re.compile(r"\d+ % sure")).first.wait_for()


def test_the_photo_itself_is_shown(at_home, damaged):
    product_id, image_id = damaged
    at_home.goes_to(f"#/products/{product_id}/photos/{image_id}")
    expect(at_home.page.locator(".frame img")).to_have_js_property("naturalWidth", 160)


def test_the_threshold_hides_the_boxes_of_less_certain_defects(at_home, damaged):
    product_id, image_id = damaged
    at_home.goes_to(f"#/products/{product_id}/photos/{image_id}")
    boxes = at_home.page.locator(".box")
    expect(boxes).to_have_count(2)
    drawn = boxes.first.locator("rect")
    assert [drawn.get_attribute(name) for name in ("x", "y", "width", "height")] == ["20", "60", "40", "20"]
    slider = at_home.page.get_by_role("slider")
    slider.fill("60")
    expect(at_home.page.locator(".box:visible")).to_have_count(1)
    expect(at_home.page.get_by_text("1 of 2 defects shown")).to_be_visible()
    slider.fill("90")
    expect(at_home.page.locator(".box:visible")).to_have_count(0)
    slider.fill("0")
    expect(at_home.page.locator(".box:visible")).to_have_count(2)


def test_a_photo_is_analysed_again_with_its_steps_live(at_home, owner):
    product_id = owner.product()["id"]
    image_id = owner.analysed(product_id)["image_id"]
    before = owner.analysis(image_id)["updated_at"]
    at_home.goes_to(f"#/products/{product_id}/photos/{image_id}")
    at_home.page.get_by_role("button", name="Analyse again").click()
    expect(at_home.page.locator(".steps [data-state=completed]")).to_have_count(5)
    expect(at_home.page.get_by_role("button", name="Analyse again")).to_be_focused()
    assert owner.analysis(image_id)["updated_at"] > before


def marked(operator, image_id, status):
    """Write how far a photo's analysis is."""
    done = operator.execute("UPDATE analyses SET status = %s WHERE product_image_id = %s", [status, image_id])
    assert done.rowcount == 1


@contextlib.contextmanager
def ended_while_it_is_looked_at(page, operator, product_id, image_id):
    """A photo whose page, opened within, reads that it is being analysed, and comes up when that is over."""
    address, held = f"**/api/v1/products/{product_id}", []
    marked(operator, image_id, "processing")
    page.route(address, lambda route: held.append(route))
    with page.expect_event("requestfinished", lambda one: one.url.endswith(f"/analysis/{image_id}")):
        yield
    marked(operator, image_id, "completed")
    held.pop().continue_()
    page.unroute(address)


def test_an_analysis_that_ended_before_its_page_was_there_is_shown(at_home, owner, operator):
    product_id = owner.product()["id"]
    image_id = owner.analysed(product_id)["image_id"]
    page = at_home.page
    with ended_while_it_is_looked_at(page, operator, product_id, image_id):
        page.goto(f"{at_home.url}/#/products/{product_id}/photos/{image_id}")
    page.get_by_role("heading", name="What it could be").wait_for()


def test_an_analysis_whose_end_was_told_before_its_page_was_there_is_shown(visitor, operator):
    visitor.sign_up()
    page = visitor.page
    visitor.drops(jpegs(1))
    page.get_by_role("button", name="Create product").click()
    page.get_by_text(DONE).wait_for()
    link = page.locator(".upload").get_by_role("link", name="Open")
    product_id, image_id = re.findall(r"[0-9a-f-]{36}", link.get_attribute("href"))
    with ended_while_it_is_looked_at(page, operator, product_id, image_id):
        link.click()
    page.get_by_role("heading", name="What it could be").wait_for()


def test_leaving_a_photo_while_its_findings_are_read_is_no_error(at_home, owner):
    product_id = owner.product()["id"]
    image_id = owner.analysed(product_id)["image_id"]
    page, held = at_home.page, []
    at_home.goes_to(f"#/products/{product_id}/photos/{image_id}")
    page.route(f"**/api/v1/analysis/{image_id}", lambda route: held.append(route))
    with page.expect_request(f"**/api/v1/analysis/{image_id}"):
        page.get_by_role("button", name="Analyse again").click()
    with page.expect_event("requestfailed", lambda one: one.url.endswith(f"/analysis/{image_id}")):
        page.get_by_role("link", name="Model").click()
    page.get_by_role("heading", name="Model", exact=True).wait_for()
    assert at_home.faults == []


def test_the_description_can_be_copied(at_home, damaged, owner):
    product_id, image_id = damaged
    at_home.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    at_home.goes_to(f"#/products/{product_id}/photos/{image_id}")
    at_home.page.get_by_role("button", name="Copy").click()
    at_home.page.get_by_text("The description is copied.").wait_for()
    copied = at_home.page.evaluate("navigator.clipboard.readText()")
    assert copied == owner.analysis(image_id)["description_text"]


def test_a_file_that_is_no_picture_is_refused_in_the_services_sentence(at_home, owner):
    product_id = owner.product()["id"]
    at_home.goes_to(f"#/products/{product_id}")
    at_home.drops([("words.jpg", "image/jpeg", b"these are words"), ("words.txt", "text/plain", b"words")])
    at_home.page.get_by_text("The file is not a JPEG, PNG, WebP or GIF picture.", exact=True).wait_for()
    at_home.page.get_by_text("This is not a JPEG, PNG, WebP or GIF picture.", exact=True).wait_for()


def test_a_photo_whose_analysis_failed_says_why(at_home, owner, replaced):
    product_id, image_id = replaced
    at_home.goes_to(f"#/products/{product_id}/photos/{image_id}")
    at_home.page.get_by_role("button", name="Analyse again").click()
    at_home.page.get_by_role("heading", name="The analysis failed").wait_for()
    reason = owner.analysis(image_id)["error_message"]
    at_home.page.get_by_text(reason, exact=True).first.wait_for()


def test_a_batch_over_a_selection_shows_progress_and_explains_what_failed(at_home, owner, replaced):
    product_id, image_id = replaced
    others = [owner.analysed(product_id)["image_id"] for _ in range(3)]
    at_home.goes_to(f"#/products/{product_id}")
    page = at_home.page
    for one in (image_id, *others[:2]):
        page.locator(f"[data-photo='{one}'] input").check()
    page.get_by_text("3 of 4 photos selected").wait_for()
    page.get_by_role("button", name="Analyse again").click()
    panel = panel_of_the_batch(page)
    panel.get_by_text("1 photo failed.").wait_for()
    bar = panel.get_by_role("progressbar")
    assert (bar.get_attribute("aria-valuenow"), bar.get_attribute("aria-valuemax")) == ("3", "3")
    failed = panel.locator(".failures li")
    expect(failed).to_have_count(1)
    assert owner.analysis(image_id)["error_message"] in failed.inner_text()
    told = [frame["progress"]["completed"] for frame in at_home.frames if frame["progress"]["total"] == 3]
    assert told == sorted(told)
    assert told[-1] == 3
    panel.get_by_role("button", name="Retry the failed").click()
    expect(page.locator("section.job")).to_have_count(2)
    panel_of_the_batch(page).get_by_text("1 photo failed.").wait_for()


def test_a_batch_is_cancelled_for_good(at_home, owner):
    product_id = owner.product(title="Many")["id"]
    for _ in range(15):
        owner.upload(product_id)
    at_home.goes_to(f"#/products/{product_id}")
    page = at_home.page
    page.get_by_role("button", name="Select all").click()
    page.get_by_role("button", name="Analyse again").click()
    panel = panel_of_the_batch(page)
    panel.get_by_role("button", name="Cancel").click()
    panel.get_by_text("Cancelled after").wait_for()
    assert owner.http.get("/jobs", params={"status": "cancelled"}).json()["total"] == 1
    assert panel.get_by_role("button").count() == 0


def test_a_slow_line_shows_how_much_of_a_photo_is_sent_and_can_be_cancelled(at_home, owner):
    product_id = owner.product(title="By a slow line")["id"]
    at_home.goes_to(f"#/products/{product_id}", "By a slow line")
    page = at_home.page
    at_home.is_on_a_slow_line(100_000)
    at_home.drops([("noise.jpg", "image/jpeg", noise())])
    bar = page.get_by_role("progressbar", name="Sending noise.jpg")
    page.wait_for_function("(bar) => bar.value > 0.05 && bar.value < 1", arg=bar.element_handle())
    page.get_by_text(re.compile(r"kB of .* sent")).wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("You cancelled it.").wait_for()
    assert owner.http.get(f"/products/{product_id}").json()["images"] == []
    at_home.is_on_a_slow_line(-1)
    page.get_by_role("button", name="Send again").click()
    page.get_by_text(DONE).wait_for()
    assert len(owner.http.get(f"/products/{product_id}").json()["images"]) == 1


def noise():
    """A photo that is long on its way."""
    content = io.BytesIO()
    Image.effect_noise((1000, 1000), 90).save(content, "JPEG", quality=90)
    return content.getvalue()


def test_signing_out_while_a_photo_is_sent_ends_that_and_opens_no_socket(visitor, owner):
    visitor.sign_up()
    page, held, sockets = visitor.page, [], []
    page.route("**/api/v1/uploads/direct", lambda route: held.append(route))
    visitor.drops(jpegs(1))
    page.get_by_label("Title").fill("A mug")
    with page.expect_request("**/api/v1/uploads/direct"):
        page.get_by_role("button", name="Create product").click()
    page.get_by_role("heading", name="A mug").wait_for()
    page.on("websocket", lambda socket: sockets.append(socket))
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/uploads/direct")):
        page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    visitor.signs_in(owner)
    assert len(held) == 1
    assert sockets == []
