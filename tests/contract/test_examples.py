"""The examples of the OpenAPI document fit their schemas; the headers are declared."""

import pytest
from jsonschema import Draft202012Validator, FormatChecker


@pytest.fixture(scope="module")
def document(anonymous):
    return anonymous.get("/openapi.json").json()


@pytest.fixture(scope="module")
def operations(document):
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def bodies(operations):
    """Every body of the document: whose it is, and its media type object."""
    for name, operation in operations.items():
        for kind, media in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{name} request {kind}", media
        for status, reply in operation["responses"].items():
            for media in reply.get("content", {}).values():
                yield f"{name} {status}", media


def leaves(value):
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)
    else:
        yield value


def test_every_body_has_an_example_that_fits_its_schema(document, operations):
    for whose, media in bodies(operations):
        assert "example" in media, whose
        schema = {**media["schema"], "components": document["components"]}
        problems = Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(media["example"])
        assert [problem.message for problem in problems] == [], whose


def test_no_example_is_a_placeholder(operations):
    for whose, media in bodies(operations):
        assert media["example"] not in ({}, [], ""), whose
        assert not {"string", "", "..."} & set(leaves(media["example"])), whose


def test_an_example_shows_every_field_of_its_schema(document, operations):
    for whose, media in bodies(operations):
        name = media["schema"].get("$ref", "").rpartition("/")[2]
        if name and " request " not in whose:
            properties = document["components"]["schemas"][name]["properties"]
            assert set(media["example"]) == set(properties), whose


def test_every_answer_declares_the_headers_that_it_carries(operations):
    asked = {"401": "WWW-Authenticate", "405": "Allow", "429": "Retry-After", "503": "Retry-After"}
    for name, operation in operations.items():
        for status, reply in operation["responses"].items():
            assert "X-Request-ID" in reply["headers"], f"{name} {status}"
            wanted = None if (name, status) == ("GET /ready", "503") else asked.get(status)
            assert wanted is None or wanted in reply["headers"], f"{name} {status}"
