"""The operators' page in Chromium: Prefect, MLflow and JupyterLab open and work behind it."""

import contextlib
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests import platforms
from tests.console.test_every_page import LOOKS, PHONE, keys_to, serious
from tests.console.visitor import PATIENCE_MS
from tests.contract.wire import PASSWORD, a_user

QUIET = "Failed to load resource"


@pytest.fixture(scope="module")
def admin(platform):
    """An account with the role admin."""
    with a_user(platform.url) as user:
        subprocess.run(
            [sys.executable, "-m", "imagineai_api.roles", user.email, "admin"],
            env={**platforms.clean_environment(), **platform.env},
            check=True,
        )
        yield user


class Operator:
    """A visitor for whom only the one port of the operators' page is there."""

    def __init__(self, context, url):
        self.url, self.elsewhere, self.errors, self.sockets = url, [], [], []
        context.on("request", self._see)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._hear)
        self.page.on("websocket", lambda socket: self.sockets.append(socket.url))

    def _see(self, request):
        if not request.url.startswith((f"{self.url}/", "blob:", "data:")):
            self.elsewhere.append(request.url)

    def _hear(self, message):
        if "Content Security Policy" in message.text and "'self'" in message.text:
            return  # a UI is kept from telling its maker how it is used
        if message.type == "error" and not message.text.startswith(QUIET):
            self.errors.append(message.text)

    def signs_in(self, user):
        self.page.goto(f"{self.url}/")
        self.page.get_by_label("Email").fill(user.email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", name="Operators' page").wait_for()

    def opens(self, name):
        self.page.get_by_role("link", name=f"Open {name}").click()


@contextlib.contextmanager
def operating(browser, platform, **settings):
    """An operator who insists in the end that nothing but the one port was asked for."""
    context = browser.new_context(**settings)
    try:
        operator = Operator(context, platform.env["OPERATORS_URL"])
        yield operator
        assert operator.elsewhere == []
    finally:
        context.close()


@pytest.fixture
def operator(browser, platform, admin):
    with operating(browser, platform) as one:
        one.signs_in(admin)
        yield one


def test_prefect_shows_the_deployments_behind_the_page(operator):
    operator.opens("Prefect")
    operator.page.get_by_role("link", name="Deployments").click()
    expect(operator.page.get_by_text("process-images").first).to_be_visible()
    expect(operator.page.get_by_text("housekeeping").first).to_be_visible()


def test_mlflow_shows_the_champion_behind_the_page(operator, platform):
    operator.opens("MLflow")
    operator.page.goto(f"{operator.url}/mlflow/#/models/{platform.env['MODEL_NAME']}")
    expect(operator.page.get_by_text("champion").first).to_be_visible()
    assert operator.errors == []


def test_jupyterlab_computes_behind_the_page(operator):
    operator.opens("JupyterLab")
    operator.page.locator('.jp-LauncherCard[data-category="Console"]').first.click()
    operator.page.get_by_role("button", name="Python 3 (ipykernel) | Idle").wait_for()
    operator.page.locator(".jp-CodeConsole-promptCell .cm-content").click()
    operator.page.keyboard.type("print(6 * 7)")
    operator.page.keyboard.press("Shift+Enter")
    expect(operator.page.locator(".jp-CodeConsole-content .jp-OutputArea-output")).to_have_text("42\n")
    assert any("/jupyter/api/kernels/" in address for address in operator.sockets)
    assert all(address.startswith("ws" + operator.url.removeprefix("http")) for address in operator.sockets)


def test_a_visit_to_a_ui_asks_to_sign_in_and_goes_on_there(browser, platform, admin):
    with operating(browser, platform) as stranger:
        stranger.page.goto(f"{stranger.url}/mlflow/")
        stranger.page.get_by_label("Email").fill(admin.email)
        stranger.page.get_by_label("Password").fill("not the one")
        stranger.page.get_by_role("button", name="Sign in").click()
        stranger.page.get_by_role("alert").filter(has_text="The email or the password is wrong.").wait_for()
        expect(stranger.page.get_by_label("Password")).to_be_focused()
        stranger.page.get_by_label("Password").fill(PASSWORD)
        stranger.page.keyboard.press("Enter")
        stranger.page.get_by_text("Recent Experiments").wait_for()
        assert stranger.page.url.startswith(f"{stranger.url}/mlflow/")


def test_signing_out_leads_back_to_the_form(operator):
    operator.page.get_by_role("button", name="Sign out").click()
    operator.page.get_by_role("heading", name="Sign in").wait_for()
    operator.page.goto(f"{operator.url}/jupyter/lab")
    operator.page.get_by_role("heading", name="Sign in").wait_for()


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_serious_on_the_operators_page(browser, platform, admin, owner, look):
    with operating(browser, platform, color_scheme=look) as one:
        one.page.goto(f"{one.url}/")
        found = {"the form": serious(one.page)}
        one.page.get_by_label("Email").fill(owner.email)
        one.page.get_by_label("Password").fill(PASSWORD)
        one.page.get_by_role("button", name="Sign in").click()
        one.page.get_by_role("heading", name="Not allowed").wait_for()
        found["the refusal"] = serious(one.page)
        one.page.get_by_role("button", name="Sign in as somebody else").click()
        one.signs_in(admin)
        found["the overview"] = serious(one.page)
        assert one.errors == []
    assert {place: faults for place, faults in found.items() if faults} == {}


def test_the_operators_page_never_scrolls_sideways_on_a_phone(browser, platform, admin):
    with operating(browser, platform, **PHONE) as one:
        one.page.goto(f"{one.url}/")
        widths = [one.page.evaluate("document.documentElement.scrollWidth")]
        one.signs_in(admin)
        widths.append(one.page.evaluate("document.documentElement.scrollWidth"))
    assert max(widths) <= PHONE["viewport"]["width"]


def test_the_operators_page_needs_no_mouse(operator, platform):
    keys_to(operator.page, "Skip to the page")
    keys_to(operator.page, "Open MLflow")
    operator.page.keyboard.press("Enter")
    operator.page.get_by_role("link", name=platform.env["MODEL_NAME"]).first.wait_for()
