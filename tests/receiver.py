"""Somebody who is called: a real HTTP server that notes each call and answers as it is told."""

import json
import threading
from collections import defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HELD_S = 60


@dataclass(frozen=True)
class Call:
    """One call as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self):
        return json.loads(self.body)


class Receiver:
    """Answers each path by its list of statuses, the last of which repeats; 204 where nothing is said."""

    def __init__(self):
        self.calls = []
        self._answers = {}
        self._gates = defaultdict(threading.Event)
        self._held = set()
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, more = receiver.note(Call(self.path, headers, body))
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST  # noqa: N815 - its name is http.server's

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # who called has gone

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def answer(self, path, *statuses, **headers):
        """Answer a path by these statuses in turn."""
        self._answers[path] = (list(statuses), {name.replace("_", "-"): one for name, one in headers.items()})

    def hold(self, path):
        """Leave the calls of a path without an answer until they are let go."""
        self._held.add(path)

    def let_go(self, path):
        self._gates[path].set()

    def at(self, path):
        """The calls of a path so far."""
        return [call for call in self.calls if call.path == path]

    def note(self, call):
        with self._lock:
            self.calls.append(call)
            statuses, headers = self._answers.get(call.path, ([204], {}))
            status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        if call.path in self._held:
            self._gates[call.path].wait(HELD_S)
        return status, headers

    def close(self):
        for path in self._held:
            self.let_go(path)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
