"""``python -m imagineai_api.operators``: serve the operators' page; the service has migrated the database."""

import sys

import uvicorn

from imagineai_api import request_log
from imagineai_api.errors import ImagineAIError
from imagineai_api.operators.app import create_app
from imagineai_api.server_protocols import OPTIONS
from imagineai_api.settings import read_settings

GRACE_S = 3
"""How long requests in flight may take to end at shutdown."""


def main() -> int:
    """Serve until SIGTERM or Ctrl-C."""
    try:
        settings = read_settings()
    except ImagineAIError as error:
        sys.stderr.write(f"The operators' page did not start. {error}\n")
        return 1
    request_log.configure(settings.log_level)
    uvicorn.run(
        create_app(settings),
        host=settings.operators_host,
        port=settings.operators_port,
        timeout_graceful_shutdown=GRACE_S,
        **OPTIONS,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
