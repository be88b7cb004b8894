"""Section "Error Codes" of the reference, and "Shape of answers" of the notes; the form is in wire.py."""

import json
import re
import socket
import uuid

import httpx
import pytest

UNKNOWN = "8f1c5a4e-27d9-4b60-9e3a-c50d7b1f6a28"
"""Nobody's id; the same in each run, as it is part of names of tests."""
ROUTES = [
    ("GET", "/auth/me"),
    ("GET", "/products"),
    ("POST", "/products"),
    ("GET", f"/products/{UNKNOWN}"),
    ("PATCH", f"/products/{UNKNOWN}"),
    ("DELETE", f"/products/{UNKNOWN}"),
    ("GET", f"/products/{UNKNOWN}/analysis"),
    ("POST", "/uploads/presigned-url"),
    ("POST", "/uploads/confirm"),
    ("POST", "/uploads/direct"),
    ("GET", f"/analysis/{UNKNOWN}"),
    ("POST", f"/analysis/{UNKNOWN}/retry"),
    ("POST", "/analyze"),
    ("POST", "/batch"),
    ("GET", f"/batch/{UNKNOWN}"),
    ("DELETE", f"/batch/{UNKNOWN}"),
    ("GET", "/jobs"),
    ("GET", f"/jobs/{UNKNOWN}"),
    ("POST", f"/jobs/{UNKNOWN}/retry"),
    ("GET", "/dashboard/stats"),
    ("GET", "/dashboard/recent"),
    ("GET", "/dashboard/category-distribution"),
    ("GET", "/exports/products"),
    ("POST", "/imports"),
    ("GET", "/imports"),
    ("GET", f"/imports/{UNKNOWN}"),
    ("GET", f"/imports/{UNKNOWN}/rows"),
    ("POST", f"/imports/{UNKNOWN}/start"),
    ("POST", f"/imports/{UNKNOWN}/cancel"),
    ("GET", "/models"),
    ("GET", "/models/card"),
    ("GET", "/pictures"),
    ("GET", "/webhooks"),
    ("POST", "/webhooks"),
    ("GET", f"/webhooks/{UNKNOWN}"),
    ("PATCH", f"/webhooks/{UNKNOWN}"),
    ("DELETE", f"/webhooks/{UNKNOWN}"),
    ("POST", f"/webhooks/{UNKNOWN}/rotate-secret"),
    ("POST", f"/webhooks/{UNKNOWN}/test"),
    ("GET", f"/webhooks/{UNKNOWN}/deliveries"),
]
OPEN_ROUTES = [
    ("POST", "/auth/register"),
    ("POST", "/auth/login"),
    ("POST", "/auth/refresh"),
    ("POST", "/auth/logout"),
]
WITH_JSON = [
    ("POST", "/auth/register"),
    ("POST", "/auth/login"),
    ("POST", "/auth/refresh"),
    ("POST", "/auth/logout"),
    ("POST", "/products"),
    ("PATCH", f"/products/{UNKNOWN}"),
    ("POST", "/uploads/presigned-url"),
    ("POST", "/uploads/confirm"),
    ("POST", "/batch"),
    ("POST", "/imports"),
    ("POST", "/webhooks"),
    ("PATCH", f"/webhooks/{UNKNOWN}"),
]
FIELDS = {
    "/auth/register": {"email": "a@example.com", "password": "long enough", "full_name": "Jane"},
    "/auth/login": {"email": "a@example.com", "password": "long enough"},
    "/auth/refresh": {"refresh_token": "x"},
    "/auth/logout": {"refresh_token": "x"},
    "/products": {"title": "x", "description": "x", "category": "x"},
    "/uploads/presigned-url": {
        "product_id": UNKNOWN,
        "filename": "x.jpg",
        "content_type": "image/jpeg",
        "file_size_bytes": 9,
    },
    "/uploads/confirm": {"image_id": UNKNOWN},
    "/batch": {"product_id": UNKNOWN, "image_ids": [UNKNOWN]},
    "/imports": {"filename": "x.csv", "file_size_bytes": 9},
    "/webhooks": {"url": "https://shop.example/", "events": ["job_failed"], "description": "x"},
}
BROKEN = {
    "nothing": b"",
    "half an object": b'{"title": ',
    "no JSON": b"hello",
    "two values": b"{} {}",
    "not UTF-8": b'{"title": "\xff\xfe"}',
    "a hundred thousand brackets": b"[" * 100_000,
    "a hundred thousand objects": b'{"a":' * 100_000,
    "NaN": b'{"title": NaN}',
    "Infinity": b'{"title": -Infinity}',
    "a number past every float, deep in what nobody reads": b'{"title": "Mug", "more": [{"weight": -1e999}]}',
    "a number of ten thousand digits": b'{"title": ' + b"9" * 10_000 + b"}",
}
ODD_TEXTS = {
    "a lone surrogate": '"\\ud800"',
    "two surrogates in the wrong order": '"\\udc00\\ud800"',
    "NUL": '"a\\u0000b"',
    "a number past every float": "1e999",
    "a number past 64 bits": "9" * 30,
    "a nested list": "[" * 50 + "]" * 50,
    "true": "true",
    "a long text": json.dumps("x" * 300_000),
}
ODD_IDS = [
    "x",
    "0",
    "-1",
    "9" * 40,
    "%00",
    "a%00b",
    "%ff",
    "%ed%a0%80",
    "..%2f..%2f",
    "NaN",
    "1e999",
    "🎧",
    "x" * 5000,
]


