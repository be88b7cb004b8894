"""Services elsewhere, named by variables: asked once before the start, so that a wrong value stops it."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from imagineai_local.configuration import BUCKETS, Configuration
from imagineai_local.errors import PlatformError

_TIMEOUT_S = 5


def check(configuration: Configuration, parts: Collection[str]) -> None:
    """Ask every external service for a sign of life, and see to what our embedded parts need in it.

    Args:
        configuration: The platform.
        parts: The names of the embedded parts about to start.

    Raises:
        PlatformError: Names the variable that leads nowhere.
    """
    checks: dict[str, Callable[[Configuration, Collection[str]], None]] = {
        "DATABASE_URL": _check_database,
        "REDIS_URL": _check_redis,
        "S3_ENDPOINT_URL": _check_storage,
        "MLFLOW_TRACKING_URI": _check_mlflow,
        "PREFECT_API_URL": _check_prefect,
    }
    for variable in configuration.external:
        checks[variable](configuration, parts)


def _check_database(configuration: Configuration, parts: Collection[str]) -> None:
    """Log in, and create the databases that an embedded MLflow and Prefect need beside ours."""
    url = configuration.variables["DATABASE_URL"].replace("postgresql+psycopg:", "postgresql:", 1)
    if urlsplit(url).scheme != "postgresql":
        raise PlatformError(
            "DATABASE_URL has to look like postgresql+psycopg://user:password@host:port/database."
        )
    try:
        with psycopg.connect(url, connect_timeout=_TIMEOUT_S, autocommit=True) as connection:
            for part in ("mlflow", "prefect"):
                if part in parts:
                    _see_to_database(connection, f"{connection.info.dbname}_{part}", part)
    except psycopg.Error as error:
        raise PlatformError(f"DATABASE_URL: the database does not answer: {_sentence(error)}") from error


def _see_to_database(connection: psycopg.Connection, name: str, part: str) -> None:
    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
    if found.fetchone():
        return
    try:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.errors.InsufficientPrivilege as error:
        other = {"mlflow": "MLFLOW_TRACKING_URI", "prefect": "PREFECT_API_URL"}[part]
        raise PlatformError(
            f"DATABASE_URL: its role may not create the database {name}, which the embedded {part} needs; "
            f"have it created, or set {other} to a server elsewhere."
        ) from error


def _check_redis(configuration: Configuration, _: Collection[str]) -> None:
    from redis import Redis, RedisError

    url = configuration.external["REDIS_URL"]
    try:
        with Redis.from_url(url, socket_connect_timeout=_TIMEOUT_S, socket_timeout=_TIMEOUT_S) as client:
            client.ping()
    except (RedisError, ValueError) as error:
        raise PlatformError(f"REDIS_URL: Redis does not answer: {_sentence(error)}") from error


def _check_storage(configuration: Configuration, parts: Collection[str]) -> None:
    """See to the bucket for images, and to MLflow's where that is embedded."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    variables = configuration.variables
    names = {variables["S3_BUCKET"]} | ({BUCKETS["mlflow"]} if "mlflow" in parts else set())
    keys = {name.lower(): value for name, value in variables.items() if name.startswith("AWS_")}
    region = keys.pop("aws_default_region", None)
    config = Config(connect_timeout=_TIMEOUT_S, read_timeout=_TIMEOUT_S, retries={"total_max_attempts": 1})
    url = configuration.external["S3_ENDPOINT_URL"]
    try:
        client = boto3.client("s3", endpoint_url=url, region_name=region, config=config, **keys)
        have = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        for name in sorted(names - have):
            client.create_bucket(Bucket=name)
    except (BotoCoreError, ClientError, ValueError) as error:
        raise PlatformError(
            f"S3_ENDPOINT_URL: the object store does not serve us: {_sentence(error)}"
        ) from error


def _check_mlflow(configuration: Configuration, _: Collection[str]) -> None:
    url = configuration.external["MLFLOW_TRACKING_URI"]
    body = _read("MLFLOW_TRACKING_URI", url, f"{url.rstrip('/')}/health")
    if body is not None and body.strip() != b"OK":
        raise PlatformError(f"MLFLOW_TRACKING_URI: what answers at {_shown(url)} is no MLflow server.")


def _check_prefect(configuration: Configuration, _: Collection[str]) -> None:
    url = configuration.external["PREFECT_API_URL"]
    body = _read("PREFECT_API_URL", url, f"{url.rstrip('/')}/health")
    try:
        healthy = body is None or json.loads(body) is True
    except ValueError:
        healthy = False
    if not healthy:
        raise PlatformError(
            f"PREFECT_API_URL: what answers at {_shown(url)} is no Prefect API; its address ends in /api."
        )


def _read(variable: str, url: str, health: str) -> bytes | None:
    """Read a health route; None where it wants to know first who asks, which the parts will tell it."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise PlatformError(f"{variable} has to begin with http:// or https://.")
    try:
        with urllib.request.urlopen(health, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        if error.code == 401:
            return None
        raise PlatformError(f"{variable}: {_shown(url)} answers with status {error.code}.") from error
    except (OSError, ValueError) as error:
        raise PlatformError(f"{variable}: nobody answers at {_shown(url)}: {_sentence(error)}") from error


def _shown(url: str) -> str:
    """An address without the password in it."""
    address = urlsplit(url)
    return address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()


def _sentence(error: Exception) -> str:
    """The first line of somebody else's error, as the end of our sentence."""
    reason = str(getattr(error, "reason", "") or error).strip().splitlines()
    return (reason[0].rstrip(". ") if reason else type(error).__name__) + "."
