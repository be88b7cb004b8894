"""``python -m imagineai_api``: migrate, then serve the public and the internal application."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Iterator

import uvicorn
import uvloop

from imagineai_api import request_log, tracing
from imagineai_api.database import migrate
from imagineai_api.errors import ImagineAIError
from imagineai_api.server_protocols import OPTIONS
from imagineai_api.settings import Settings, read_settings

log = logging.getLogger("imagineai_api")

GRACE_S = 20
"""How long requests in flight may take to end at shutdown."""


def main() -> int:
    """Serve until SIGTERM or Ctrl-C."""
    try:
        settings = read_settings()
        request_log.configure(settings.log_level)
        migrate(settings)
    except ImagineAIError as error:
        sys.stderr.write(f"The service did not start. {error}\n")
        return 1
    uvloop.run(_serve(settings))
    return 0


async def _serve(settings: Settings) -> None:
    # Imported late: a wrong setting is told in half a second, not after the whole service was loaded.
    from imagineai_api.app import create_app
    from imagineai_api.internal import create_internal_app

    tracing.start(settings, "imagineai-api")
    app = create_app(settings)
    internal_app = create_internal_app(app)
    public = _Server(_config(app, settings.api_host, settings.api_port))
    internal = _Server(
        _config(internal_app, settings.inference_host, settings.inference_port, lifespan="off")
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, public, internal)
    try:
        await asyncio.gather(public.serve(), internal.serve())
    finally:
        app.state.models.close()


def _stop(*servers: "_Server") -> None:
    for server in servers:
        server.should_exit = True


def _config(app: object, host: str, port: int, lifespan: str = "on") -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=host,
        port=port,
        lifespan=lifespan,  # type: ignore[arg-type]
        timeout_graceful_shutdown=GRACE_S,
        ws_max_size=64 * 1024,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        **OPTIONS,
    )


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to ``_serve``, which has two to stop in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


if __name__ == "__main__":
    sys.exit(main())
