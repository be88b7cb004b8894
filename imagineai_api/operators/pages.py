"""The page's own few pages: plain HTML without a script, in the console's look."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, Response

from imagineai_api import error_answers, security_headers
from imagineai_api.console.pages import STATIC as CONSOLE
from imagineai_api.errors import ImagineAIError, Unauthorized

HERE = Path(__file__).parent
FILES = {
    "console.css": (CONSOLE / "console.css", "text/css"),
    "operators.css": (HERE / "static" / "operators.css", "text/css"),
    "icon.svg": (CONSOLE / "icon.svg", "image/svg+xml"),
}
POLICY = "; ".join(
    f"{name} {value}"
    for name, value in {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }.items()
)
HEADERS = {
    **security_headers.HEADERS,
    # With no-referrer browsers would say that our own forms come from nowhere.
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": POLICY,
}
TITLES = {403: "Not allowed", 404: "Nothing here", 405: "Not in this way", 429: "Too often"}

_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def show(name: str, status: int = 200, **values: object) -> HTMLResponse:
    """Fill in a page; it is never kept."""
    content = _templates.get_template(name).render(values)
    return HTMLResponse(content, status, headers={**HEADERS, "Cache-Control": "no-store"})


def sign_in(go_on: str, *, status: int = 401, problem: str = "", email: str = "") -> HTMLResponse:
    """Ask who it is, and keep where to go on."""
    return show("sign_in.html", status, go_on=go_on, problem=problem, email=email)


def refuse(connection: HTTPConnection, error: ImagineAIError) -> Response:
    """Answer an error: a page where somebody looks at it, else the one form of the service."""
    if connection.scope["type"] == "websocket" or "text/html" not in connection.headers.get("accept", ""):
        return error_answers.answer(error)
    if isinstance(error, Unauthorized):
        return sign_in(_place(connection))
    page = show("refused.html", error.status, title=TITLES.get(error.status, "Not now"), sentence=str(error))
    page.headers.update(error.headers)
    return page


def file(name: str) -> Response | None:
    """Give one of the few files of the pages; None where there is none of this name."""
    if name not in FILES:
        return None
    path, media_type = FILES[name]
    headers = {**HEADERS, "Cache-Control": "private, no-cache"}
    return Response(path.read_bytes(), media_type=media_type, headers=headers)


def _place(connection: HTTPConnection) -> str:
    """Give the address of a visit, to go on there after the sign-in; of anything else the first page."""
    if connection.scope["method"] != "GET":
        return "/"
    query = connection.url.query
    return f"{connection.url.path}?{query}" if query else connection.url.path
