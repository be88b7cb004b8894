"""How flows ask the API for predictions."""

import asyncio
from typing import Any

import httpx

from imagineai_api import tracing
from imagineai_api.errors import BadGateway, InferenceAway, NoModel, NotAPicture, PredictionLost
from imagineai_api.inference.routes import PATIENT, SECRET_HEADER, URGENCY_HEADER, VERSION_HEADER
from imagineai_api.settings import Settings
from imagineai_vision.findings import Prediction

CONNECTIONS = 64
UNREACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class InferenceClient:
    """Calls the internal prediction service.

    Raises:
        NoModel: Nothing is promoted yet.
        InferenceAway: The service cannot be reached.
        PredictionLost: The service was reached, and then gave no answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._patient = asyncio.Semaphore(settings.batch_concurrency)
        self._client = httpx.AsyncClient(
            base_url=settings.inference_url,
            headers={SECRET_HEADER: settings.inference_secret},
            timeout=httpx.Timeout(settings.inference_timeout_s, connect=3),
            limits=httpx.Limits(max_connections=CONNECTIONS),
        )

    async def predict(
        self, image: bytes, version: str | None = None, *, urgent: bool = True
    ) -> tuple[Prediction, str]:
        """Find what is in a picture; also say which version found it.

        Args:
            image: The encoded bytes.
            version: The model version to ask; None for the champion.
            urgent: False where nobody waits for this picture: others go before it.

        Raises:
            NotAPicture: The bytes do not decode.
            BadGateway: The service answered with an error that it did not expect.
        """
        headers = tracing.headers() | ({} if version is None else {VERSION_HEADER: version})
        if urgent:
            answer = await self._ask("POST", "/predict", content=image, headers=headers)
        else:
            # What waits here, and not there, is not computed when its batch is cancelled meanwhile.
            async with self._patient:
                headers[URGENCY_HEADER] = PATIENT
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
        except UNREACHED as error:
            raise InferenceAway from error
        except httpx.HTTPError as error:
            raise PredictionLost from error
        if answer.status_code == NotAPicture.status:
            raise NotAPicture(answer.json()["detail"])
        if answer.status_code == NoModel.status:
            raise NoModel(answer.json()["detail"])
        if answer.is_error:
            raise BadGateway(f"The prediction service answered {answer.status_code}.")
        return dict(answer.json())
