"""A second instance of the service, with settings of its own, whose ways to the other parts can be cut."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit, urlunsplit

import httpx

from tests import platforms

PARTS = {
    "database": "DATABASE_URL",
    "redis": "REDIS_URL",
    "storage": "S3_ENDPOINT_URL",
    "models": "MLFLOW_TRACKING_URI",
    "prefect": "PREFECT_API_URL",
}
START_S = 90


class Line:
    """A TCP line to ``host:port`` through a port of its own, that can be cut and mended."""

    def __init__(self, host, port):
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._pairs = []
        self._is_cut = self._is_closed = False
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @contextlib.contextmanager
    def cut(self):
        """Refuse new connections and end those there are, until the block is left."""
        self._is_cut = True
        self._end_all()
        try:
            yield
        finally:
            self._is_cut = False

    def close(self):
        self._is_closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._end_all()
        self._accepting.join()

    def _accept(self):
        while not self._is_closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut or self._is_closed:
                near.close()
                continue
            try:
                far = socket.create_connection(self._target)
            except OSError:
                near.close()
                continue
            self._pairs.append((near, far))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_carry, args=(source, sink), daemon=True).start()

    def _end_all(self):
        pairs, self._pairs = self._pairs, []
        for end in (end for pair in pairs for end in pair):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def _carry(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


class SecondService:
    """Another API process on the same database, Redis and S3, reached over one ``Line`` each."""

    def __init__(self, env, log, **overrides):
        self.lines, self.log, self._log = {}, log, log.open("w")
        self.env = {**os.environ, **platforms.CALLS_BACK, **env}
        for part, variable in PARTS.items():
            self.lines[part], self.env[variable] = _through_a_line(env[variable])
        port, inference_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.env |= {"API_PORT": str(port), "INFERENCE_PORT": str(inference_port)}
        self.env |= {"INFERENCE_URL": f"http://127.0.0.1:{inference_port}", **overrides}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "imagineai_api"], env=self.env, stdout=self._log, stderr=subprocess.STDOUT
        )
        self._await_ready()

    def ready(self):
        return httpx.get(f"{self.url}/ready", timeout=30)

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(40)
        for line in self.lines.values():
            line.close()
        self._log.close()

    def _await_ready(self):
        deadline = time.monotonic() + START_S
        while True:
            with contextlib.suppress(httpx.TransportError):
                if self.ready().status_code == 200:
                    return
            assert self._process.poll() is None, f"the second service ended: {self._said()}"
            assert time.monotonic() < deadline, f"the second service is not ready: {self._said()}"
            time.sleep(0.1)

    def _said(self):
        return self.log.read_text()[-2000:]


def _through_a_line(url):
    parts = urlsplit(url)
    line = Line(parts.hostname, parts.port)
    credentials, at, _ = parts.netloc.rpartition("@")
    return line, urlunsplit(parts._replace(netloc=f"{credentials}{at}127.0.0.1:{line.port}"))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
