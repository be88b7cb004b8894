"""The OpenAPI document and the pages made of it, as the notes ask for them."""

import json
import re

import pytest

ROUTES = """
GET /health
GET /ready
POST /api/v1/auth/register
POST /api/v1/auth/login
POST /api/v1/auth/refresh
POST /api/v1/auth/logout
GET /api/v1/auth/me
GET /api/v1/products
POST /api/v1/products
GET /api/v1/products/{product_id}
PATCH /api/v1/products/{product_id}
DELETE /api/v1/products/{product_id}
GET /api/v1/products/{product_id}/analysis
POST /api/v1/uploads/presigned-url
POST /api/v1/uploads/confirm
POST /api/v1/uploads/direct
GET /api/v1/analysis/{image_id}
POST /api/v1/analysis/{image_id}/retry
POST /api/v1/analyze
POST /api/v1/batch
GET /api/v1/batch/{job_id}
DELETE /api/v1/batch/{job_id}
GET /api/v1/jobs
GET /api/v1/jobs/{job_id}
POST /api/v1/jobs/{job_id}/retry
GET /api/v1/dashboard/stats
GET /api/v1/dashboard/recent
GET /api/v1/dashboard/category-distribution
GET /api/v1/exports/{table}
POST /api/v1/imports
GET /api/v1/imports
GET /api/v1/imports/{import_id}
GET /api/v1/imports/{import_id}/rows
POST /api/v1/imports/{import_id}/start
POST /api/v1/imports/{import_id}/cancel
GET /api/v1/models
GET /api/v1/models/card
GET /api/v1/pictures
GET /api/v1/webhooks
POST /api/v1/webhooks
GET /api/v1/webhooks/{webhook_id}
PATCH /api/v1/webhooks/{webhook_id}
DELETE /api/v1/webhooks/{webhook_id}
POST /api/v1/webhooks/{webhook_id}/rotate-secret
POST /api/v1/webhooks/{webhook_id}/test
GET /api/v1/webhooks/{webhook_id}/deliveries
"""


@pytest.fixture(scope="module")
def document(anonymous):
    answer = anonymous.get("/openapi.json")
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_documentation_is_served_in_development_without_foreign_assets(anonymous, page):
    answer = anonymous.get(page)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "https://" not in answer.text
    for name in answer.text.split('"'):
        if name.endswith((".js", ".css", ".png", ".svg")):
            assert anonymous.get(name).status_code == 200, name


def test_the_document_has_exactly_the_routes_of_the_reference_and_those_promised_beside_it(document):
    assert sorted(name for name, _ in operations(document)) == sorted(ROUTES.split("\n")[1:-1])


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_route_declares_its_errors_with_the_one_schema(document):
    for name, operation in operations(document):
        errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        if name in {"GET /health", "GET /ready"}:
            assert set(errors) - {"503"} == {"405", "500"}, f"{name} declares {sorted(errors)}"
            continue
        assert {"405", "413", "429", "500", "503"} <= set(errors), f"{name} declares only {sorted(errors)}"
        schemas = {json.dumps(answer["content"]["application/json"]["schema"]) for answer in errors.values()}
        assert len(schemas) == 1, f"{name}: {schemas}"
        assert "HTTPValidationError" not in schemas.pop()


def test_every_route_behind_a_token_declares_401(document):
    for name, operation in operations(document):
        is_open = name.endswith(("/auth/register", "/auth/logout")) or name in {"GET /health", "GET /ready"}
        assert is_open or "401" in operation["responses"], name


def test_every_route_with_an_id_declares_404(document):
    for name, operation in operations(document):
        assert "_id}" not in name or "404" in operation["responses"], name


def test_every_link_leads_to_a_route_and_gives_what_it_takes(document):
    targets = {operation["operationId"]: operation for _, operation in operations(document)}
    links = [
        link
        for _, operation in operations(document)
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert links
    for link in links:
        target = targets[link["operationId"]]
        in_path = {parameter["name"] for parameter in target.get("parameters", [])}
        assert set(link.get("parameters", {})) <= in_path, link
        assert set(link.get("requestBody", {})) <= set(body_properties(document, target)), link


def body_properties(document, operation):
    content = operation.get("requestBody", {}).get("content", {})
    schemas = [one["schema"] for one in content.values()]
    known = document["components"]["schemas"]
    whole = [known.get(schema.get("$ref", "").rpartition("/")[2], schema) for schema in schemas]
    return [name for schema in whole for name in schema["properties"]]


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [("a", True), (" a\n", True), ("", False), (" \t", False), ("a\0", False), ("\x1c", False)],
)
def test_the_schema_of_a_title_refuses_what_the_service_refuses(document, user, text, is_taken):
    title = document["components"]["schemas"]["ProductCreate"]["properties"]["title"]
    assert bool(re.search(title["pattern"], text)) == is_taken
    assert (user.http.post("/products", json={"title": text}).status_code == 201) == is_taken
