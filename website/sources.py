"""Where the pages come from: each document of the repository has a place in the site, and keeps its links."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from website import api_reference, code_reference

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
MAP = DOCS / "README.md"
DECISIONS = DOCS / "decisions"
OUTSIDE = {"README.md": "overview.md", "CHANGELOG.md": "changelog.md", "bench/README.md": "bench.md"}
FILES = Path("files")
"""Where files that are no pages lie, so that links to them can be followed."""
REFERENCE = "Reference"
"""The section of the map that takes the pages made from the code."""

_LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)")
_NAMED = re.compile(r"(?<!\[)`((?:docs|bench)/[\w./-]+\.md|README\.md|CHANGELOG\.md)`(?!\])")
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_ENTRY = re.compile(r"^- \[([^]]+)\]\(([^)#]+)\)", re.MULTILINE)
_INCLUDED = re.compile(r"^<!-- include: (?P<path>\S+) ## (?P<section>.+) -->$", re.MULTILINE)


class Unplaced(Exception):
    """A page that the map does not name, or names twice, or a section to be included that is not there."""


def documents() -> list[Path]:
    """Every document that becomes a page."""
    return [*(ROOT / path for path in OUTSIDE), *sorted(DOCS.rglob("*.md"))]


def place(document: Path) -> Path:
    """Where a document lies in the site's sources."""
    relative = document.relative_to(ROOT).as_posix()
    if relative in OUTSIDE:
        return Path(OUTSIDE[relative])
    below = document.relative_to(DOCS)
    return below.with_name("index.md") if below.name == "README.md" else below


def gather(into: Path) -> None:
    """Write the sources of the whole site into a folder.

    Raises:
        Unplaced: A document has no place, or more than one, in the map.
    """
    made = {**api_reference.pages(DOCS / "openapi.json"), **code_reference.pages()}
    trees = {place(MAP): _trees(list(made)), place(DECISIONS / "README.md"): _tree("", _decisions())}
    for document in documents():
        text = _included(document) + trees.get(place(document), "")
        _write(into / place(document), _linked(text, document, into))
    for path, text in made.items():
        _write(into / path, text)


def sections() -> dict[str, list[tuple[str, Path]]]:
    """The map: its sections, and in each the documents that begin its entries, with what they are called."""
    pieces = _SECTION.split(MAP.read_text())[1:]
    return {
        title: [(called, (DOCS / target).resolve()) for called, target in _ENTRY.findall(text)]
        for title, text in zip(pieces[::2], pieces[1::2], strict=True)
    }


def unplaced() -> Iterator[str]:
    """What is wrong with the map, in sentences."""
    listed = [document for section in sections().values() for _, document in section]
    decisions = {path for path in DECISIONS.glob("*.md") if path.name != "README.md"}
    for document in documents():
        times = listed.count(document)
        if times != 1 and document != MAP and document not in decisions:
            name = document.relative_to(ROOT)
            yield f"{name} begins {times} entries of docs/README.md; each page has to begin one."


def _trees(made: list[Path]) -> str:
    """The navigation, from the map.

    Raises:
        Unplaced: The map does not name each page once.
    """
    if wrong := list(unplaced()):
        raise Unplaced("\n".join(wrong))
    entries = {
        title: [f"{called[0].upper()}{called[1:]} <{_name(place(document))}>" for called, document in listed]
        for title, listed in sections().items()
    }
    entries[REFERENCE] += [_name(path) for path in made if path.parent.name != "api" or path.stem == "index"]
    return "".join(_tree(title, listed) for title, listed in entries.items())


def _decisions() -> list[str]:
    return [path.stem for path in sorted(DECISIONS.glob("[0-9]*.md"))]


def _name(page: Path) -> str:
    return page.with_suffix("").as_posix()


def _tree(caption: str, entries: list[str]) -> str:
    named = f":caption: {caption}\n" if caption else ""
    return "\n".join(["", "```{toctree}", f":hidden:\n{named}", *entries, "```", ""])


def _included(document: Path) -> str:
    """A document with the sections that it takes from others, which stand in one of them alone."""
    return _INCLUDED.sub(lambda found: _section(document.parent / found["path"], found["section"]),
                         document.read_text())  # fmt: skip


def _section(document: Path, title: str) -> str:
    pieces = _SECTION.split(document.read_text())
    if title not in pieces[1::2]:
        raise Unplaced(f"{document} has no section {title}.")
    return pieces[pieces.index(title) + 1].strip()


def _linked(text: str, document: Path, into: Path) -> str:
    """The text with links that hold in the site; what they lead to and is no page goes along.

    A document that is named as code becomes a link as well. What leads nowhere stays, for Sphinx to refuse.
    """
    pages = {page: place(page) for page in documents()}

    def lead(target: Path, anchor: str) -> str | None:
        if target in pages:
            return _between(place(document), pages[target]) + anchor
        if target.is_file() and target.is_relative_to(ROOT):
            copy = FILES / target.relative_to(ROOT)
            (into / copy).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(target, into / copy)
            return _between(place(document), copy)
        return None

    def link(found: re.Match[str]) -> str:
        led = lead((document.parent / found[1]).resolve(), found[2] or "")
        return f"]({led})" if led else found[0]

    def name(found: re.Match[str]) -> str:
        led = lead(ROOT / found[1], "")
        return f"[{found[0]}]({led})" if led else found[0]

    return _NAMED.sub(name, _LINK.sub(link, text))


def _between(page: Path, target: Path) -> str:
    return Path(os.path.relpath(target, page.parent)).as_posix()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
