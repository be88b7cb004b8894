"""What schemathesis loads: Alice's token, real pictures, and Bob, a stranger who tries everything first.

The test hands over, as JSON in the file that FUZZ_WORLD names, who they are and what they own.
"""

import atexit
import io
import json
import os
import re
import time
from collections import Counter
from pathlib import Path

import requests
import schemathesis
from hypothesis import strategies as st
from PIL import Image
from requests.structures import CaseInsensitiveDict
from schemathesis.core.failures import AcceptedNegativeData

WORLD = json.loads(Path(os.environ["FUZZ_WORLD"]).read_text())
URL, ALICE, BOB = WORLD["url"], WORLD["alice"], WORLD["bob"]
PAIRS = WORLD["pairs"]
IDS = {"product_id", "image_id", "image_ids", "job_id", "webhook_id", "import_id"}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TOKEN_LIFETIME_S = 600

answered = Counter()
refused = Counter()
tried = {}
http = requests.Session()
schemathesis.openapi.format(
    "email", st.from_regex(r"[a-z0-9]{1,20}(\.[a-z0-9]{1,9})?@[a-z]{2,20}\.(com|org|net)", fullmatch=True)
)


def log_in(person):
    answer = http.post(f"{URL}/api/v1/auth/login", json=account(person), timeout=60)
    answer.raise_for_status()
    return answer.json()


def account(person):
    return {"email": person["email"], "password": person["password"]}


def picture(kind):
    content = io.BytesIO()
    Image.effect_noise((40, 30), 80).save(content, kind)
    return content.getvalue()


for kind in ("jpeg", "png", "webp", "gif"):
    whole = picture(kind)
    schemathesis.openapi.media_type(f"image/{kind}", st.sampled_from([whole, whole, whole, whole[:-40], b""]))


@schemathesis.auth(refresh_interval=TOKEN_LIFETIME_S)
class AlicesToken:
    def get(self, case, context):
        return log_in(ALICE)["access_token"]

    def set(self, case, data, context):
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


class BobsToken:
    """Bob's token, new as often as Alice's."""

    def __init__(self):
        self._token, self._from = None, float("-inf")

    def __call__(self):
        if time.monotonic() > self._from + TOKEN_LIFETIME_S:
            self._token, self._from = log_in(BOB)["access_token"], time.monotonic()
        return self._token


bobs_token = BobsToken()


def is_id(value):
    return isinstance(value, str) and UUID.fullmatch(value) is not None


def named_ids(case):
    """The values that a request gives where ids are asked for."""
    fields = [case.path_parameters, case.body]
    given = [
        value for some in fields if isinstance(some, dict) for name, value in some.items() if name in IDS
    ]
    flat = [one for value in given for one in (value if isinstance(value, list) else [value])]
    return set(filter(is_id, flat))


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Take away the examples of pure bytes, which are words: the media types above draw real pictures."""
    for methods in raw_schema["paths"].values():
        for operation in methods.values():
            for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
                if media_type.startswith("image/"):
                    content.pop("example", None)


@schemathesis.hook
def before_add_examples(context, examples):
    """Add a request that is right in all where chance may draw none: a real picture, a live token, an id."""
    bodies = {
        "log_in": lambda: {"body": account(ALICE)},
        "refresh": lambda: {"body": {"refresh_token": log_in(ALICE)["refresh_token"]}},
        "log_out": lambda: {"body": {"refresh_token": log_in(ALICE)["refresh_token"]}},
        "create_batch": lambda: {"body": PAIRS[0]},
        "confirm_upload": lambda: {"body": {"image_id": PAIRS[0]["image_ids"][0]}},
        "upload_directly": lambda: {
            "body": {"product_id": PAIRS[0]["product_id"], "file": picture("jpeg")},
            "media_type": "multipart/form-data",
            "multipart_content_types": {"file": "image/jpeg"},
        },
        "analyze": lambda: {
            "body": {"file": picture("jpeg")},
            "media_type": "multipart/form-data",
            "multipart_content_types": {"file": "image/jpeg"},
        },
    }
    raw = context.operation.definition.raw
    body = bodies.get(raw["operationId"])
    path = right_path(raw)
    if body or (path and "requestBody" not in raw):
        given = {"media_type": "application/json", **(body() if body else {}), "path_parameters": path}
        examples.append(context.operation.Case(**given))


def right_path(operation):
    """The ids in an operation's path: those that it can be done to once, else those that stay."""
    names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "path"]
    ids = {**WORLD["stays"], **WORLD["once"].get(operation["operationId"], {})}
    return {name: ids[name] for name in names if name in ids}


