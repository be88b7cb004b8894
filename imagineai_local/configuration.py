"""What one platform consists of: its home, ports, secrets and the variables that lead to its parts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imagineai_local.home import Home, Secrets, load_secrets, open_home, read_env
from imagineai_local.ports import LOOPBACK, Ports, read_ports

EXTERNAL_VARIABLES = (
    "DATABASE_URL",
    "REDIS_URL",
    "S3_ENDPOINT_URL",
    "MLFLOW_TRACKING_URI",
    "PREFECT_API_URL",
)
PART_MARK = "IMAGINEAI_PART"
BUCKETS = {"images": "imagineai-images", "mlflow": "imagineai-mlflow", "dvc": "imagineai-dvc"}
_QUIET = {
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "ORT_DISABLE_TELEMETRY": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
# Left over from an environment that is meant for other services: they would change what ours means.
_MISLEADING = ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")


@dataclass(frozen=True)
class Configuration:
    """One platform, read once at its start and handed to every part."""

    home: Home
    ports: Ports
    secrets: Secrets
    repository: Path
    external: Mapping[str, str]
    variables: Mapping[str, str]
    inherited: Mapping[str, str]

    def environment(self, part: str, **more: str) -> dict[str, str]:
        """All variables of a part's process: the launcher's, the env file's, its own, and its mark."""
        mark = {PART_MARK: f"{self.home.folder}:{part}"}
        return {**self.inherited, **self.variables, "PYTHONUNBUFFERED": "1", **more, **mark}

    def prefect_environment(self, part: str, **more: str) -> dict[str, str]:
        """All variables of a process that imports Prefect, which does so faster without what is left out."""
        paths = (str(Path(__file__).parent / "left_out"), self.inherited.get("PYTHONPATH", ""))
        return self.environment(part, PYTHONPATH=os.pathsep.join(filter(None, paths)), **more)

    def database_url(self, name: str) -> str:
        """Where MLflow and Prefect keep their rows: a database of their own beside the application's."""
        ours = self.variables["DATABASE_URL"]
        if "DATABASE_URL" in self.external:
            address, _, query = ours.partition("?")
            return f"{address}_{name}" + (f"?{query}" if query else "")
        secret = {"mlflow": self.secrets.mlflow_database, "prefect": self.secrets.prefect_database}[name]
        return f"postgresql+psycopg://{name}:{secret}@{LOOPBACK}:{self.ports.postgres}/{name}"


def read_configuration(environ: Mapping[str, str]) -> Configuration:
    """Decide what is embedded and what is external, and work out every variable.

    Raises:
        PlatformError: A setting is wrong; the message names it.
    """
    home, ports = open_home(environ), read_ports(environ)
    secrets = load_secrets(home)
    external = _external(environ, home, secrets, ports)
    return Configuration(
        home=home,
        ports=ports,
        secrets=secrets,
        repository=Path(__file__).absolute().parent.parent,
        external=external,
        variables=_variables(environ, home, secrets, ports, external),
        inherited=_inherited(environ, external),
    )


def _external(environ: Mapping[str, str], home: Home, secrets: Secrets, ports: Ports) -> dict[str, str]:
    """Find the addresses that lead elsewhere.

    Those of this home's own parts count as unset, at the present ports and at those of the last start:
    a shell that has sourced the env file does not turn the embedded parts into external ones.
    """
    last = read_ports({"IMAGINEAI_PORT_BASE": read_env(home.env_file).get("IMAGINEAI_PORT_BASE", "")})
    own = (_own_addresses(secrets, ports), _own_addresses(secrets, last))
    return {
        name: environ[name]
        for name in EXTERNAL_VARIABLES
        if environ.get(name) and environ[name] not in {addresses[name] for addresses in own}
    }


