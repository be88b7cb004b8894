"""The Python client of ImagineAI: knows only the wire, imports none of the service's packages."""

from imagineai_client.async_client import AsyncClient
from imagineai_client.client import Client
from imagineai_client.errors import ImagineAIError
from imagineai_client.findings import Findings

__all__ = ["AsyncClient", "Client", "Findings", "ImagineAIError"]
