"""The folder that holds everything one platform keeps: data, logs, secrets and the env file."""

import fcntl
import json
import os
import secrets as random_secrets
import shlex
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from imagineai_local.errors import PlatformError


@dataclass(frozen=True)
class Home:
    """One platform's folder, by default `.imagineai` where the command is given; mode 0700 throughout."""

    folder: Path

    @property
    def env_file(self) -> Path:
        """What clients, notebooks and DVC read: KEY=value lines, mode 0600."""
        return self.folder / "env"

    @property
    def state_file(self) -> Path:
        """What `status` reads: the processes of the running parts, as JSON."""
        return self.folder / "state.json"

    @property
    def logs(self) -> Path:
        """One bounded log file a part."""
        return self.folder / "logs"

    def log(self, part: str) -> Path:
        """The log file of a part."""
        return self.logs / f"{part}.log"

    def data(self, part: str) -> Path:
        """The folder of a part's data, made when it is missing."""
        folder = self.folder / part
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder


@dataclass(frozen=True)
class Secrets:
    """Generated once a home; hexadecimal, so that they fit into addresses and shells unquoted."""

    postgres: str
    imagineai_database: str
    mlflow_database: str
    prefect_database: str
    redis: str
    s3_access_key: str
    s3_secret_key: str
    s3_volume_write: str
    s3_volume_read: str
    s3_filer_write: str
    s3_filer_read: str
    mlflow_webhooks: str
    mlflow_sessions: str
    model_webhook: str
    jupyter: str
    jwt: str
    inference: str
    demo: str


class Lock:
    """Held by one launcher a home; the kernel lets go of it when the last holder is gone."""

    def __init__(self, home: Home) -> None:
        self._path = home.folder / "lock"
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock for this process and those it forks, unless somebody holds it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        self.sign(os.getpid())
        return True

    def release(self) -> None:
        """Give the lock back; the file stays."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def sign(self, pid: int) -> None:
        """Write down which process `down` has to ask."""
        assert self._descriptor is not None, "only the holder signs"  # noqa: S101
        os.pwrite(self._descriptor, f"{pid:<10}\n".encode(), 0)

    def holder(self) -> int | None:
        """The process that the present holder has written down; None where nobody holds the lock."""
        while self._path.exists():
            if self.acquire():
                self.release()
                return None
            written = self._path.read_text().strip()
            if written.isdigit():
                return int(written)
        return None


def find_home(environ: Mapping[str, str]) -> Home:
    """The home that IMAGINEAI_HOME names, whether it exists or not."""
    return Home(Path(environ.get("IMAGINEAI_HOME") or ".imagineai").expanduser().absolute())


def open_home(environ: Mapping[str, str]) -> Home:
    """Make the home's folders where they are missing, readable by their owner alone.

    Raises:
        PlatformError: The folder cannot be made or belongs to somebody else.
    """
    home = find_home(environ)
    try:
        home.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.folder.chmod(0o700)
    except OSError as error:
        raise PlatformError(f"IMAGINEAI_HOME: {home.folder} cannot be used: {error.strerror}.") from error
    return home


def load_secrets(home: Home) -> Secrets:
    """Read this home's secrets; those it lacks are generated and kept.

    Raises:
        PlatformError: The file is there and damaged: new secrets would lock the data out.
    """
    path = home.folder / "secrets.json"
    kept: dict[str, str] = {}
    if path.exists():
        try:
            kept = dict(json.loads(path.read_text()))
        except ValueError as error:
            raise PlatformError(
                f"{path} is damaged, and the data cannot be opened without it; restore it from a copy."
            ) from error
    names = [field.name for field in fields(Secrets)]
    complete = Secrets(**{name: kept.get(name) or _new_secret(name) for name in names})
    if asdict(complete) != kept:
        write_private(path, json.dumps(asdict(complete), indent=2) + "\n")
    return complete


def _new_secret(name: str) -> str:
    special: dict[str, Callable[[], str]] = {
        "mlflow_webhooks": lambda: urlsafe_b64encode(random_secrets.token_bytes(32)).decode(),
        "s3_access_key": lambda: random_secrets.token_hex(10).upper(),
        "demo": lambda: random_secrets.token_hex(8),
    }
    return special.get(name, lambda: random_secrets.token_hex(32))()


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 in one step: a reader sees the old text or the new, never half."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    temporary.replace(path)


def write_env(home: Home, variables: Mapping[str, str]) -> None:
    """Write the env file; only values with characters special to a shell are quoted."""
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in variables.items()]
    write_private(home.env_file, "".join(lines))


def read_env(path: Path) -> dict[str, str]:
    """Read an env file as a shell would; empty where there is none."""
    if not path.exists():
        return {}
    variables = {}
    for line in path.read_text().splitlines():
        name, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            variables[name.strip()] = "".join(shlex.split(value))
    return variables
