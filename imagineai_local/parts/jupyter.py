"""JupyterLab, where training is done and looked at."""

import os
import sys
from functools import partial
from urllib.parse import urlsplit

from imagineai_local.configuration import Configuration
from imagineai_local.http import request
from imagineai_local.part import Part
from imagineai_local.ports import LOOPBACK


def part(configuration: Configuration) -> Part:
    """Describe the server: it opens the repository and hands the platform's variables to its kernels."""
    port, folder = configuration.ports.jupyter, configuration.home.data("jupyter")
    url = configuration.variables["JUPYTER_URL"]
    options = (
        f"--ServerApp.ip={LOOPBACK}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.base_url={urlsplit(url).path}/",  # also its place on the operators' page
        f"--ServerApp.root_dir={configuration.repository}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
        *(("--allow-root",) if os.geteuid() == 0 else ()),
    )
    return Part(
        name="jupyter",
        title="JupyterLab",
        command=(sys.executable, "-m", "jupyterlab", "--no-browser", *options),
        env=configuration.environment(
            "jupyter",
            JUPYTER_RUNTIME_DIR=str(folder / "runtime"),
            JUPYTERLAB_SETTINGS_DIR=str(folder / "settings"),
            JUPYTERLAB_WORKSPACES_DIR=str(folder / "workspaces"),
        ),
        cwd=configuration.repository,
        log=configuration.home.log("jupyter"),
        late=True,  # nobody waits for notebooks
        ports={port: "JupyterLab"},
        address=f"{url}/lab?token={configuration.variables['JUPYTER_TOKEN']}",
        ready=partial(_ready, url),
    )


async def _ready(url: str) -> str:
    answer = await request(f"{url}/api")
    return "" if answer.status == 200 else "its API"
