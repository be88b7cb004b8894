"""As root, PostgreSQL runs with and without user namespaces, on the same data."""

import os
import subprocess
import sys

import psutil
import pytest

from tests import platforms
from tests.system import contents

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give up being root")

WITHOUT_NAMESPACES = """
import sys
from imagineai_local import command, unprivileged

def refuse():
    raise PermissionError("no user namespaces on this machine")

unprivileged.enter_namespace = refuse
sys.exit(command.main(["up", "--detach", "--no-demo", "--only", "postgres,redis,s3"]))
"""


def test_a_root_without_user_namespaces_runs_postgresql_as_nobody_and_can_change_back(home):
    env = platforms.clean_environment(
        IMAGINEAI_HOME=str(home), IMAGINEAI_PORT_BASE=str(platforms.free_base())
    )
    subprocess.run([sys.executable, "-c", WITHOUT_NAMESPACES], env=env, check=True, stdout=subprocess.DEVNULL)
    assert psutil.Process(platforms.pid(home, "postgres")).uids().effective == 65534
    contents.put_into_each(platforms.read_env(home / "env"), "as nobody")
    platforms.down(home)

    again = platforms.up(home, "--only", "postgres")

    assert contents.row_is_there(again.env, "as nobody")
