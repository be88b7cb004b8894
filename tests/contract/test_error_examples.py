"""The errors of the OpenAPI document are, word for word, what is really answered."""

import re

import pytest

from tests.contract.wire import User, eventually, small_photo

UNKNOWN = "8f1c5a4e-27d9-4b60-9e3a-c50d7b1f6a28"
"""Nobody's id; the same in each run, as it is part of names of tests."""
BROKEN = b'{"a": '
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def operations(anonymous):
    document = anonymous.get("/openapi.json").json()
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def said(operations, name, status):
    return operations[name]["responses"][str(status)]["content"]["application/json"]["example"]["detail"]


def without_numbers(sentence):
    return re.sub(r"\d[\d,]*", "#", sentence)


def filled(name):
    """Method and path of an operation, its ids being nobody's."""
    method, _, path = name.partition(" ")
    return method, re.sub(r"\{\w+\}", UNKNOWN, path.removeprefix("/api/v1"))


def taking_json(operations):
    """Names of the operations that read a JSON body."""
    return [
        name
        for name, operation in operations.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]


def declaring(operations, status):
    return [name for name, operation in operations.items() if str(status) in operation["responses"]]


def test_400_says_what_broken_json_is_answered(user, operations):
    names = taking_json(operations)
    assert len(names) == 12
    for name in names:
        method, path = filled(name)
        answer = user.http.request(method, path, content=BROKEN, headers=JSON)
        assert (answer.status_code, answer.json()["detail"]) == (400, said(operations, name, 400)), name


def test_a_route_that_takes_no_body_reads_none(user, operations):
    without_body = [name for name, operation in operations.items() if "requestBody" not in operation]
    for name in without_body:
        method, path = filled(name)
        if path.startswith(("/health", "/ready")):
            continue
        answer = user.http.request(method, path, content=BROKEN, headers=JSON)
        assert answer.status_code != 400, name
        assert str(answer.status_code) in operations[name]["responses"], name


def test_401_says_what_is_answered_without_a_token(anonymous, operations):
    names = [name for name in declaring(operations, 401) if "/auth/" not in name or name.endswith("/me")]
    for name in names:
        method, path = filled(name)
        answer = anonymous.request(method, f"/api/v1{path}")
        assert (answer.status_code, answer.json()["detail"]) == (401, said(operations, name, 401)), name


def test_404_says_what_is_answered_for_what_nobody_has(user, operations):
    bodies = {"PATCH": {"title": "x"}}
    names = [name for name in declaring(operations, 404) if "{" in name]
    assert len(names) == 20
    for name in names:
        method, path = filled(name)
        answer = user.http.request(method, path, json=bodies.get(method))
        assert (answer.status_code, answer.json()["detail"]) == (404, said(operations, name, 404)), name


def test_405_says_what_another_verb_is_answered(user, operations):
    for name in operations:
        _, path = filled(name)
        if not path.startswith(("/health", "/ready")):
            answer = user.http.put(path)
            assert (answer.status_code, answer.json()["detail"]) == (405, said(operations, name, 405)), name


def test_422_says_what_an_unfit_request_is_answered(user, operations):
    for name in declaring(operations, 422):
        method, path = filled(name)
        unfit = {
            "GET /api/v1/products": lambda: user.http.get("/products?page=0"),
            "GET /api/v1/jobs": lambda: user.http.get("/jobs?limit=0"),
            "GET /api/v1/imports": lambda: user.http.get("/imports?page=0"),
            "PATCH /api/v1/products/{product_id}": lambda: user.http.patch("/products/1", json={}),
            "PATCH /api/v1/webhooks/{webhook_id}": lambda: user.http.patch("/webhooks/1", json={}),
            "POST /api/v1/uploads/direct": lambda: user.http.post(
                "/uploads/direct", data={"product_id": UNKNOWN}
            ),
        }.get(name)
        if unfit:
            answer = unfit()
        elif name in WITHOUT_A_FIELD:
            answer = user.http.post(path, json=WITHOUT_A_FIELD[name])
        elif "{" in name:
            answer = user.http.request(method, path.replace(UNKNOWN, "1"))
        else:
            continue
        assert (answer.status_code, answer.json()["detail"]) == (422, said(operations, name, 422)), name


WITHOUT_A_FIELD = {
    "POST /api/v1/auth/register": {"email": "a@example.com", "full_name": "Jane"},
    "POST /api/v1/auth/login": {"email": "a@example.com"},
    "POST /api/v1/auth/refresh": {},
    "POST /api/v1/auth/logout": {},
    "POST /api/v1/products": {},
    "POST /api/v1/uploads/presigned-url": {
        "product_id": UNKNOWN,
        "content_type": "image/jpeg",
        "file_size_bytes": 9,
    },
    "POST /api/v1/uploads/confirm": {},
    "POST /api/v1/imports": {},
    "POST /api/v1/webhooks": {},
}


def test_the_errors_of_accounts_say_what_is_answered(anonymous, user, operations):
    body = {"email": user.email, "password": "not the password", "full_name": "Jane"}
    cases = {
        ("POST /api/v1/auth/register", 409): anonymous.post("/api/v1/auth/register", json=body),
        ("POST /api/v1/auth/login", 401): anonymous.post("/api/v1/auth/login", json=body),
        ("POST /api/v1/auth/refresh", 401): anonymous.post(
            "/api/v1/auth/refresh", json={"refresh_token": "x"}
        ),
    }
    for (name, status), answer in cases.items():
        assert (answer.status_code, answer.json()["detail"]) == (status, said(operations, name, status)), name


