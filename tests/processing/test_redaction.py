"""What a log line must not carry, whatever it tells of."""

import json
import logging
import subprocess
import sys

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from imagineai_api.request_log import JsonLines, redact


@pytest.mark.parametrize(
    ("told", "written"),
    [
        ("GET /ws/processing/1?token=abc.def&after=3", "GET /ws/processing/1?token=***&after=3"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ('{"password": "hush"}', '{"password": "***"}'),
        ("redis://:hush@127.0.0.1:6379/0", "redis://:***@127.0.0.1:6379/0"),
        ("postgresql://me:hush@127.0.0.1:5432/base", "postgresql://me:***@127.0.0.1:5432/base"),
        ("http://127.0.0.1:4200/api", "http://127.0.0.1:4200/api"),
        ("X-Amz-Signature=0f3c", "X-Amz-Signature=***"),
    ],
)
def test_a_secret_is_taken_out_and_the_rest_is_left(told, written):
    assert redact(told) == written


async def test_a_statement_that_fails_is_told_without_what_was_sent(place, owner):
    twice = text(
        "INSERT INTO users (id, email, full_name, password_hash)"
        " SELECT id, :email, 'x', :hush FROM users WHERE id = :id"
    )
    values = {"email": "somebody@example.com", "hush": "a secret hash", "id": owner}
    with pytest.raises(DBAPIError) as failed:
        async with place.database.transaction() as connection:
            await connection.execute(twice, values)
    error = (failed.type, failed.value, failed.tb)
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "It failed", (), error)
    line = JsonLines().format(record)
    assert "duplicate key" in line
    assert "a secret hash" not in line
    assert "somebody@example.com" not in line
    assert str(owner) not in line


def test_a_warning_of_a_library_is_a_json_line_too():
    program = (
        "import warnings; from imagineai_api import request_log; request_log.configure('INFO'); "
        "warnings.warn('token=hush is deprecated')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    line = json.loads(done.stderr)
    assert (line["level"], line["logger"]) == ("WARNING", "py.warnings")
    assert "token=*** is deprecated" in line["message"]
