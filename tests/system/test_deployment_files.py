"""deploy/: files fit their schemas, name settings that exist, and give no container more than it needs."""

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml

from imagineai_api.__main__ import GRACE_S
from imagineai_api.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted(
    path for path in (DEPLOY / "kubernetes").glob("*.yaml") if path.name != "kustomization.yaml"
)
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OURS = {name for name, service in COMPOSE["services"].items() if "imagineai" in service["image"]}
SETTINGS = {name.upper() for name in Settings.model_fields}


def run(tool, *arguments):
    program = Path(sysconfig.get_path("scripts")) / tool
    done = subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def objects():
    return [each for path in MANIFESTS for each in yaml.safe_load_all(path.read_text())]


def pods():
    """Name and pod specification of each workload."""
    return [
        (each["metadata"]["name"], each["spec"]["template"]["spec"])
        for each in objects()
        if "template" in each.get("spec", {})
    ]


def test_the_containerfile_follows_hadolint():
    run("hadolint", "deploy/Containerfile")


def test_the_compose_file_fits_the_specification():
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "deploy/compose.yaml")


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_fits_kubernetes_schemas(path):
    run("kubernetes-validate", "--strict", str(path))


def test_the_base_lists_every_manifest_but_the_example_of_secrets():
    listed = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["resources"]
    assert sorted(listed) == [path.name for path in MANIFESTS if path.name != "secrets.example.yaml"]


def test_every_variable_is_a_setting_of_the_service():
    named = set(COMPOSE["x-service"])
    for each in objects():
        if each["kind"] in {"ConfigMap", "Secret"}:
            named |= set(each.get("data", each.get("stringData")))
    assert named - SETTINGS == set()


def test_the_example_of_variables_has_all_that_the_compose_file_asks_for():
    asked = set(re.findall(r"\$\{(\w+):\?\}", (DEPLOY / "compose.yaml").read_text()))
    given = re.findall(r"^(\w+)=", (DEPLOY / "example.env").read_text(), re.MULTILINE)
    assert asked - set(given) == set()


def test_the_image_has_what_the_commands_import():
    copied = re.findall(r"^COPY (\w+) \1$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    let_in = (ROOT / ".dockerignore").read_text()
    assert set(copied) >= {"imagineai_api", "imagineai_vision", "flows", "training"}
    for name in copied:
        assert (ROOT / name / "__init__.py").is_file()
        assert f"!{name}\n" in let_in


def test_prefects_server_is_the_one_that_makes_the_runs_of_schedules():
    service = COMPOSE["services"]["prefect"]
    assert service["command"][:5] == [
        "python", "-m", "uvicorn", "--factory", "imagineai_local.prefect_server:create_app",
    ]  # fmt: skip
    assert service["environment"]["PREFECT__SERVER_FINAL"] == "1"


def test_the_api_has_the_time_to_end_its_requests():
    api = COMPOSE["services"]["api"]["stop_grace_period"]
    pod = dict(pods())["imagineai-api"]
    assert min(int(api.removesuffix("s")), pod["terminationGracePeriodSeconds"]) > GRACE_S


def test_no_pod_has_more_rights_than_it_needs():
    assert len(pods()) == 5
    for name, spec in pods():
        assert spec["securityContext"]["runAsNonRoot"], name
        assert spec["automountServiceAccountToken"] is False, name
        for container in spec["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"], name
            assert container["securityContext"]["allowPrivilegeEscalation"] is False, name
            assert container["resources"]["limits"]["memory"], name
    for name in OURS:
        service = COMPOSE["services"][name]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name


def test_only_the_api_and_s3_are_reached_from_other_machines():
    published = {name: service.get("ports", []) for name, service in COMPOSE["services"].items()}
    open_to_all = {name for name, ports in published.items() if any(port.count(":") == 1 for port in ports)}
    assert open_to_all == {"api", "s3"}
