"""What the documents tell a reader to type: every shell command and every piece of Python in them."""

import re
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "bench" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHELL, PYTHON = "sh", "python"
SHOWN = {"text", "json"}
"""Languages of blocks that nobody types."""
COMMENT = re.compile(r"(?:^|\s+)#(?=\s).*$")


def blocks(text):
    """Language and content of each block of code; one that is only indented is the shell's."""
    return [
        (token.info.strip() if token.type == "fence" else SHELL, token.content)
        for token in MarkdownIt().enable("table").parse(text)
        if token.type in ("fence", "code_block")
    ]


def commands(document):
    """Each command of a document, on one line and without its comment."""
    return [
        command
        for language, content in blocks((ROOT / document).read_text())
        if language == SHELL
        for command in as_lines(content)
    ]


def script(document):
    """All commands of a document, to be typed one after the other."""
    return "\n".join(commands(document))


def as_lines(script):
    """The commands of a script: what a backslash continues is one line."""
    joined = re.sub(r"\s*\\\n\s*", " ", script)
    return [line for line in (COMMENT.sub("", line).strip() for line in joined.splitlines()) if line]


def pieces(document):
    """Each piece of Python in a document."""
    return [content for language, content in blocks((ROOT / document).read_text()) if language == PYTHON]
