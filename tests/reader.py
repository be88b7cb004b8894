"""Somebody with a clone of this repository, who types what a document says."""

import os
import subprocess
import sys
from pathlib import Path

from tests import documents, platforms
from tests.contract.wire import PASSWORD, small_photo

NAMED = "you@example.com"
LEFT_BLANK = '"password": "..."'
UNSEEN = """
set -euo pipefail
imagineai() {
  case $1 in
    register | login) command imagineai "$@" --password-stdin <<< "$PASSWORD" ;;
    *) command imagineai "$@" ;;
  esac
}
make() { command make --old-file=.venv/ready --old-file=models "$@"; }
"""
"""What differs from typing it: passwords are typed unseen; environment and model are there already."""


class Reader:
    """A reader in a folder that is a clone by links, with the photos that the documents speak of.

    Args:
        folder: Where the clone is to be.
        email: Who the reader is where a document says you@example.com.
        variables: What is set in the shell.
    """

    def __init__(self, folder, email, **variables):
        self.folder, self.email = folder, email
        for entry in documents.ROOT.iterdir():
            if entry.name not in (".git", ".imagineai", "build"):
                (folder / entry.name).symlink_to(entry)
        (folder / "photos").mkdir()
        for name in ("photo.jpg", "photos/front.jpg", "photos/back.jpg"):
            (folder / name).write_bytes(small_photo())
        self._environment = platforms.clean_environment(
            PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            PYTHONPATH=str(folder),
            XDG_CONFIG_HOME=str(folder / "config"),
            PASSWORD=PASSWORD,
            **variables,
        )

    def types(self, script):
        """Type the commands of a script, until one fails; gives what was printed."""
        script = script.replace(NAMED, self.email).replace(LEFT_BLANK, f'"password": "{PASSWORD}"')
        return self._ended(["bash", "-c", f"{UNSEEN}\n{script}"])

    def runs(self, piece, url):
        """Run a piece of Python; gives what was printed."""
        code = piece.replace(NAMED, self.email).replace("http://127.0.0.1:8000", url)
        return self._ended([sys.executable, "-c", code])

    def _ended(self, command):
        ended = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
        return ended.stdout