def _own_addresses(secrets: Secrets, ports: Ports) -> dict[str, str]:
    login = f"imagineai:{secrets.imagineai_database}"
    return {
        "DATABASE_URL": f"postgresql+psycopg://{login}@{LOOPBACK}:{ports.postgres}/imagineai",
        "REDIS_URL": f"redis://:{secrets.redis}@{LOOPBACK}:{ports.redis}/0",
        "S3_ENDPOINT_URL": f"http://{LOOPBACK}:{ports.s3}",
        "MLFLOW_TRACKING_URI": f"http://{LOOPBACK}:{ports.mlflow}",
        "PREFECT_API_URL": f"http://{LOOPBACK}:{ports.prefect}/api",
    }


def _variables(
    environ: Mapping[str, str], home: Home, secrets: Secrets, ports: Ports, external: Mapping[str, str]
) -> dict[str, str]:
    storage = _own_storage_keys(secrets)
    if "S3_ENDPOINT_URL" in external:
        storage = {name: environ[name] for name in storage if environ.get(name)}
        storage |= {name: environ[name] for name in ("AWS_SESSION_TOKEN",) if environ.get(name)}
    pages = {"PREFECT_UI_URL": f"http://{LOOPBACK}:{ports.prefect}/prefect"}
    return {
        "IMAGINEAI_HOME": str(home.folder),
        "IMAGINEAI_PORT_BASE": str(ports.api),
        "IMAGINEAI_URL": f"http://{LOOPBACK}:{ports.api}",
        "IMAGINEAI_DEMO_PASSWORD": secrets.demo,
        "ENVIRONMENT": environ.get("ENVIRONMENT") or "development",
        **_own_addresses(secrets, ports),
        **{name: _for_sqlalchemy(value) for name, value in external.items()},
        **({} if "PREFECT_API_URL" in external else pages),
        "S3_BUCKET": environ.get("S3_BUCKET") or BUCKETS["images"],
        **storage,
        "JUPYTER_URL": f"http://{LOOPBACK}:{ports.jupyter}/jupyter",
        "JUPYTER_TOKEN": secrets.jupyter,
        "OPERATORS_URL": _operators_url(environ, ports),
        "OPERATORS_PORT": str(ports.operators),
        "JWT_SECRET_KEY": secrets.jwt,
        "API_HOST": LOOPBACK,
        "API_PORT": str(ports.api),
        "INFERENCE_PORT": str(ports.inference),
        "INFERENCE_URL": f"http://{LOOPBACK}:{ports.inference}",
        "INFERENCE_SECRET": secrets.inference,
        "MODEL_NAME": environ.get("MODEL_NAME") or "imagineai",
        "MODEL_CACHE": str(home.folder / "model-cache"),
        "MODEL_WEBHOOK_SECRET": secrets.model_webhook,
        "PREFECT_HOME": str(home.folder / "prefect"),
        **_QUIET,
    }


def _operators_url(environ: Mapping[str, str], ports: Ports) -> str:
    """Where browsers reach the operators' page: here, unless a proxy before it is named."""
    own, given = f"http://{LOOPBACK}:", environ.get("OPERATORS_URL") or ""
    return f"{own}{ports.operators}" if given.startswith(own) or not given else given


def _for_sqlalchemy(address: str) -> str:
    """Name the driver in a PostgreSQL address that names none; leave every other address alone."""
    scheme, separator, rest = address.partition("://")
    return f"postgresql+psycopg://{rest}" if separator and scheme in ("postgres", "postgresql") else address


def _own_storage_keys(secrets: Secrets) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": secrets.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": secrets.s3_secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def _inherited(environ: Mapping[str, str], external: Mapping[str, str]) -> dict[str, str]:
    dropped = {PART_MARK}
    if "S3_ENDPOINT_URL" not in external:
        dropped |= set(_MISLEADING)
    if "PREFECT_API_URL" not in external:
        dropped |= {"PREFECT_API_KEY", "PREFECT_PROFILE"}
    return {name: value for name, value in environ.items() if name not in dropped}
