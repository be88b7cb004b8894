"""Clients that go on calling while something happens to the platform, and what they were promised."""

import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.contract.wire import PASSWORD, User, eventually, small_photo

ANSWERED_WITHIN_S = 30
AWAY = {429, 502, 503}
PAUSE_S = 0.5
COME_AGAIN = {1012, 1013, None}
"""The service restarts, a part of it is away, or its process has died without a word."""
STEPS = ["preprocess", "classify", "extract_attributes", "detect_defects", "generate_description"]


class Callers:
    """A user whose clients read, upload and confirm at the same time.

    Every answer must come in time, in the form of the contract, as a success or as one of ``AWAY``.
    """

    def __init__(self, url):
        self.user = User(url)
        self.user.http.timeout = ANSWERED_WITHIN_S
        self.product = self.user.product()["id"]
        self.accepted = []
        self.refusals = set()
        self._done = threading.Event()

    @contextlib.contextmanager
    def calling(self):
        """Call for as long as the block lasts."""
        self._done.clear()
        calls = (self._read, self._upload, self._confirm, self._log_in)
        with ThreadPoolExecutor(len(calls)) as pool:
            going_on = [pool.submit(self._repeat, call) for call in calls]
            try:
                yield
            finally:
                self._done.set()
        for call in going_on:
            call.result()

    def accept(self):
        """Upload, and insist that it is taken."""
        uploaded = self.user.upload(self.product)
        self.accepted.append(uploaded)
        return uploaded

    def start_batch(self, image_ids):
        """Start a batch, and insist that it is taken."""
        answer = self.user.http.post("/batch", json={"product_id": self.product, "image_ids": image_ids})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def batch_at_work(self, image_ids):
        """A batch of which a first image is done."""
        job_id = self.start_batch(image_ids)
        eventually(lambda: self.user.job(job_id)["processed_images"], bool)
        return job_id

    def expect_batch_completed(self, job_id, images):
        """It ended with every image processed once, five steps each."""
        job = self.user.finished(job_id)
        assert (job["status"], job["processed_images"], job["failed_images"]) == ("completed", images, 0), job
        assert [step["status"] for step in job["steps"]] == ["completed"] * 5 * images

    def expect_every_promise_kept(self):
        """Every accepted upload ended as completed, once, with five steps and one analysis."""
        for uploaded in self.accepted:
            job = self.user.finished(uploaded["job_id"])
            assert (job["status"], job["processed_images"], job["failed_images"]) == ("completed", 1, 0), job
            steps = [(step["step_name"], step["status"]) for step in job["steps"]]
            assert steps == [(name, "completed") for name in STEPS]
            analysis = self.user.analysis(uploaded["image_id"])
            assert analysis["status"] == "completed"
            found = [
                (attribute["attribute_name"], attribute["attribute_value"])
                for attribute in analysis["extracted_attributes"]
            ]
            assert len(found) == len(set(found))

    def close(self):
        self.user.close()

    def _repeat(self, call):
        while not self._done.wait(PAUSE_S):
            call()

    def _read(self):
        for path in ("/products", f"/products/{self.product}", "/jobs", "/dashboard/stats", "/auth/me"):
            self._ask("GET", path)

    def _upload(self):
        answer = self._ask(
            "POST",
            "/uploads/direct",
            data={"product_id": self.product},
            files={"file": ("photo.jpg", small_photo(), "image/jpeg")},
        )
        if answer.status_code == 200:
            self.accepted.append(answer.json())

    def _confirm(self):
        content = small_photo()
        body = {
            "product_id": self.product,
            "filename": "photo.jpg",
            "content_type": "image/jpeg",
            "file_size_bytes": len(content),
        }
        presigned = self._ask("POST", "/uploads/presigned-url", json=body)
        if presigned.status_code != 200:
            return
        with contextlib.suppress(httpx.TransportError):  # S3 is away: no answer of ours
            httpx.put(
                presigned.json()["upload_url"],
                content=content,
                headers={"Content-Type": "image/jpeg"},
                timeout=2,
            )
        answer = self._ask("POST", "/uploads/confirm", json={"image_id": presigned.json()["image_id"]})
        if answer.status_code == 200:
            self.accepted.append(answer.json())

    def _log_in(self):
        self._ask("POST", "/auth/login", json={"email": self.user.email, "password": PASSWORD})

    def _ask(self, method, path, **arguments):
        answer = self.user.http.request(method, path, **arguments)
        nothing_there = path == "/uploads/confirm" and answer.status_code == 409
        assert answer.is_success or answer.status_code in AWAY or nothing_there, answer.text
        if answer.status_code in AWAY:
            self.refusals.add(answer.status_code)
        return answer


class Watcher:
    """A socket on one job, read in a thread of its own to its end; comes again wherever it was left."""

    def __init__(self, user, job_id):
        self._user, self._job_id = user, job_id
        self.events, self.code = [], None
        self._stream = self._come_again()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def expect_one_end(self, *kinds):
        """Exactly one last event was seen, as the last message; numbers grew, and progress never fell.

        Args:
            kinds: What the last event may be; without any, only the end of a job that was completed.
        """
        self._thread.join(120)
        assert not self._thread.is_alive(), self.events
        told = [event["type"] for event in self.events]
        assert set(told[-1:]) & set(kinds or ["job_complete"]), (told, self.code)
        assert told.count("step_update") == len(told) - 1
        assert self.code == 1000
        numbers = [event["seq"] for event in self.events]
        assert numbers == sorted(set(numbers))
        progress = [event["progress"]["completed"] for event in self.events]
        assert progress == sorted(progress), self.events

    def _watch(self):
        while True:
            if self._stream is not None:
                with self._stream as stream:
                    self.code = self._read(stream)
                if self.code not in COME_AGAIN:
                    return
            threading.Event().wait(PAUSE_S)
            self._stream = self._come_again()

    def _read(self, stream):
        try:
            while True:
                self.events.append(json.loads(stream.recv()))
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None

    def _come_again(self):
        after = self.events[-1]["seq"] if self.events else 0
        try:
            return self._user.socket(self._job_id, after=after)
        except (OSError, InvalidHandshake):  # the service is away
            return None


def ready(url):
    """What /ready answers."""
    return httpx.get(f"{url}/ready", timeout=ANSWERED_WITHIN_S)


def whole(url):
    """Wait until every check is ok."""
    eventually(lambda: ready(url).json()["checks"], lambda checks: set(checks.values()) == {"ok"})
