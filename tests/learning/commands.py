"""The commands of `training` as a person runs them, and what they leave in the registry."""

import os
import subprocess
import sys
from pathlib import Path


def command(module, name, *arguments, **settings):
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        env=os.environ | {"MODEL_NAME": name} | settings,
        capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2],
    )  # fmt: skip


def aliases(client, name):
    return {alias: str(version) for alias, version in client.get_registered_model(name).aliases.items()}


def tags(client, name, version):
    return client.get_model_version(name, version).tags
