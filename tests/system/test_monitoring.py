"""deploy/monitoring: rules and panels read what there is, and each alert has its page in the runbook."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.scraping import Scrape

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "monitoring" / "alerts.yaml"
PANELS = json.loads((ROOT / "deploy" / "monitoring" / "grafana.json").read_text())["panels"]
ALERTS = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
NAME = re.compile(r"\b(?:imagineai|process)_\w+")
ENDINGS = {
    "counter": ["_total"],
    "gauge": [""],
    "histogram": ["_bucket", "_sum", "_count"],
    "info": ["_info"],
}
EXPRESSIONS = [rule["expr"] for rule in ALERTS] + [
    each["expr"] for panel in PANELS for each in panel["targets"]
]


def test_every_metric_that_is_read_is_one_that_the_service_has(platform):
    families = Scrape(platform.env["INFERENCE_URL"]).families
    there = {f"{family.name}{ending}" for family in families for ending in ENDINGS[family.type]}
    read = {name for expression in EXPRESSIONS for name in NAME.findall(expression)}
    assert len(read) > 15
    assert read - there == set()


def test_every_alert_has_a_page_in_the_runbook_and_every_page_an_alert():
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    assert headings == [rule["alert"] for rule in ALERTS]


def test_every_alert_says_how_urgent_it_is_and_what_it_means():
    for rule in ALERTS:
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule
        assert rule["annotations"]["summary"].endswith("."), rule


def test_prometheus_own_tool_takes_the_rules(tmp_path):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("The alert rules were not read by promtool: it is not here (apt-get install prometheus).")
    done = subprocess.run(
        [promtool, "check", "rules", str(RULES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