def test_the_errors_of_uploads_say_what_is_answered(user, product, operations):
    wish = {"product_id": product["id"], "filename": "p.jpg", "content_type": "image/jpeg"}
    presign = lambda **changes: user.http.post("/uploads/presigned-url", json={**wish, **changes})  # noqa: E731
    pending = presign(file_size_bytes=9).json()["image_id"]
    confirm = lambda image_id: user.http.post("/uploads/confirm", json={"image_id": image_id})  # noqa: E731
    cases = {
        ("presigned-url", 404): presign(product_id=UNKNOWN, file_size_bytes=9),
        ("presigned-url", 413): presign(file_size_bytes=50_000_001),
        ("presigned-url", 415): presign(file_size_bytes=9, content_type="image/bmp"),
        ("confirm", 404): confirm(UNKNOWN),
        ("confirm", 409): confirm(pending),
        ("direct", 404): user.send(UNKNOWN, small_photo()),
        ("direct", 413): user.send(product["id"], bytes(50_200_000)),
        ("direct", 415): user.send(product["id"], small_photo(), kind="image/bmp"),
    }
    for (route, status), answer in cases.items():
        documented = said(operations, f"POST /api/v1/uploads/{route}", status)
        assert (answer.status_code, answer.json()["detail"]) == (status, documented), route


def test_the_errors_of_batches_and_retries_say_what_is_answered(user, product, seen, operations):
    wish = {"product_id": product["id"], "image_ids": [seen["image_id"]]}
    batch, retry = "/api/v1/batch", "POST /api/v1/analysis/{image_id}/retry"
    job_id = user.http.post("/batch", json=wish).json()["id"]
    cases = [
        (f"POST {batch}", 404, user.http.post("/batch", json={**wish, "product_id": UNKNOWN})),
        (f"POST {batch}", 422, user.http.post("/batch", json={**wish, "image_ids": [UNKNOWN]})),
        (retry, 409, user.http.post(f"/analysis/{seen['image_id']}/retry")),
        ("POST /api/v1/jobs/{job_id}/retry", 409, user.http.post(f"/jobs/{seen['job_id']}/retry")),
        (f"DELETE {batch}/{{job_id}}", 409, user.http.delete(f"/batch/{seen['job_id']}")),
    ]
    for name, status, answer in cases:
        assert (answer.status_code, answer.json()["detail"]) == (status, said(operations, name, status)), name
    assert user.http.delete(f"/batch/{job_id}").status_code == 204


def test_the_errors_of_webhooks_say_what_is_answered(new_user, operations):
    user, fields = new_user(), {"url": "https://nowhere.invalid/"}
    ids = [user.http.post("/webhooks", json=fields).json()["id"] for _ in range(10)]
    user.http.patch(f"/webhooks/{ids[0]}", json={"active": False})
    cases = {
        "POST /api/v1/webhooks": user.http.post("/webhooks", json=fields),
        "POST /api/v1/webhooks/{webhook_id}/test": user.http.post(f"/webhooks/{ids[0]}/test"),
    }
    for name, answer in cases.items():
        assert (answer.status_code, answer.json()["detail"]) == (409, said(operations, name, 409)), name


def test_the_errors_of_imports_say_what_is_answered(new_user, operations):
    user = new_user()
    zipped = {"filename": "a.zip", "file_size_bytes": 9}
    ids = [user.http.post("/imports", json=zipped).json()["id"] for _ in range(10)]
    route = "POST /api/v1/imports"
    cases = [
        (route, 409, user.http.post("/imports", json=zipped)),
        (route, 413, user.http.post("/imports", json={**zipped, "file_size_bytes": 3_000_000_000})),
        (f"{route}/{{import_id}}/start", 409, user.http.post(f"/imports/{ids[0]}/start")),
    ]
    for name, status, answer in cases:
        assert (answer.status_code, answer.json()["detail"]) == (status, said(operations, name, status)), name
    cancel = f"{route}/{{import_id}}/cancel"
    for status, sentence in (
        (200, None),
        (409, said(operations, cancel, 409).replace("completed", "cancelled")),
    ):
        answer = user.http.post(f"/imports/{ids[0]}/cancel")
        assert (answer.status_code, answer.json().get("detail")) == (status, sentence)


def test_a_large_body_is_answered_as_413_says(user, operations):
    for name in taking_json(operations):
        method, path = filled(name)
        answer = user.http.request(method, path, content=b" " * 1_000_001, headers=JSON)
        assert answer.status_code == 413
        has_another_limit = name.endswith(("presigned-url", "imports"))
        assert has_another_limit or answer.json()["detail"] == said(operations, name, 413), name


@pytest.mark.parametrize(
    ("method", "path", "tier"),
    [
        ("GET", "/products", "GET /api/v1/products"),
        ("POST", "/uploads/confirm", "POST /api/v1/uploads/confirm"),
        ("GET", f"/analysis/{UNKNOWN}", "GET /api/v1/analysis/{image_id}"),
        ("POST", "/auth/refresh", "POST /api/v1/auth/refresh"),
        ("POST", "/auth/logout", "POST /api/v1/auth/logout"),
    ],
)
def test_429_says_what_is_answered_over_the_limit(second, operations, method, path, tier):
    user = User(second.url, local_address=f"127.0.5.{1 + len(path)}")
    body = None if method == "GET" else {}
    refused = eventually(
        lambda: user.http.request(method, path, json=body), lambda answer: answer.status_code == 429
    )
    documented = said(operations, tier, 429)
    assert without_numbers(refused.json()["detail"]) == without_numbers(documented)
    assert refused.json()["detail"].split(":")[0] == documented.split(":")[0]
    user.close()
