"""Pages made from the OpenAPI document: one for each section of the API, one for what bodies are made of."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Json = dict[str, Any]

FOLDER = Path("reference/api")
BODIES = FOLDER / "bodies.md"
INTRODUCTION = """# The API

Made from the service's OpenAPI document ([openapi.json](../../files/docs/openapi.json)), which a service in
development shows at `/docs`, to be tried out. What is promised beyond it, and the test of each promise:
[the contract](../../contract.md). Events come over the WebSocket, which OpenAPI cannot describe:
[live events](../../live.md).

Every error, whoever answers it, is `{"detail": "a sentence"}`. A token is sent as `Authorization: Bearer …`;
`X-Request-ID` comes with every answer.

"""


def pages(document: Path) -> dict[Path, str]:
    """The pages by their places."""
    read = json.loads(document.read_text())
    sections: dict[str, list[tuple[str, str, Json]]] = defaultdict(list)
    for path, operations in read["paths"].items():
        for method, operation in operations.items():
            sections[operation["tags"][0]].append((method.upper(), path, operation))
    written = {FOLDER / f"{_slug(tag)}.md": _section(tag, routes) for tag, routes in sections.items()}
    bodies = {BODIES: _bodies(read["components"]["schemas"])}
    return {FOLDER / "index.md": _index(sections)} | written | bodies


def _index(sections: dict[str, list[tuple[str, str, Json]]]) -> str:
    rows = [
        (f"`{method} {path}`", f"[{operation['summary']}]({_slug(tag)}.md#{_slug(operation['summary'])})")
        for tag, routes in sections.items()
        for method, path, operation in routes
    ]
    names = [*(_slug(tag) for tag in sections), BODIES.stem]
    tree = "\n".join(["```{toctree}", ":hidden:", "", *names, "```", ""])
    return f"{INTRODUCTION}{_table(('route', 'what it does'), rows)}\n{tree}"


def _section(tag: str, routes: list[tuple[str, str, Json]]) -> str:
    return f"# {tag}\n\n" + "\n".join("\n".join(_route(*route)) for route in routes)


def _route(method: str, path: str, operation: Json) -> Iterator[str]:
    """One route: what it does, what it takes, what it answers, what it refuses."""
    yield f"## {operation['summary']}\n\n`{method} {path}`\n\n{operation['description']}"
    if not operation.get("security"):
        yield "\nIt asks for no token."
    if parameters := operation.get("parameters"):
        rows = [
            _field(one["name"], one["schema"], required=one.get("required", False), where=one["in"])
            for one in parameters
        ]
        yield "\n**Parameters**\n\n" + _table(("name", "in", "type", "", "says"), rows)
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield from _body(kind, content)
    for status, answer in operation["responses"].items():
        if status < "400":
            yield from _answer(status, answer)
    errors = [_error(*answer) for answer in operation["responses"].items() if answer[0] >= "400"]
    yield "\n**Errors**\n\n" + _table(("status", "when", "for example"), errors)


def _body(kind: str, content: Json) -> Iterator[str]:
    schema = content["schema"]
    if "$ref" in schema:
        yield f"\n**Body**, `{kind}`: {_type(schema)}\n"
    elif schema.get("properties"):
        yield f"\n**Body**, `{kind}`\n\n" + _fields(schema)
    else:
        yield f"\n**Body**, `{kind}`: the bytes of the picture\n"
    yield from _example(content)


def _answer(status: str, answer: Json) -> Iterator[str]:
    if not answer.get("content"):
        yield f"\n**Answer** {status}, without a body\n"
    for kind, content in answer.get("content", {}).items():
        yield f"\n**Answer** {status}, `{kind}`: {_type(content['schema'])}\n"
        yield from _example(content)


def _example(content: Json) -> Iterator[str]:
    example = content["example"]
    if isinstance(example, dict | list):
        yield f"```json\n{json.dumps(example, indent=2, ensure_ascii=False)}\n```"
    else:
        yield f"```text\n{str(example).rstrip()}\n```"


def _error(status: str, answer: Json) -> tuple[str, ...]:
    example = answer["content"]["application/json"]["example"]
    return status, answer["description"], example.get("detail") or f"`{json.dumps(example)}`"


def _bodies(schemas: Json) -> str:
    pieces = [f"# What bodies are made of\n\nIn the order of the alphabet; {len(schemas)} of them.\n"]
    for name, schema in sorted(schemas.items()):
        pieces.append(f"## {name}\n\n{schema.get('description', '')}\n")
        if "enum" in schema:
            pieces.append("One of " + ", ".join(f"`{value}`" for value in schema["enum"]) + ".\n")
        if schema.get("properties"):
            pieces.append(_fields(schema))
    return "\n".join(pieces)


def _fields(schema: Json) -> str:
    required = schema.get("required", [])
    rows = [_field(name, one, required=name in required) for name, one in schema["properties"].items()]
    return _table(("field", "type", "", "says"), rows)


def _field(name: str, schema: Json, *, required: bool, where: str = "") -> tuple[str, ...]:
    begin = (f"`{name}`", where) if where else (f"`{name}`",)
    return *begin, _type(schema), "required" if required else "", "; ".join(_limits(schema))


def _type(schema: Json) -> str:
    """A schema in a word or two; named ones lead to their table."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}]({BODIES.name}#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    return str(schema.get("format") or schema.get("contentMediaType") or schema.get("type", "anything"))


def _limits(schema: Json) -> Iterator[str]:
    """What else a schema says, its alternatives included."""
    said = {
        "minimum": "at least {}", "maximum": "at most {}", "minLength": "at least {} characters",
        "maxLength": "at most {} characters", "minItems": "at least {} of them",
        "maxItems": "at most {} of them", "pattern": "fits `{}`", "default": "by default `{}`",
    }  # fmt: skip
    if "description" in schema:
        yield schema["description"].rstrip(".")
    for one in (schema, *schema.get("anyOf", ())):
        for key, words in said.items():
            if one.get(key) is not None:
                yield words.format(one[key])


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _slug(words: str) -> str:
    """As GitHub and MyST make an anchor of a heading."""
    return "".join(c for c in words.lower().replace(" ", "-") if c.isalnum() or c in "-_")
