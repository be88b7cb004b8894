"""The documentation as a site: built without a warning, no link broken, nothing loaded from elsewhere."""

import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from website import sources

ROOT = Path(__file__).resolve().parents[2]
LOADS = {("link", "href"), ("script", "src"), ("img", "src"), ("iframe", "src")}


class Page(HTMLParser):
    """What one page has: anchors, links, and what a browser loads with it."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.loaded = set(), set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.anchors |= {named[name] for name in ("id", "name") if named.get(name)}
        if tag == "a" and named.get("href"):
            self.links.add(named["href"])
        self.loaded |= {named[name] for kind, name in LOADS if kind == tag and named.get(name)}


@cache
def read(path):
    return Page(path.read_text())


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("documentation") / "site"
    built = subprocess.run(
        [sys.executable, "-m", "website", "--out", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return out


def pages(site):
    found = sorted(site.rglob("*.html"))
    assert len(found) > 50
    return found


def test_every_link_within_the_site_leads_to_a_page_and_an_anchor_of_it(site):
    broken = []
    for page in pages(site):
        for link in read(page).links | read(page).loaded:
            address = urlsplit(link)
            if address.scheme or address.netloc:
                continue
            target = (page.parent / unquote(address.path)).resolve() if address.path else page
            anchors = read(target).anchors if target.suffix == ".html" and target.exists() else set()
            if not target.is_file() or (address.fragment and unquote(address.fragment) not in anchors):
                broken.append(f"{page.relative_to(site)}: {link}")
    assert not broken


def test_no_page_loads_anything_from_elsewhere(site):
    for page in pages(site):
        assert not [loaded for loaded in read(page).loaded if urlsplit(loaded).netloc], page
    for style in site.rglob("*.css"):
        assert "//fonts." not in style.read_text(), style
        assert "@import" not in style.read_text(), style


def test_every_route_verb_and_call_has_its_place_in_the_reference(site):
    routes = (site / "reference" / "api" / "index.html").read_text()
    assert "/api/v1/products/{product_id}" in routes
    client = read(site / "reference" / "client.html").anchors
    assert {"imagineai_client.Client.upload", "imagineai_client.AsyncClient.upload"} <= client
    assert "password-stdin" in (site / "reference" / "command.html").read_text()


def test_the_map_names_every_page_once():
    assert list(sources.unplaced()) == []


def test_a_page_that_the_map_does_not_name_stops_the_build(tmp_path, monkeypatch):
    forgetful = {
        title: [entry for entry in listed if entry[1].name != "runbook.md"]
        for title, listed in sources.sections().items()
    }
    monkeypatch.setattr(sources, "sections", lambda: forgetful)
    with pytest.raises(
        sources.Unplaced, match=r"^docs/runbook\.md begins 0 entries of docs/README\.md[^\n]*$"
    ):
        sources.gather(tmp_path / "sources")


def test_a_link_to_no_page_or_no_heading_stops_the_build(tmp_path):
    (tmp_path / "sources").mkdir()
    text = "# A page\n\n[lost](lost.md), [astray](#astray), [held](#a-page)\n"
    (tmp_path / "sources" / "index.md").write_text(text)
    options = ("--fail-on-warning", "--keep-going", "--quiet", "-c", "website")
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, tmp_path / "sources", tmp_path / "site"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode != 0
    assert "'lost.md'" in built.stderr
    assert "'astray'" in built.stderr
    assert "'a-page'" not in built.stderr


def test_the_model_card_is_that_of_the_released_bundle():
    released = (ROOT / "models" / "shop" / "MODEL_CARD.md").read_text()
    assert (ROOT / "docs" / "model-card.md").read_text() == released, (
        "cp models/shop/MODEL_CARD.md docs/model-card.md"
    )
