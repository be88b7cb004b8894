"""Clients that do a bit of everything, drawn from a seed, and write down what they were promised."""

import contextlib
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.contract.wire import User, small_photo
from tests.system.callers import AWAY, Watcher

PAUSE_S = (0.05, 0.4)
BATCH = 8
WATCHED = 0.3
LATE = {404, 409}
"""What is asked for has ended or gone meanwhile."""
ACTIONS = {"upload": 12, "batch": 1, "cancel": 2, "retry": 2, "retry_job": 2, "delete": 1}


@contextlib.contextmanager
def at_work(clients):
    """Let clients call for as long as the block lasts; an answer that should not be comes out at its end."""
    done = threading.Event()
    with ThreadPoolExecutor(len(clients)) as pool:
        going_on = [pool.submit(client.go_on, done) for client in clients]
        try:
            yield
        finally:
            done.set()
    for client in going_on:
        client.result()


class Client:
    """One user, who draws what to do from a seed; a call without an answer is no promise."""

    def __init__(self, url, seed):
        self._draw = random.Random(seed)
        self._user = User(url)
        self._images = {}
        self.jobs, self.watchers, self.answers = [], [], Counter()
        self._add_product()

    def go_on(self, done):
        """Do one thing after another until the end."""
        while not done.wait(self._draw.uniform(*PAUSE_S)):
            (action,) = self._draw.choices(list(ACTIONS), list(ACTIONS.values()))
            getattr(self, f"_{action}")()

    def close(self):
        self._user.close()

    def _upload(self):
        product = self._draw.choice(list(self._images))
        answer = self._ask(
            "POST",
            "/uploads/direct",
            data={"product_id": product},
            files={"file": ("photo.jpg", small_photo(), "image/jpeg")},
        )
        if answer:
            self._images[product].append(answer["image_id"])
            self._promised(answer["job_id"])

    def _batch(self):
        product, images = max(self._images.items(), key=lambda item: len(item[1]))
        if images:
            chosen = self._draw.sample(images, min(BATCH, len(images)))
            answer = self._ask("POST", "/batch", json={"product_id": product, "image_ids": chosen})
            if answer:
                self._promised(answer["id"])

    def _cancel(self):
        if self.jobs:
            self._ask("DELETE", f"/batch/{self._draw.choice(self.jobs[-5:])}")

    def _retry(self):
        images = [image for images in self._images.values() for image in images]
        if images:
            answer = self._ask("POST", f"/analysis/{self._draw.choice(images[-20:])}/retry")
            if answer:
                self._promised(answer["job_id"])

    def _retry_job(self):
        if self.jobs:
            answer = self._ask("POST", f"/jobs/{self._draw.choice(self.jobs[-20:])}/retry")
            if answer:
                self._promised(answer["id"])

    def _delete(self):
        """Delete a product at work, and begin another."""
        product = self._draw.choice(list(self._images))
        if len(self._images) > 1:
            self._ask("DELETE", f"/products/{product}")
            del self._images[product]
        self._add_product()

    def _add_product(self):
        answer = self._ask("POST", "/products", json={"title": "A thing"})
        if answer:
            self._images[answer["id"]] = []

    def _promised(self, job_id):
        self.jobs.append(job_id)
        if self._draw.random() < WATCHED:
            self.watchers.append(Watcher(self._user, job_id))

    def _ask(self, method, path, **arguments):
        """Give the body of a success; None where there was no answer, or one that says to come again."""
        with contextlib.suppress(httpx.TransportError):
            answer = self._user.http.request(method, path, **arguments)
            self.answers[answer.status_code] += 1
            assert answer.is_success or answer.status_code in AWAY | LATE, answer.text
            return answer.json() if answer.is_success and answer.content else None
        self.answers["none"] += 1
        return None
