"""Back up a home that runs or rests; restore it into an empty one.

The objects go first, then the databases, then the objects that came meanwhile: so each picture that a row
names is there. What is deleted between the two looks may stay as an object without a row, which housekeeping
removes. Last comes the hash of all before it, which is compared before anything is restored.
"""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from imagineai_local.backup import databases
from imagineai_local.backup.objects import Objects
from imagineai_local.configuration import BUCKETS, Configuration, read_configuration
from imagineai_local.errors import PlatformError
from imagineai_local.home import Home, Lock, open_home, read_env, write_private

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

FORMAT = 2  # since when its end holds the hash of all before it
MANIFEST, SECRETS, END, UNFINISHED = "manifest.json", "secrets.json", "end", "restoring"
STORAGE = "postgres,s3"
READ_BYTES = 2**20


def back_up(home: Home, to: Path) -> str:
    """Write all that the home holds into one file, which is whole or not there.

    Services elsewhere, named by variables, are their keepers' to back up.

    Returns:
        What is in it, in words.

    Raises:
        PlatformError: There is nothing to back up, or a part of it cannot be read.
    """
    if not (home.folder / SECRETS).exists():
        raise PlatformError(f"There is no platform in {home.folder}.")
    # As it was started last: on its ports, with what lies elsewhere.
    variables = {**os.environ, **read_env(home.env_file)}
    configuration = read_configuration(variables)
    beside = to.with_name(f".{to.name}.part")
    try:
        with _storage_runs(home, variables), _Hashed(io.FileIO(beside, "w")) as file:
            told = _write(configuration, file)
        beside.replace(to)
    except OSError as error:
        raise PlatformError(f"{to} cannot be written: {error.strerror}.") from error
    finally:
        beside.unlink(missing_ok=True)
    return f"{to}: {told}, {to.stat().st_size:,} bytes. It holds the platform's secrets: keep it like them."


def restore(home: Home, backup: Path) -> str:
    """Fill an empty home from a backup.

    Returns:
        What was put back, in words.

    Raises:
        PlatformError: The home is not empty, or the file is no whole backup; nothing is left of it then.
    """
    if home.folder.exists() and any(home.folder.iterdir()):
        raise PlatformError(
            f"{home.folder} is not empty: a backup is restored into a home of its own "
            "(`make down`, then move the folder away, or name another by IMAGINEAI_HOME)."
        )
    try:
        with tarfile.open(backup, "r:") as archive:
            _require_our_format(archive)
            _require_unaltered(archive, backup)
            open_home(os.environ)
            write_private(home.folder / UNFINISHED, "A restore began here and has not ended.\n")
            return _read(home, archive)
    except (OSError, tarfile.TarError, ValueError, KeyError) as error:
        shutil.rmtree(home.folder, ignore_errors=True)
        raise PlatformError(f"{backup} is no whole backup ({error}).") from error
    except PlatformError:
        shutil.rmtree(home.folder, ignore_errors=True)
        raise


def require_finished(home: Home) -> None:
    """Refuse a home in which a restore was cut short.

    Raises:
        PlatformError: It was.
    """
    if (home.folder / UNFINISHED).exists():
        raise PlatformError(
            f"A restore into {home.folder} was cut short: remove the folder, then restore it again."
        )


class _Hashed(io.BufferedWriter):
    """A file and the hash of all that was written into it."""

    def __init__(self, raw: io.RawIOBase) -> None:
        super().__init__(raw)
        self.sha256 = hashlib.sha256()

    def write(self, content: "ReadableBuffer") -> int:
        self.sha256.update(content)
        return super().write(content)


def _write(configuration: Configuration, file: _Hashed) -> str:
    urls, objects = _databases(configuration), _objects(configuration)
    manifest = {"format": FORMAT, "made": time.time(), "databases": sorted(urls)}
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, MANIFEST, json.dumps(manifest).encode())
        _add(archive, SECRETS, json.dumps(asdict(configuration.secrets)).encode())
        seen = objects.save(archive, {}) if objects else {}
        with tempfile.TemporaryDirectory(dir=configuration.home.folder) as folder:
            for name, url in urls.items():
                dumped = Path(folder) / name
                databases.dump(url, dumped)
                archive.add(dumped, f"databases/{name}")
        seen = objects.save(archive, seen) if objects else {}
        _add(archive, END, file.sha256.hexdigest().encode())
    return f"{len(urls)} databases, {len(seen)} objects"


def _read(home: Home, archive: tarfile.TarFile) -> str:
    secrets = archive.extractfile(SECRETS)
    if secrets is None:
        raise PlatformError("The backup has no secrets.")
    write_private(home.folder / SECRETS, secrets.read().decode())
    configuration = read_configuration(os.environ)
    urls, objects = _databases(configuration), _objects(configuration)
    count = 0
    with _storage_runs(home, os.environ), tempfile.TemporaryDirectory(dir=home.folder) as folder:
        for member in archive:
            kind, _, name = member.name.partition("/")
            if kind == "databases":
                archive.extract(member, folder, filter="data")
                databases.load(Path(folder) / member.name, urls[name])
            elif kind == "objects" and objects:
                objects.load(archive, member)
                count += 1
    (home.folder / UNFINISHED).unlink()
    return f"{home.folder}: {len(urls)} databases, {count} objects. `make up` starts it."


def _require_our_format(archive: tarfile.TarFile) -> None:
    file = archive.extractfile(MANIFEST)
    manifest = {} if file is None else dict(json.load(file))
    if manifest.get("format") != FORMAT:
        raise PlatformError(
            f"The backup is of another format than {FORMAT}: restore it with its own version."
        )


def _require_unaltered(archive: tarfile.TarFile, backup: Path) -> None:
    """Refuse a file that lacks its end, or is not byte for byte what was written before it."""
    end = archive.getmembers()[-1]
    written = archive.extractfile(end)
    if end.name != END or written is None:
        raise PlatformError("The backup was cut short.")
    sha256, left = hashlib.sha256(), end.offset
    with backup.open("rb") as file:
        while piece := file.read(min(left, READ_BYTES)):
            sha256.update(piece)
            left -= len(piece)
    if sha256.hexdigest().encode() != written.read():
        raise PlatformError(f"{backup} was altered since it was made.")


def _databases(configuration: Configuration) -> dict[str, str]:
    """The addresses of our own databases."""
    if "DATABASE_URL" in configuration.external:
        return {}
    others = {name: configuration.database_url(name) for name in ("mlflow", "prefect")}
    return {"imagineai": configuration.variables["DATABASE_URL"], **others}


def _objects(configuration: Configuration) -> Objects | None:
    """Our own buckets; none where S3 is elsewhere."""
    if "S3_ENDPOINT_URL" in configuration.external:
        return None
    variables = configuration.variables
    return Objects(variables, {variables["S3_BUCKET"], BUCKETS["mlflow"], BUCKETS["dvc"]})


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(content), 0o600, round(time.time())
    archive.addfile(member, io.BytesIO(content))


@contextmanager
def _storage_runs(home: Home, variables: Mapping[str, str]) -> Iterator[None]:
    """Have the databases and objects served, and leave the platform as it was."""
    if Lock(home).holder() is not None:
        yield
        return
    _launch(variables, "up", "--only", STORAGE, "--detach", "--no-demo")
    try:
        yield
    finally:
        _launch(variables, "down")


def _launch(variables: Mapping[str, str], *words: str) -> None:
    command = [sys.executable, "-m", "imagineai_local", *words]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise PlatformError(done.stderr.strip() or done.stdout.strip())
