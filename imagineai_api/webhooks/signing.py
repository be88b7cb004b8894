"""Signatures by which a receiver knows that a call is ours, as Standard Webhooks has them."""

import base64
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """Make a secret: the prefix and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(message_id: str, at: int, body: bytes, secrets_: Iterable[str]) -> dict[str, str]:
    """Make the headers that sign a body.

    Args:
        message_id: The same at each attempt, so that a receiver knows what it has seen; holds no dot.
        at: When the attempt is made, in seconds since 1970: an old call is a repeated one.
        body: The exact bytes that are sent.
        secrets_: One, or two while one replaces the other; each gives a signature.

    Source:
        https://www.standardwebhooks.com: ``v1,`` and HMAC-SHA256 over id, time and body, joined by dots.
    """
    signed = f"{message_id}.{at}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{_sign(signed, secret)}" for secret in secrets_),
    }


def _sign(signed: bytes, secret: str) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
