"""The outbox, done by the dispatcher as the service does it."""

from imagineai_api.dispatcher import Dispatcher
from imagineai_api.orchestrator import Prefect


async def relay(place, settings):
    """Do all that is due in the outbox."""
    prefect = Prefect(settings)
    dispatcher = Dispatcher(settings, place.database, place.storage, prefect)
    while await dispatcher.relay():
        pass
    await prefect.close()