def send(client, method, path, raw, kind="application/json"):
    return client.request(method, path, content=raw, headers={"Content-Type": kind})


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_asks_for_a_token(anonymous, method, path):
    for headers in ({}, {"Authorization": "Bearer no.good.token"}):
        answer = anonymous.request(method, f"/api/v1{path}", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path", ["/nope", "/api", "/api/v1", "/api/v1/nope", "/api/v2/products", "/api/v1/products/a/b"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_is_404(anonymous, method, path):
    assert anonymous.request(method, path).status_code == 404


@pytest.mark.parametrize(("method", "path"), [*ROUTES, *OPEN_ROUTES])
def test_a_route_has_no_trailing_slash(user, method, path):
    answer = user.http.request(method, f"{path}/")
    assert answer.status_code in {404, 405}
    assert answer.status_code == 404 or path.count("/") == 1


@pytest.mark.parametrize(
    "path", ["/auth/login", "/products", "/uploads/direct", "/batch", "/jobs", "/dashboard/stats"]
)
def test_a_verb_that_a_route_has_not_is_405_and_names_those_it_has(user, path):
    answer = user.http.request("PUT", path)
    assert answer.status_code == 405
    assert answer.headers["Allow"]


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/products", {"GET", "POST"}),
        (f"/products/{UNKNOWN}", {"GET", "PATCH", "DELETE"}),
        (f"/batch/{UNKNOWN}", {"GET", "DELETE"}),
        ("/batch", {"POST"}),
    ],
)
def test_a_405_names_every_method_of_a_path_that_several_routes_share(user, path, methods):
    assert set(user.http.request("PUT", path).headers["Allow"].split(", ")) == methods


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize(("method", "path"), WITH_JSON)
def test_a_broken_body_is_400_and_an_unfit_one_422(user, method, path, name):
    answer = send(user.http, method, path, BROKEN[name])
    assert answer.status_code in ({400, 422} if name in {"nothing", "NaN", "Infinity"} else {400})


@pytest.mark.parametrize("value", ["null", "[]", "7", '"text"', "true"])
@pytest.mark.parametrize(("method", "path"), WITH_JSON)
def test_a_body_that_is_no_object_is_422(user, method, path, value):
    assert send(user.http, method, path, value.encode()).status_code == 422


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "x"])
def test_a_body_of_another_type_is_refused(user, kind):
    assert send(user.http, "POST", "/products", b'{"title": "x"}', kind).status_code in {415, 422}


@pytest.mark.parametrize("name", ODD_TEXTS)
@pytest.mark.parametrize("path", FIELDS)
def test_an_odd_value_in_any_field_is_refused(user, path, name):
    for field in FIELDS[path]:
        parts = {key: json.dumps(value) for key, value in FIELDS[path].items()} | {field: ODD_TEXTS[name]}
        raw = "{" + ", ".join(f'"{key}": {value}' for key, value in parts.items()) + "}"
        status = send(user.http, "POST", path, raw.encode()).status_code
        long_is_fine = name == "a long text" and field in {
            "description",
            "refresh_token",
            "filename",
            "password",
        }
        assert 400 <= status < 500 or long_is_fine, f"{field}: {status}"


@pytest.mark.parametrize("odd", ODD_IDS)
def test_an_odd_id_in_a_path_is_refused(user, odd):
    for method, path in ROUTES:
        if UNKNOWN in path:
            answer = user.http.request(
                method, path.replace(UNKNOWN, odd), json={} if method == "PATCH" else None
            )
            assert answer.status_code in {404, 405, 414, 422}, f"{method} {path}: {answer.status_code}"


@pytest.mark.parametrize("path", ["/products", "/jobs"])
@pytest.mark.parametrize(
    "query", ["page=%00", "limit=%ff", "status=%00", "page=1e999", "offset=NaN", "page=" + "9" * 5000]
)
def test_an_odd_query_is_refused_or_passed_over(user, path, query):
    assert user.http.get(f"{path}?{query}").status_code in {200, 400, 422}


@pytest.mark.parametrize("path", ["/auth/register", "/auth/login", "/products", "/batch", "/webhooks"])
def test_no_error_echoes_what_was_sent(user, path):
    marker = f"marker{uuid.uuid4().hex}"
    bodies = [
        {name: [marker] for name in FIELDS[path]},
        dict.fromkeys(FIELDS[path], marker),
        {marker: marker},
    ]
    for body in bodies:
        answer = user.http.post(path, json={**body, "title": None})
        assert answer.status_code >= 400
        assert marker not in answer.text
    assert marker not in user.http.get(f"/{marker}").text
    assert marker not in user.http.get("/products", params={"page": marker}).text
    assert marker not in user.http.get(f"/products/{marker}").text


