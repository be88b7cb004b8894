"""Objects of S3 into an archive and back, with what they say of themselves."""

import json
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from imagineai_local.errors import PlatformError

HEADERS = "IMAGINEAI.headers"
KEPT = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentType", "Metadata")
IN_MEMORY_BYTES = 64 * 2**20
Seen = dict[tuple[str, str], str]
"""The ETag of each object, by bucket and key."""


class Objects:
    """The objects of some buckets.

    Args:
        variables: The env file's: where S3 is and with which keys.
        buckets: Their names.
    """

    def __init__(self, variables: Mapping[str, str], buckets: Iterable[str]) -> None:
        self._s3 = boto3.client(
            "s3",
            endpoint_url=variables["S3_ENDPOINT_URL"],
            region_name=variables["AWS_DEFAULT_REGION"],
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        )
        self._buckets = sorted(buckets)

    def save(self, archive: tarfile.TarFile, seen: Seen) -> Seen:
        """Add the objects that were not seen yet, or have changed since; return all there are.

        An object that is deleted meanwhile is left out.

        Raises:
            PlatformError: S3 does not give them.
        """
        try:
            there = dict(self._all())
            for (bucket, key), etag in there.items():
                if seen.get((bucket, key)) != etag:
                    self._save(archive, bucket, key)
        except (BotoCoreError, ClientError) as error:
            raise PlatformError(f"S3 does not give its objects: {error}") from error
        return there

    def load(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Put one object back.

        Raises:
            PlatformError: S3 does not take it.
        """
        _, bucket, key = member.name.split("/", 2)
        content = archive.extractfile(member)
        if content is None:
            raise PlatformError(f"{member.name} is no file in this backup.")
        try:
            headers = json.loads(member.pax_headers[HEADERS])
            self._s3.put_object(Bucket=bucket, Key=key, Body=content.read(), **headers)
        except (BotoCoreError, ClientError, ValueError, KeyError) as error:
            raise PlatformError(f"{member.name} cannot be put back: {error}") from error

    def _all(self) -> Iterator[tuple[tuple[str, str], str]]:
        for bucket in self._buckets:
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                for found in page.get("Contents", []):
                    yield (bucket, found["Key"]), found["ETag"]

    def _save(self, archive: tarfile.TarFile, bucket: str, key: str) -> None:
        try:
            found = self._s3.get_object(Bucket=bucket, Key=key)
        except self._s3.exceptions.NoSuchKey:
            return
        member = tarfile.TarInfo(f"objects/{bucket}/{key}")
        member.pax_headers = {HEADERS: json.dumps(_headers(found))}
        member.mtime = round(time.time())
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as content:
            for piece in found["Body"].iter_chunks(2**20):
                content.write(piece)
            member.size = content.tell()
            content.seek(0)
            archive.addfile(member, content)


def _headers(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in KEPT if found.get(name)}
