"""Passwords: argon2id, off the event loop, a bounded number at a time."""

import anyio
from anyio import CapacityLimiter
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

AT_ONCE = 2
"""A check takes 64 MiB and some 0.2 s: more at once would let logins starve the service."""


class Passwords:
    """Hashes and checks passwords; an unknown account takes as long as a wrong password."""

    def __init__(self) -> None:
        self._hasher = PasswordHash((Argon2Hasher(),))
        self._limiter = CapacityLimiter(AT_ONCE)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Hash a password with a salt of its own."""
        return await anyio.to_thread.run_sync(self._hasher.hash, password, limiter=self._limiter)

    async def matches(self, password: str, hashed: str | None) -> bool:
        """Check a password; None stands for an account that does not exist."""
        if self._nobody is None:
            self._nobody = await self.hash("nobody's password")
        right = await anyio.to_thread.run_sync(
            self._verify, password, hashed or self._nobody, limiter=self._limiter
        )
        return right and hashed is not None

    def _verify(self, password: str, hashed: str) -> bool:
        try:
            return self._hasher.verify(password, hashed)
        except (UnknownHashError, UnicodeEncodeError):
            return False
