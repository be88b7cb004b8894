"""A visitor of the console in Chromium, who notices whatever a page does that it must not."""

import contextlib
import json
import uuid

from tests.contract.wire import PASSWORD

STEPS = ["preprocess", "classify", "extract_attributes", "detect_defects", "generate_description"]
PATIENCE_MS = 120_000
QUIET = "Failed to load resource"
"""How Chromium tells of every refusal of the API, which is no fault of the page."""


class Visitor:
    """One page of its own context; ``faults`` collects violations, errors, and requests that go elsewhere."""

    def __init__(self, browser, platform, **settings):
        self.url, self.platform, self.faults, self.frames = platform.url, platform, [], []
        self._context = browser.new_context(**settings)
        self.page = self._context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("request", self._see)
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._keep))

    def _hear(self, message):
        if message.type in {"error", "warning"} and not message.text.startswith(QUIET):
            self.faults.append(f"{message.type}: {message.text}")

    def _see(self, request):
        ours = (self.url, self.platform.env["S3_ENDPOINT_URL"], "blob:", "data:")
        if not request.url.startswith(ours):
            self.faults.append(f"request to {request.url}")

    def _keep(self, frame):
        self.frames.append(json.loads(frame))

    def is_user(self, user):
        """Come as somebody who is signed in: the tokens are where the console keeps them."""
        tokens = json.dumps({name: user.tokens[name] for name in ("access_token", "refresh_token")})
        self._context.add_init_script(
            "if (!sessionStorage.getItem('imagineai.session'))"
            f" sessionStorage.setItem('imagineai.session', {json.dumps(tokens)})"
        )

    def goes_to(self, address, heading=None):
        """Open a page and wait until it is there."""
        self.page.goto(f"{self.url}/{address}")
        title = self.page.get_by_role("heading", level=1)
        (title if heading is None else title.filter(has_text=heading)).wait_for()
        assert self.page.url.startswith(f"{self.url}/{address}"), f"{address} led to {self.page.url}"

    def sign_up(self):
        """Make an account by hand; gives its email."""
        email = f"{uuid.uuid4().hex}@example.com"
        self.goes_to("#/sign-up", "Create an account")
        self.page.get_by_label("Your name").fill("Jane Doe")
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Create account").click()
        self.page.get_by_role("heading", name="Products").wait_for()
        return email

    def signs_in(self, user):
        """Sign in by hand, on the page that asks for it."""
        self.page.get_by_label("Email").fill(user.email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("button", name="Sign out").wait_for()

    def drops(self, photos):
        """Drop files on the page, as ``(name, type, bytes)``."""
        files = [{"name": name, "type": kind, "bytes": list(content)} for name, kind, content in photos]
        self.page.evaluate(
            """(files) => {
              const data = new DataTransfer();
              for (const { name, type, bytes } of files) {
                data.items.add(new File([new Uint8Array(bytes)], name, { type }));
              }
              document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
            }""",
            files,
        )

    def reads_from_storage(self):
        """The addresses of the pictures that are read from here on."""
        read = []
        storage = self.platform.env["S3_ENDPOINT_URL"]
        self.page.on("request", lambda one: read.append(one.url) if one.url.startswith(storage) else None)
        return read

    def is_on_a_slow_line(self, bytes_a_second):
        """Send no faster than that."""
        speeds = {
            "offline": False,
            "latency": 0,
            "downloadThroughput": -1,
            "uploadThroughput": bytes_a_second,
        }
        self._context.new_cdp_session(self.page).send("Network.emulateNetworkConditions", speeds)

    def close(self):
        self._context.close()


@contextlib.contextmanager
def visiting(browser, platform, **settings):
    """A visitor who insists in the end that no page did what it must not."""
    visitor = Visitor(browser, platform, **settings)
    try:
        yield visitor
        assert visitor.faults == []
    finally:
        visitor.close()
