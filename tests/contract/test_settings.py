"""What the notes say of a start with unsafe settings, and of one with a wrong setting."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.contract.services import SecondService, free_port

SAFE = {
    "JWT_SECRET_KEY": "k3y-" * 16,
    "INFERENCE_SECRET": "s3cr3t-" * 8,
    "DEBUG": "false",
    "CORS_ORIGINS": "",
}


UNSAFE = {
    "a missing key": ("JWT_SECRET_KEY", None),
    "a default key": ("JWT_SECRET_KEY", "change-me"),
    "a key of 31 bytes": ("JWT_SECRET_KEY", "k" * 31),
    "a default key between the parts": ("INFERENCE_SECRET", "change-me"),
    "debug on": ("DEBUG", "true"),
    "any origin among others": ("CORS_ORIGINS", "https://shop.example,*"),
    "a default database password": (
        "DATABASE_URL",
        "postgresql+psycopg://imagineai:postgres@127.0.0.1:1/imagineai",
    ),
    "no database password": ("DATABASE_URL", "postgresql+psycopg://imagineai@127.0.0.1:1/imagineai"),
    "a default S3 password": ("AWS_SECRET_ACCESS_KEY", "minioadmin"),
}
WRONG = {
    "API_PORT": "many",
    "DATABASE_URL": "mysql://somewhere",
    "REDIS_URL": "127.0.0.1",
    "S3_ENDPOINT_URL": "localhost",
    "PREFECT_API_URL": "somewhere",
    "RATE_LIMIT_UPLOAD": "-1/minute",
    "WEBSOCKETS_PER_USER": "0",
    "ENVIRONMENT": "prodction",
}


def start(platform, changes):
    """Start the service with these variables; give its exit code and what it said once it has ended."""
    ports = {"API_PORT": str(free_port()), "INFERENCE_PORT": str(free_port())}
    env = {**os.environ, **platform.env, **ports, **changes}
    env = {name: value for name, value in env.items() if value is not None}
    command = [sys.executable, "-m", "imagineai_api"]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=100, check=False)
    return ended.returncode, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def ended(platform):
    """How each start ended; side by side, since all that takes time is importing."""
    starts = {name: {"ENVIRONMENT": "production", **SAFE, **dict([pair])} for name, pair in UNSAFE.items()}
    starts |= {variable: {variable: value} for variable, value in WRONG.items()}
    with ThreadPoolExecutor(4) as pool:
        outcomes = pool.map(lambda changes: start(platform, changes), starts.values())
        return dict(zip(starts, outcomes, strict=True))


@pytest.mark.parametrize("name", UNSAFE)
def test_production_refuses_an_unsafe_setting_in_a_sentence_that_names_it(ended, name):
    variable, value = UNSAFE[name]
    code, said = ended[name]
    assert code != 0
    assert variable in said
    assert "Traceback" not in said
    assert not value or len(value) < 8 or value not in said, "the value of a secret is told"


def test_production_starts_with_safe_settings_and_without_the_documentation(platform, tmp_path):
    service = SecondService(platform.env, tmp_path / "log", ENVIRONMENT="production", **SAFE)
    try:
        assert httpx.get(f"{service.url}/health").status_code == 200
        for path in ("/docs", "/redoc", "/openapi.json"):
            assert httpx.get(service.url + path).status_code == 404
    finally:
        service.stop()


@pytest.mark.parametrize("variable", WRONG)
def test_a_wrong_setting_stops_the_start_with_one_sentence_naming_the_variable(ended, variable):
    code, said = ended[variable]
    assert code != 0
    assert variable in said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1
