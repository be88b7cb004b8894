"""What the OpenAPI document says beyond what FastAPI sees: an example and the request id on every answer."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from imagineai_api.request_log import REQUEST_ID_HEADER

REQUEST_ID = {
    "description": "The id of the request, as it was sent or made here.",
    "schema": {"type": "string"},
}


def install(app: FastAPI) -> None:
    """Complete the document of an application when it is first asked for."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(generate())
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        if "examples" in schema:
            schema["examples"] = [_whole(example, schema, schemas) for example in schema["examples"]]
    for operation in _operations(document):
        for reply in operation["responses"].values():
            reply.setdefault("headers", {})[REQUEST_ID_HEADER] = REQUEST_ID
        for body in (operation.get("requestBody", {}), *operation["responses"].values()):
            for media in body.get("content", {}).values():
                example = media.get("example") or _example(media["schema"], schemas)
                media["example"] = _whole(example, media["schema"], schemas)


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def _example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """Lift the example of a schema, which stands where the schema is written, to where it is used."""
    if schema.get("type") == "array":
        return [_example(schema["items"], schemas)]
    return _named(schema, schemas)["examples"][0]


def _whole(example: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """Put back the nulls, which FastAPI leaves out of every example."""
    schema = _named(schema, schemas)
    if isinstance(example, list):
        return [_whole(item, schema.get("items", {}), schemas) for item in example]
    if isinstance(example, dict):
        fields, nulls = schema.get("properties", {}), dict.fromkeys(schema.get("required", ()))
        return nulls | {name: _whole(value, fields.get(name, {}), schemas) for name, value in example.items()}
    return example


def _named(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    named: dict[str, Any] = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return named
