"""/: the console, a page of plain modules that speaks the public API only."""

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).with_name("static")
ASSETS = "/console"
LINKS = "<!-- the API's pages -->"
"""Where the page's head names the API's documentation, in development."""
DOCUMENTATION = '<link rel="related" title="API documentation" href="/docs">'
FRESH = {"Cache-Control": "private, no-cache"}
"""Kept by browsers, but asked for again each time: an update is there at the next view."""


class _Assets(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(FRESH)
        return response


def install(app: FastAPI) -> None:
    """Serve the page at ``/`` and its files below ``/console``; every other path stays as it was."""
    shown = DOCUMENTATION if app.state.settings.development else ""
    page = (STATIC / "index.html").read_text("utf-8").replace(LINKS, shown)

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def console(request: Request) -> HTMLResponse:
        headers = {"Content-Security-Policy": policy(request.app.state.storage.origin), **FRESH}
        return HTMLResponse(page, headers=headers)

    app.mount(ASSETS, _Assets(directory=STATIC))


def policy(storage: str) -> str:
    """Give the page's policy: our own scripts and styles; pictures come from the storage, files go to it."""
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": f"'self' {storage}",
        "img-src": f"'self' blob: data: {storage}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())
