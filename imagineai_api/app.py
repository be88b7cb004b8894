"""The whole service on a page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from imagineai_api import background, error_answers, events, tracing
from imagineai_api.analysis import routes as analysis
from imagineai_api.analysis.description import make_writer
from imagineai_api.auth import routes as auth
from imagineai_api.auth.passwords import Passwords
from imagineai_api.batch import routes as batch
from imagineai_api.console import pages as console
from imagineai_api.dashboard import routes as dashboard
from imagineai_api.database import Database
from imagineai_api.dispatcher import Dispatcher
from imagineai_api.documentation import completion, links, pages
from imagineai_api.exports import routes as exports
from imagineai_api.health import routes as health
from imagineai_api.identity import Tokens
from imagineai_api.imports import routes as imports
from imagineai_api.inference.registry import ModelRegistry
from imagineai_api.instant import routes as instant
from imagineai_api.jobs import routes as jobs
from imagineai_api.limits import Limits
from imagineai_api.live import routes as live
from imagineai_api.live.lookout import Lookout
from imagineai_api.metrics import CountedRequests
from imagineai_api.models import routes as models
from imagineai_api.orchestrator import Prefect
from imagineai_api.origins import AllowedOrigins
from imagineai_api.pictures import routes as pictures
from imagineai_api.pictures.making import Maker
from imagineai_api.products import routes as products
from imagineai_api.redis_link import RedisLink
from imagineai_api.request_log import REQUEST_ID_HEADER, RequestLog
from imagineai_api.security_headers import SecurityHeaders
from imagineai_api.settings import Settings
from imagineai_api.storage import Storage
from imagineai_api.uploads import routes as uploads
from imagineai_api.webhooks import routes as webhooks
from imagineai_api.webhooks.addresses import Addresses
from imagineai_api.webhooks.sender import Sender

API = "/api/v1"
FEATURES = (
    auth, products, pictures, uploads, analysis, instant, batch, jobs, dashboard, exports, imports, models,
    webhooks,
)  # fmt: skip


def create_app(settings: Settings) -> FastAPI:
    """Build the service; nothing is connected before its lifespan begins."""
    app = FastAPI(
        title="ImagineAI",
        version="1",
        description="Product photos in, findings out.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.development else None,
        redirect_slashes=False,
        generate_unique_id_function=links.operation_id,
        lifespan=_lifespan,
        telemetry=tracing.of_requests(),
    )
    app.state.settings = settings
    app.state.models = ModelRegistry(settings)
    api = APIRouter(prefix=API)
    for feature in FEATURES:
        api.include_router(feature.router)
    app.include_router(api)
    app.include_router(live.router)
    app.include_router(health.router)
    console.install(app)
    error_answers.install(app)
    completion.install(app)
    links.install(app)
    if settings.development:
        pages.install(app)
    app.add_middleware(error_answers.CrashAnswers)
    app.add_middleware(
        AllowedOrigins,
        allow_origins=settings.origins,
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", REQUEST_ID_HEADER],
        expose_headers=[REQUEST_ID_HEADER, "Retry-After"],
    )
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestLog)
    app.add_middleware(CountedRequests)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Connect, work in the background, and put everything away in order."""
    state, settings = app.state, app.state.settings
    state.database = Database(settings)
    state.redis = RedisLink(settings)
    state.storage = Storage(settings)
    state.maker = Maker(state.database, state.storage)
    state.prefect = Prefect(settings)
    state.hub = events.Hub(settings)
    state.limits = Limits(settings, state.redis)
    state.tokens = Tokens(settings)
    state.passwords = Passwords()
    state.addresses = Addresses(settings)
    state.writer = make_writer(settings)
    lookout = Lookout(state.hub, state.database)
    sender = Sender(settings, state.database, state.addresses)
    dispatcher = Dispatcher(settings, state.database, state.storage, state.prefect)
    works = (state.hub.run, lookout.run, state.models.run, dispatcher.run, sender.run)
    try:
        async with background.working(*works):
            yield
    finally:
        await sender.close()
        state.addresses.close()
        await state.hub.close()
        await state.prefect.close()
        await state.maker.close()
        state.storage.close()
        await state.redis.close()
        await state.database.close()