@schemathesis.hook("map_case").apply_to(operation_id=["upload_directly", "create_batch"])
def of_a_real_product(context, case):
    """Name in every second request a product that is there, with its own image: no chance pairs the two."""
    asked = case.body if isinstance(case.body, dict) else {}
    images = asked.get("image_ids", [])
    if is_id(asked.get("product_id")) and isinstance(images, list) and all(map(is_id, images)):
        number = int(asked["product_id"][:4], 16)
        if number % 2:
            real = PAIRS[number // 2 % len(PAIRS)]
            case.body = {**asked, **{name: real[name] for name in asked.keys() & real.keys()}}
    return case


@schemathesis.hook
def before_call(context, case, kwargs):
    """Let Bob send the same request first, before it can change anything."""
    ids = named_ids(case)
    if ids and not ids & set(BOB["owns"]):
        request = case.as_transport_kwargs(base_url=URL)
        request["headers"] = CaseInsensitiveDict(request["headers"])
        request["headers"]["Authorization"] = f"Bearer {bobs_token()}"
        tried[case.id] = http.request(**request, timeout=60, allow_redirects=False)


@schemathesis.hook
def after_call(context, case, response):
    answered[f"{response.request.method} {case.operation.path} {response.status_code}"] += 1


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Keep a failure, unless it asks to refuse a good upload.

    Looking again at a body in which an id was replaced, schemathesis takes the bytes of a file for no string.
    """
    body = case.body if isinstance(case.body, dict) else {}
    has_its_ids = is_id(body.get("product_id")) or case.operation.path.endswith("/analyze")
    is_good_upload = has_its_ids and isinstance(body.get("file"), bytes)
    return not (isinstance(failure, AcceptedNegativeData) and is_good_upload)


@schemathesis.check
def a_stranger_gets_nothing(ctx, response, case):
    """What Alice may do with an id of hers, Bob was told does not exist; and he learnt nothing."""
    bobs = tried.pop(case.id, None)
    if bobs is None:
        return
    refused[f"{response.request.method} {case.operation.path} {bobs.status_code}"] += 1
    assert bobs.status_code >= 400, f"Bob got {bobs.status_code}: {bobs.text[:500]}"
    if response.status_code < 300:
        assert bobs.status_code == 404, (
            f"Alice got {response.status_code}, Bob {bobs.status_code}: {bobs.text}"
        )
    leaked = [word for word in {ALICE["id"], ALICE["email"], *named_ids(case)} if word in bobs.text]
    assert not leaked, f"Bob was told {leaked}: {bobs.text[:500]}"


@schemathesis.check
def nothing_of_bobs_reaches_alice(ctx, response, case):
    """His ids lead Alice to nothing, and no answer to her carries anything of his."""
    if named_ids(case) & set(BOB["owns"]):
        assert response.status_code >= 400, f"Alice got {response.status_code} for what is Bob's"
    his = (*BOB["owns"], BOB["id"], BOB["email"], BOB["mark"])
    carried = [word for word in his if word.encode() in response.content]
    assert not carried, f"Alice was told {carried}"


@atexit.register
def write_figures():
    figures = {"answered": answered, "refused": refused}
    Path(os.environ["FUZZ_FIGURES"]).write_text(json.dumps(figures))
