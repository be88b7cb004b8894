"""``python -m website``: build the site; a warning, a broken link or a page without a place is an error."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import main as sphinx

from website import sources

HERE = Path(__file__).parent
BUILT = Path("build/docs")


def main() -> int:
    """Build the site and say where it begins."""
    parser = argparse.ArgumentParser(prog="python -m website", description="Build the documentation.")
    parser.add_argument("--out", type=Path, default=BUILT, help="the folder; by default %(default)s")
    out: Path = parser.parse_args().out
    with tempfile.TemporaryDirectory(prefix="imagineai-docs-") as folder:
        gathered = Path(folder) / "sources"
        try:
            sources.gather(gathered)
        except sources.Unplaced as error:
            sys.stderr.write(f"{error}\n")
            return 1
        if (out / "objects.inv").exists():  # an earlier site: of that nothing is to be left
            shutil.rmtree(out)
        options = ("--fail-on-warning", "--keep-going", "--quiet", "--fresh-env", "--jobs", "1")
        failed = sphinx(
            [*options, "-c", str(HERE), "-d", str(Path(folder) / "doctrees"), str(gathered), str(out)]
        )
    if not failed:
        sys.stdout.write(f"The documentation begins at {out.resolve() / 'index.html'}\n")
    return failed


if __name__ == "__main__":
    sys.exit(main())
