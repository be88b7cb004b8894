"""How flows ask the API for predictions."""

from typing import Any

import httpx

from imagineai_api import tracing
from imagineai_api.errors import BadGateway, InferenceAway, NoModel, NotAPicture
from imagineai_api.inference.routes import SECRET_HEADER, VERSION_HEADER
from imagineai_api.settings import Settings
from imagineai_vision.findings import Prediction

CONNECTIONS = 64


class InferenceClient:
    """Calls the internal prediction service.

    Raises:
        NoModel: Nothing is promoted yet.
        InferenceAway: The service cannot be reached.
    """

    def __init__(self, settings: Settings) -> None:
        self._client = httpx.AsyncClient(
            base_url=settings.inference_url,
            headers={SECRET_HEADER: settings.inference_secret},
            timeout=httpx.Timeout(settings.inference_timeout_s, connect=3),
            limits=httpx.Limits(max_connections=CONNECTIONS),
        )

    async def predict(self, image: bytes, version: str | None = None) -> tuple[Prediction, str]:
        """Find what is in a picture; also say which version found it.

        Raises:
            NotAPicture: The bytes do not decode.
            BadGateway: The service answered with an error that it did not expect.
        """
        headers = tracing.headers() | ({} if version is None else {VERSION_HEADER: version})
        answer = await self._ask("POST", "/predict", content=image, headers=headers)
        return Prediction.from_dict(answer["prediction"]), answer["model_version"]

    async def serving(self) -> str:
        """Say which version is served."""
        answer = await self._ask("GET", "/serving")
        return str(answer["model_version"])

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _ask(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer = await self._client.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise InferenceAway from error
        if answer.status_code == NotAPicture.status:
            raise NotAPicture(answer.json()["detail"])
        if answer.status_code == NoModel.status:
            raise NoModel(answer.json()["detail"])
        if answer.is_error:
            raise BadGateway(f"The prediction service answered {answer.status_code}.")
        return dict(answer.json())
