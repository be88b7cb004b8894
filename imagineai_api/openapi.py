"""``python -m imagineai_api.openapi FILE``: write the OpenAPI document that the tests compare with."""

import json
import sys
from pathlib import Path

from imagineai_api.app import create_app
from imagineai_api.settings import Settings


def document() -> str:
    """Give the document of the app as it is, in a stable form."""
    return json.dumps(create_app(Settings()).openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the document."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m imagineai_api.openapi FILE\n")
        return 2
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(document())
    return 0


if __name__ == "__main__":
    sys.exit(main())
