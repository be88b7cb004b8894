"""S3: where the pictures' bytes lie."""

import asyncio
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from imagineai_api.errors import ImagineAIError, ObjectChanged, StorageAway
from imagineai_api.settings import Settings

CONNECTIONS = 16
CONNECT_S, SILENCE_S, ATTEMPTS = 2, 8, 2
CALL_S = 20.0
"""How long a call may take in all; what waits longer for one of the connections is not even begun."""
DELETE_AT_ONCE = 1000
"""S3's own limit for one DeleteObjects call."""
LIST_AT_ONCE = 1000
"""And for a page of a listing."""
PIECE_BYTES = 1024 * 1024
"""What is read at once of an object that is opened as a file."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class StoredObject:
    """What S3 says of an object: its size in bytes and its ETag."""

    size_bytes: int
    etag: str


@dataclass(frozen=True)
class ListedObject:
    """An object as a listing names it, with the time of its last PUT by S3's clock."""

    key: str
    last_modified: datetime


class Storage:
    """The bucket of the pictures.

    Raises:
        StorageAway: From every method, where S3 cannot be reached or answers with a failure of its own.
    """

    def __init__(self, settings: Settings) -> None:
        self._bucket = settings.s3_bucket
        self._expires_s = settings.presigned_url_expires_s
        # Threads of its own: S3 being away takes them all, and nobody else's.
        self._threads = ThreadPoolExecutor(CONNECTIONS, "storage")
        self._client = boto3.client(
            "s3",
            endpoint_url=settings.s3_endpoint_url,
            region_name=settings.aws_default_region,
            aws_access_key_id=settings.aws_access_key_id,
            aws_secret_access_key=settings.aws_secret_access_key,
            config=Config(
                signature_version="s3v4",
                connect_timeout=CONNECT_S,
                read_timeout=SILENCE_S,
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                max_pool_connections=CONNECTIONS,
                s3={"addressing_style": "path" if settings.s3_endpoint_url else "virtual"},
            ),
        )

    async def put(self, key: str, data: bytes, content_type: str) -> StoredObject:
        """Store an object and say what was stored."""
        answer = await self._call(
            lambda: self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type)
        )
        return StoredObject(len(data), answer["ETag"])

    async def head(self, key: str) -> StoredObject | None:
        """Say what is stored under a key; None where there is nothing."""
        try:
            answer = await self._call(lambda: self._client.head_object(Bucket=self._bucket, Key=key))
        except _NoObject:
            return None
        return StoredObject(answer["ContentLength"], answer["ETag"])

    async def get(self, key: str, etag: str) -> bytes:
        """Read an object, and only the one with this ETag.

        Raises:
            ObjectChanged: It is gone, or another one lies there now.
        """
        try:
            return await self._call(
                lambda: self._client.get_object(Bucket=self._bucket, Key=key, IfMatch=etag)["Body"].read()
            )
        except _NoObject as error:
            raise ObjectChanged from error

    def opened(self, key: str, stored: StoredObject) -> io.BufferedReader:
        """Give an object as a file for a thread of one's own; it is read piece by piece, never whole.

        Its reads raise ObjectChanged where the object is gone, or another one lies there now.
        """

        def read(start: int, end: int) -> bytes:
            asked = {"IfMatch": stored.etag, "Range": f"bytes={start}-{end - 1}"}
            try:
                with _translated():
                    found = self._client.get_object(Bucket=self._bucket, Key=key, **asked)
                    piece: bytes = found["Body"].read()
                    return piece
            except _NoObject as error:
                raise ObjectChanged from error

        return io.BufferedReader(_Pieces(read, stored.size_bytes), PIECE_BYTES)

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; keys that hold nothing are passed over."""
        for start in range(0, len(keys), DELETE_AT_ONCE):
            objects = [{"Key": key} for key in keys[start : start + DELETE_AT_ONCE]]
            answer = await self._call(
                partial(
                    self._client.delete_objects,
                    Bucket=self._bucket,
                    Delete={"Objects": objects, "Quiet": True},
                )
            )
            if answer.get("Errors"):
                raise StorageAway(f"S3 did not delete {len(answer['Errors'])} objects.")

    async def list_page(self, prefix: str, after: str) -> list[ListedObject]:
        """Name up to ``LIST_AT_ONCE`` objects with a prefix, by their keys, from behind one of these on."""
        answer = await self._call(
            lambda: self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=prefix, StartAfter=after, MaxKeys=LIST_AT_ONCE
            )
        )
        return [ListedObject(found["Key"], found["LastModified"]) for found in answer.get("Contents", ())]

    def presigned_put(self, key: str, content_type: str, size_bytes: int) -> tuple[str, int]:
        """Make a URL that takes exactly this type and length; also say for how many seconds."""
        params = {
            "Bucket": self._bucket,
            "Key": key,
            "ContentType": content_type,
            "ContentLength": size_bytes,
        }
        url: str = self._client.generate_presigned_url("put_object", Params=params, ExpiresIn=self._expires_s)
        return url, self._expires_s

    async def presigned_gets(self, keys: Sequence[str]) -> tuple[list[str], int]:
        """Make a URL for each key that reads the object; also say for how many seconds they work.

        Browsers may keep what they read for that long.
        """
        kept = f"private, max-age={self._expires_s}, immutable"

        def sign(key: str) -> str:
            params = {"Bucket": self._bucket, "Key": key, "ResponseCacheControl": kept}
            url: str = self._client.generate_presigned_url(
                "get_object", Params=params, ExpiresIn=self._expires_s
            )
            return url

        def signed() -> list[str]:
            with _translated():
                return [sign(key) for key in keys]

        # Not among the calls, which may all be waiting for S3: this one does not ask it.
        return await asyncio.to_thread(signed), self._expires_s

    @cached_property
    def origin(self) -> str:
        """Scheme, host and port of the presigned URLs."""
        url, _ = self.presigned_put("any", "image/jpeg", 1)
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}"

    async def check(self) -> None:
        """Raise StorageAway unless the bucket is there."""
        try:
            await self._call(lambda: self._client.head_bucket(Bucket=self._bucket))
        except _NoObject as error:
            raise StorageAway(f"The bucket {self._bucket} does not exist.") from error

    def close(self) -> None:
        """Close the connections; what still waits for one of them is not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def _call(self, function: Callable[[], Answer]) -> Answer:
        def run() -> Answer:
            with _translated():
                return function()

        try:
            async with asyncio.timeout(CALL_S):
                return await asyncio.get_running_loop().run_in_executor(
                    self._threads, copy_context().run, run
                )
        except TimeoutError as error:
            raise StorageAway from error


class _Pieces(io.RawIOBase):
    """A file whose bytes are fetched where they are read."""

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        super().__init__()
        self._read, self._size, self._at = read, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError("before the beginning")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        piece = self._read(self._at, end)
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


class _NoObject(ImagineAIError):
    """There is no such object, or not with that ETag."""


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        answer: dict[str, Any] = error.response
        if answer.get("ResponseMetadata", {}).get("HTTPStatusCode") in {404, 412}:
            raise _NoObject from error
        raise StorageAway from error
    except BotoCoreError as error:
        raise StorageAway from error
