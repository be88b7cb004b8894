"""An independent client: knows the two pages, httpx and websockets, and nothing of the service's code.

Every answer to a call of a user is checked for the forms that hold everywhere (``keeps_the_forms``).
"""

import contextlib
import io
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
from PIL import Image, ImageDraw
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

PASSWORD = "a long enough password"
PATIENCE_S = 90
ENDED = {"completed", "failed", "cancelled"}
CATEGORIES = [
    "electronics",
    "clothing",
    "footwear",
    "furniture",
    "jewelry",
    "toys",
    "sports",
    "home_garden",
    "automotive",
    "books",
    "other",
]


def keeps_the_forms(response):
    """What every answer must be: one sentence as JSON where it is an error, and times in UTC with Z."""
    assert response.status_code != 500, f"500 on {response.request.method} {response.request.url}"
    response.read()
    assert response.headers.get("X-Request-ID"), f"no X-Request-ID on {response.request.url}"
    if response.status_code >= 400:
        assert response.headers["Content-Type"] == "application/json", response.headers["Content-Type"]
        body = response.json()
        assert list(body) == ["detail"], body
        assert isinstance(body["detail"], str), body
        assert body["detail"].strip(), "an empty detail"
        assert "\n" not in body["detail"], body
        assert len(body["detail"]) < 500, "an error that is more than a sentence"
    elif response.content and response.headers["Content-Type"] == "application/json":
        for name, moment in _times(response.json()):
            assert moment.endswith("Z"), f"{name} is {moment}"


def _times(value):
    if isinstance(value, list):
        for item in value:
            yield from _times(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if (name.endswith("_at") or name == "timestamp") and isinstance(item, str):
                yield name, item
            else:
                yield from _times(item)


def new_client(url, local_address="127.0.0.1", headers=None):
    """A client of the service at ``url``, calling from an address of this machine."""
    return httpx.Client(
        base_url=f"{url}/api/v1",
        timeout=60,
        event_hooks={"response": [keeps_the_forms]},
        transport=httpx.HTTPTransport(local_address=local_address),
        headers=headers,
    )


@contextlib.contextmanager
def a_user(url, **settings):
    """A new user, whose connections are closed in the end."""
    user = User(url, **settings)
    try:
        yield user
    finally:
        user.close()


class User:
    """One registered user of the service at ``url``, and the calls that tests need most."""

    def __init__(self, url, **settings):
        self.url = url
        self.http = new_client(url, **settings)
        self.email, self.password = f"{uuid.uuid4().hex}@example.com", PASSWORD
        body = {"email": self.email, "password": self.password, "full_name": "Jane Doe"}
        registered = self.http.post("/auth/register", json=body)
        assert registered.status_code == 201, registered.text
        self.id = registered.json()["id"]
        self.tokens = self.login()
        self.http.headers["Authorization"] = f"Bearer {self.access_token}"

    @property
    def access_token(self):
        return self.tokens["access_token"]

    def login(self):
        answer = self.http.post("/auth/login", json={"email": self.email, "password": self.password})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def product(self, **fields):
        answer = self.http.post("/products", json={"title": "A thing", **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def send(self, product_id, content, name="photo.jpg", kind="image/jpeg"):
        """Upload directly and give the answer as it is."""
        return self.http.post(
            "/uploads/direct", data={"product_id": product_id}, files={"file": (name, content, kind)}
        )

    def upload(self, product_id, content=None):
        answer = self.send(product_id, small_photo() if content is None else content)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def presign(self, product_id, content, name="photo.jpg", kind="image/jpeg"):
        body = {
            "product_id": product_id,
            "filename": name,
            "content_type": kind,
            "file_size_bytes": len(content),
        }
        answer = self.http.post("/uploads/presigned-url", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def analysed(self, product_id, content=None):
        """Upload, wait for the job, and give the upload's answer."""
        uploaded = self.upload(product_id, content)
        job = self.finished(uploaded["job_id"])
        assert job["status"] == "completed", job
        return uploaded

    def replaced(self, product_id):
        """An image that was analysed and whose object was then changed by the URL that is still valid."""
        content = small_photo(of_size=5000)
        presigned = self.presign(product_id, content)
        put(presigned["upload_url"], content)
        confirmed = self.http.post("/uploads/confirm", json={"image_id": presigned["image_id"]})
        assert confirmed.status_code == 200, confirmed.text
        assert self.finished(confirmed.json()["job_id"])["status"] == "completed"
        put(presigned["upload_url"], small_photo(of_size=5000))
        return presigned["image_id"]

    def job(self, job_id):
        answer = self.http.get(f"/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def finished(self, job_id):
        """The job once it has ended."""
        return eventually(lambda: self.job(job_id), lambda job: job["status"] in ENDED)

    def analysis(self, image_id):
        answer = self.http.get(f"/analysis/{image_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def socket(self, job_id, token=None, **query):
        address = self.url.replace("http", "ws", 1) + f"/ws/processing/{job_id}"
        query = {"token": self.access_token if token is None else token, **query}
        return connect(f"{address}?{httpx.QueryParams(query)}", open_timeout=30)

    def events(self, job_id, **query):
        """All messages of a job up to the close, and the close code."""
        with self.socket(job_id, **query) as stream:
            return until_closed(stream)

    def close(self):
        self.http.close()


def until_closed(stream):
    """Read a WebSocket to its end: the messages and the close code."""
    events = []
    try:
        while True:
            events.append(json.loads(stream.recv(timeout=PATIENCE_S)))
    except ConnectionClosed as closed:
        return events, closed.rcvd.code if closed.rcvd else None


def eventually(look, is_right, patience_s=PATIENCE_S):
    """Look until it is right; fails after the deadline with what was seen last."""
    deadline = time.monotonic() + patience_s
    while True:
        seen = look()
        if is_right(seen):
            return seen
        assert time.monotonic() < deadline, f"still {seen} after {patience_s} s"
        time.sleep(0.05)


def at_once(call, times):
    """Call ``call(i)`` for i in 0..times-1, all at the same moment, and give the answers in that order."""
    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(call, range(times)))


def put(url, content, kind="image/jpeg"):
    """PUT to a presigned URL as a browser would."""
    answer = httpx.put(url, content=content, headers={"Content-Type": kind}, timeout=30)
    assert answer.status_code == 200, answer.text


def small_photo(width=160, height=120, of_size=None):
    """A JPEG like no other; ``of_size`` pads it to so many bytes."""
    one, two = uuid.uuid4().bytes[:3], uuid.uuid4().bytes[:3]
    image = Image.new("RGB", (width, height), tuple(one))
    ImageDraw.Draw(image).ellipse((width / 4, height / 4, width * 3 / 4, height * 3 / 4), fill=tuple(two))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=60)
    content = out.getvalue()
    if of_size is None:
        return content
    comment = b" " * (of_size - len(content) - 4)
    return content[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + content[2:]
