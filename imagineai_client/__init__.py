"""The Python client of ImagineAI: knows only the wire, imports none of the service's packages."""

from imagineai_client.client import Client
from imagineai_client.errors import ImagineAIError

__all__ = ["Client", "ImagineAIError"]
