"""Services that a variable names are used in place of the embedded part; a wrong value stops the start."""

import json

import psycopg
import pytest

from tests import platforms
from tests.system import contents


def elsewhere(stores, *names):
    """Variables that lead to another platform's stores."""
    if "S3_ENDPOINT_URL" in names:
        names = (*names, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    return {name: stores.env[name] for name in names}


def test_named_stores_are_used_and_not_started(stores, home):
    given = elsewhere(stores, "DATABASE_URL", "REDIS_URL", "S3_ENDPOINT_URL")

    running = platforms.up(home, "--only", "postgres,redis,s3", S3_BUCKET="other-images", **given)

    assert platforms.parts(home) == {}
    assert {name: running.env[name] for name in given} == given
    buckets = contents.storage(stores.env).list_buckets()["Buckets"]
    assert "other-images" in {bucket["Name"] for bucket in buckets}


def test_one_named_store_leaves_the_others_embedded(stores, home):
    running = platforms.up(home, "--only", "postgres,redis", **elsewhere(stores, "DATABASE_URL"))

    assert set(platforms.parts(home)) == {"redis"}
    assert running.env["REDIS_URL"] != stores.env["REDIS_URL"]
    assert contents.redis(running.env).ping()


def test_an_embedded_mlflow_gets_a_database_of_its_own_elsewhere(stores, home):
    given = elsewhere(stores, "DATABASE_URL", "S3_ENDPOINT_URL")
    refused = platforms.command(home, "up", "--detach", "--no-demo", "--only", "mlflow", **given)
    assert refused.returncode == 1
    assert refused.stderr.startswith("DATABASE_URL: its role may not create the database imagineai_mlflow")

    _as_superuser(stores, "ALTER ROLE imagineai CREATEDB")
    platforms.up(home, "--only", "mlflow", **given)

    assert set(platforms.parts(home)) == {"mlflow"}
    url = stores.env["DATABASE_URL"].replace("+psycopg", "") + "_mlflow"
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM registered_models").fetchone() == (0,)


def test_the_homes_own_env_file_counts_as_unset(home):
    first = platforms.up(home, "--only", "postgres,redis")
    platforms.down(home)

    sourced = {**first.env, "IMAGINEAI_PORT_BASE": str(platforms.free_base())}
    del sourced["IMAGINEAI_HOME"]
    again = platforms.up(home, "--only", "postgres,redis", **sourced)

    assert set(platforms.parts(home)) == {"postgres", "redis"}
    assert again.env["REDIS_URL"] != first.env["REDIS_URL"]


WRONG = {
    "nobody listens there": {
        "DATABASE_URL": "postgresql+psycopg://user:geheim@127.0.0.1:9/database",
        "REDIS_URL": "redis://:geheim@127.0.0.1:9/0",
        "S3_ENDPOINT_URL": "http://127.0.0.1:9",
        "MLFLOW_TRACKING_URI": "http://user:geheim@127.0.0.1:9",
        "PREFECT_API_URL": "http://user:geheim@127.0.0.1:9/api",
    },
    "no such address": {
        "DATABASE_URL": "mysql://user:geheim@127.0.0.1/database",
        "REDIS_URL": "127.0.0.1:geheim",
        "S3_ENDPOINT_URL": "somewhere",
        "MLFLOW_TRACKING_URI": "sqlite:///geheim.db",
        "PREFECT_API_URL": "127.0.0.1:geheim",
    },
}


@pytest.mark.parametrize(
    ("variable", "value"), [pair for kind in WRONG.values() for pair in kind.items()], ids=str
)
def test_a_wrong_address_stops_the_start_and_names_its_variable(home, variable, value):
    _assert_refused(home, variable, {variable: value})


def test_a_wrong_password_stops_the_start_and_names_its_variable(stores, home):
    for variable in ("DATABASE_URL", "REDIS_URL"):
        before, at, after = stores.env[variable].rpartition("@")
        wrong = f"{before.rpartition(':')[0]}:geheim{at}{after}"
        _assert_refused(home, variable, {variable: wrong})


def test_another_kind_of_server_is_not_taken_for_mlflow_or_prefect(stores, home):
    for variable in ("MLFLOW_TRACKING_URI", "PREFECT_API_URL"):
        _assert_refused(home, variable, {variable: stores.env["S3_ENDPOINT_URL"]})


@pytest.mark.parametrize("value", ["eight thousand", "80", "60000", "-1", "٨٠٠٠"])
def test_a_first_port_that_is_none_stops_the_start(home, value):
    _assert_refused(home, "IMAGINEAI_PORT_BASE", {"IMAGINEAI_PORT_BASE": value})


def _assert_refused(home, variable, variables):
    done = platforms.command(home, "up", "--detach", "--no-demo", "--only", "redis", **variables)
    assert done.returncode == 1
    assert done.stderr.startswith(variable)
    assert len(done.stderr.strip().splitlines()) == 1
    assert "geheim" not in done.stderr
    assert platforms.processes_of(home) == []


def _as_superuser(stores, statement):
    password = json.loads((stores.home / "secrets.json").read_text())["postgres"]
    address = stores.env["DATABASE_URL"].rpartition("@")[2].rpartition("/")[0]
    with psycopg.connect(
        f"postgresql://postgres:{password}@{address}/postgres", autocommit=True
    ) as connection:
        connection.execute(statement)
