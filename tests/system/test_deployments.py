"""When the deployments are made anew: the platform writes down what they were made of."""

import asyncio

import pytest

from flows import deployments
from imagineai_local.configuration import read_configuration
from imagineai_local.parts import flows as parts

NOBODY = "http://127.0.0.1:9/api"
"""Nobody listens there: what is compared beside the flows is then the same each time."""


def part(home, **variables):
    environment = {"IMAGINEAI_HOME": str(home), "PREFECT_API_URL": NOBODY, **variables}
    return parts.deployments(read_configuration(environment))


@pytest.mark.parametrize(
    ("before", "after", "needless"),
    [
        ({}, {}, True),
        ({"HOUSEKEEPING_CRON": "1 2 * * *"}, {"HOUSEKEEPING_CRON": "1 2 * * *"}, True),
        ({}, {"HOUSEKEEPING_CRON": "1 2 * * *"}, False),
        ({"HOUSEKEEPING_CRON": "1 2 * * *"}, {"HOUSEKEEPING_CRON": ""}, False),
    ],
)
def test_another_schedule_makes_the_deployments_anew_and_the_same_does_not(tmp_path, before, after, needless):
    (tmp_path / "prefect").mkdir()
    asyncio.run(part(tmp_path, **before).finished())
    assert asyncio.run(part(tmp_path, **after).needless()) is needless


def test_a_schedule_that_is_none_is_refused_by_its_variables_name(monkeypatch, capsys):
    monkeypatch.setenv("HOUSEKEEPING_CRON", "every now and then")
    assert deployments.main() == 1
    assert capsys.readouterr().err == 'HOUSEKEEPING_CRON: must look like "23 */6 * * *".\n'
