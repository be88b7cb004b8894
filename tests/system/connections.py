"""Connections that behave as no client library would: half a request, no answer read, nothing said at all."""

import http.client
import json
import socket
from urllib.parse import urlsplit

BOUNDARY = "boundary"


class Connection:
    """A TCP connection to the API of which every byte is ours."""

    def __init__(self, url, receive_buffer=None):
        parts = urlsplit(url)
        self._host = parts.netloc
        self._socket = socket.socket()
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(60)
        self._socket.connect((parts.hostname, parts.port))

    def send(self, data):
        self._socket.sendall(data)

    def ask(self, path, *headers):
        """Send a whole GET."""
        self.send("\r\n".join([f"GET {path} HTTP/1.1", f"Host: {self._host}", *headers, "", ""]).encode())

    def answer(self):
        """Read one answer: its status and its JSON."""
        answer = http.client.HTTPResponse(self._socket)
        answer.begin()
        return answer.status, json.loads(answer.read())

    def is_closed(self):
        """Wait for the other side to close."""
        try:
            return self._socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self._socket.close()


class Upload(Connection):
    """A direct upload in two halves."""

    def __init__(self, user, product_id, content):
        super().__init__(user.url)
        body = b"".join(
            (
                f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="product_id"\r\n\r\n'.encode(),
                f"{product_id}\r\n--{BOUNDARY}\r\n".encode(),
                b'Content-Disposition: form-data; name="file"; filename="photo.jpg"\r\n',
                b"Content-Type: image/jpeg\r\n\r\n",
                content,
                f"\r\n--{BOUNDARY}--\r\n".encode(),
            )
        )
        head = (
            "POST /api/v1/uploads/direct HTTP/1.1",
            f"Host: {self._host}",
            f"Authorization: Bearer {user.access_token}",
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
            f"Content-Length: {len(body)}",
            "Connection: close",
        )
        half = len(body) // 2
        self.first_half = "\r\n".join([*head, "", ""]).encode() + body[:half]
        self.second_half = body[half:]