@pytest.mark.parametrize("odd", ["Zebra", "\N{ZEBRA FACE}", "0" * 31 + "Z"])
def test_a_bad_id_is_refused_without_a_letter_of_it(user, odd):
    for answer in (user.http.get(f"/jobs/{odd}"), user.http.post("/uploads/confirm", json={"image_id": odd})):
        assert answer.status_code == 422
        assert answer.json()["detail"].endswith("_id must be a UUID.")


def test_every_time_is_in_utc_with_a_z(user, product, seen):
    paths = ("/auth/me", "/products", f"/products/{product['id']}", f"/analysis/{seen['image_id']}", "/jobs")
    for path in (*paths, f"/jobs/{seen['job_id']}", "/dashboard/recent"):
        moments = re.findall(r'_at" ?: ?"([^"]+)"', user.http.get(path).text)
        assert moments, path
        for moment in moments:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", moment), f"{path}: {moment}"


def test_the_root_is_the_console(anonymous):
    answer = anonymous.get("/")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_large_json_body_is_413(user):
    assert send(user.http, "POST", "/products", b'{"title": "' + b"x" * 20_000_000 + b'"}').status_code == 413


def test_a_request_id_is_echoed(user):
    mine = f"request-{uuid.uuid4().hex}"
    for path in ("/products", f"/products/{UNKNOWN}", "/nope"):
        assert user.http.get(path, headers={"X-Request-ID": mine}).headers["X-Request-ID"] == mine


def test_a_request_id_is_made_where_there_is_none(user):
    made = {user.http.get("/products").headers["X-Request-ID"] for _ in range(3)}
    assert len(made) == 3


@pytest.mark.parametrize("odd", ["", "x" * 10_000, "a b\tc", "<script>", "é".encode("latin1")])
def test_an_odd_request_id_is_not_echoed_blindly(user, odd):
    echoed = user.http.get("/products", headers={"X-Request-ID": odd}).headers["X-Request-ID"]
    assert 1 <= len(echoed) <= 200
    assert "<" not in echoed


def test_no_answer_names_the_server_or_its_version(anonymous):
    for path in ("/health", "/nope", "/api/v1/products"):
        headers = anonymous.get(path).headers
        assert "uvicorn" not in headers.get("Server", "").lower()
        assert "X-Powered-By" not in headers


def test_answers_carry_the_security_headers(anonymous):
    for path in ("/health", "/nope", "/docs"):
        headers = anonymous.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src" in headers["Content-Security-Policy"]
        assert "frame-ancestors" in headers["Content-Security-Policy"] or headers["X-Frame-Options"] == "DENY"


def test_an_origin_that_is_not_on_the_list_gets_no_permission(anonymous):
    asks = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    answer = anonymous.request("OPTIONS", "/api/v1/products", headers=asks)
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Access-Control-Allow-Origin" not in anonymous.get("/health", headers=asks).headers


def test_only_an_origin_on_the_list_gets_permission(anonymous, second):
    for origin, allowed in (
        ("https://shop.example", True),
        ("https://shop.example.evil", False),
        ("null", False),
    ):
        asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        for answer in (
            anonymous.request("OPTIONS", f"{second.url}/api/v1/products", headers=asks),
            anonymous.get(f"{second.url}/api/v1/products", headers=asks),
        ):
            assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is allowed


def test_the_policy_allows_only_scripts_of_our_own(anonymous):
    for path in ("/docs", "/redoc", "/health", "/api/v1/products"):
        policy = anonymous.get(path).headers["Content-Security-Policy"]
        assert "'unsafe-eval'" not in policy
        assert "http" not in policy
        assert "script-src" not in policy


def test_a_page_on_the_list_may_send_the_headers_it_needs_and_read_those_it_gets(anonymous, second):
    asks = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization, content-type, x-request-id",
    }
    answer = anonymous.request("OPTIONS", f"{second.url}/api/v1/products/{UNKNOWN}", headers=asks)
    assert answer.status_code == 200
    got = anonymous.get(f"{second.url}/api/v1/products", headers={"Origin": "https://shop.example"})
    assert {"x-request-id", "retry-after"} <= {
        name.strip().lower() for name in got.headers["Access-Control-Expose-Headers"].split(",")
    }
    assert "Access-Control-Allow-Credentials" not in got.headers


@pytest.mark.parametrize("sent", [b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nA\x00: b\r\n\r\n"])
def test_what_is_no_http_is_answered_in_the_one_form(platform, sent):
    place = httpx.URL(platform.url)
    with socket.create_connection((place.host, place.port), timeout=30) as line:
        line.sendall(sent)
        head, _, body = b"".join(iter(lambda: line.recv(65536), b"")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/json" in head
    assert list(json.loads(body)) == ["detail"]
