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
    for operation in _operations(document):
        for reply in operation["responses"].values():
            reply.setdefault("headers", {})[REQUEST_ID_HEADER] = REQUEST_ID
        for body in (operation.get("requestBody", {}), *operation["responses"].values()):
            for media in body.get("content", {}).values():
                if "example" not in media:
                    media["example"] = _example(media["schema"], schemas)


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def _example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """Lift the example of a schema, which stands where the schema is written, to where it is used."""
    if schema.get("type") == "array":
        return [_example(schema["items"], schemas)]
    named = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return named["examples"][0]
