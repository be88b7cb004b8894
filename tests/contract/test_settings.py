"""What the notes say of a start with unsafe settings, and of one with a wrong setting."""

import os
import subprocess
import sys

import pytest

from tests.contract.services import free_port

SAFE = {
    "JWT_SECRET_KEY": "k3y-" * 16,
    "INFERENCE_SECRET": "s3cr3t-" * 8,
    "DEBUG": "false",
    "CORS_ORIGINS": "",
}


def start(platform, **changes):
    """Start the service with these variables; give its exit code and what it said once it has ended."""
    ports = {"API_PORT": str(free_port()), "INFERENCE_PORT": str(free_port())}
    env = {**os.environ, **platform.env, **ports, **changes}
    env = {name: value for name, value in env.items() if value is not None}
    command = [sys.executable, "-m", "imagineai_api"]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout + ended.stderr


UNSAFE = {
    "a missing key": ("JWT_SECRET_KEY", None),
    "an empty key": ("JWT_SECRET_KEY", ""),
    "a default key": ("JWT_SECRET_KEY", "change-me"),
    "a key of 31 bytes": ("JWT_SECRET_KEY", "k" * 31),
    "debug on": ("DEBUG", "true"),
    "any origin": ("CORS_ORIGINS", "*"),
    "any origin among others": ("CORS_ORIGINS", "https://shop.example,*"),
    "a default database password": (
        "DATABASE_URL",
        "postgresql+psycopg://imagineai:postgres@127.0.0.1:1/imagineai",
    ),
    "no database password": ("DATABASE_URL", "postgresql+psycopg://imagineai@127.0.0.1:1/imagineai"),
    "a default S3 password": ("AWS_SECRET_ACCESS_KEY", "minioadmin"),
}


@pytest.mark.parametrize("name", UNSAFE)
def test_production_refuses_an_unsafe_setting_in_a_sentence_that_names_it(platform, name):
    variable, value = UNSAFE[name]
    code, said = start(platform, ENVIRONMENT="production", **{**SAFE, variable: value})
    assert code != 0
    assert variable in said
    assert "Traceback" not in said
    if value:
        assert value not in said or len(value) < 8, "the value of a secret is told"


WRONG = {
    "API_PORT": "many",
    "DATABASE_URL": "mysql://somewhere",
    "REDIS_URL": "127.0.0.1",
    "S3_ENDPOINT_URL": "localhost",
    "MLFLOW_TRACKING_URI": "somewhere",
    "PREFECT_API_URL": "somewhere",
    "RATE_LIMIT_AUTH": "often",
    "RATE_LIMIT_UPLOAD": "-1/minute",
    "RATE_LIMIT_ANALYSIS": "10/fortnight",
    "RATE_LIMIT_READ": "",
    "WEBSOCKETS_PER_USER": "0",
    "ENVIRONMENT": "prodction",
}


@pytest.mark.parametrize("variable", WRONG)
def test_a_wrong_setting_stops_the_start_with_one_sentence_naming_the_variable(platform, variable):
    code, said = start(platform, **{variable: WRONG[variable]})
    assert code != 0
    assert variable in said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1
