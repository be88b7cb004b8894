"""The description of a picture: by Amazon Bedrock where it is configured, else composed from the findings."""

import io
import logging
from dataclasses import dataclass
from typing import Any, Protocol

import anyio
import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from PIL import Image

from imagineai_api.errors import DescriptionError
from imagineai_api.settings import Settings
from imagineai_vision import picture
from imagineai_vision.findings import Prediction

log = logging.getLogger(__name__)

LOCAL_WRITER = "imagineai-local-writer"
BEDROCK_SIDE = 1024
"""The longer side, in pixels, of the picture that Bedrock sees."""
PROMPT = (
    "Describe this product photo for a shop in two or three plain sentences. Say only what can be seen. "
    "A classifier found: {findings}. Where the picture contradicts it, trust the picture."
)


@dataclass(frozen=True)
class Description:
    """A text and who wrote it."""

    text: str
    model: str


class Writer(Protocol):
    """Whoever writes descriptions."""

    async def write(self, image: bytes, prediction: Prediction) -> Description:
        """Describe a picture, given its encoded bytes and what was found in it."""


def make_writer(settings: Settings) -> Writer:
    """Choose the writer that the settings ask for."""
    wants_bedrock = settings.description_writer == "bedrock" or (
        settings.description_writer == "auto" and settings.bedrock_model_id is not None
    )
    return BedrockWriter(settings) if wants_bedrock else LocalWriter()


class LocalWriter:
    """Composes plain, true sentences from the findings alone."""

    async def write(self, image: bytes, prediction: Prediction) -> Description:
        """Describe a picture."""
        return Description(compose(prediction), LOCAL_WRITER)


class BedrockWriter:
    """Asks a model on Amazon Bedrock, with the picture."""

    def __init__(self, settings: Settings) -> None:
        self._model = settings.bedrock_model_id or ""
        self._fallback = settings.bedrock_fallback
        self._client = boto3.client(
            "bedrock-runtime",
            region_name=settings.bedrock_region or settings.aws_default_region,
            endpoint_url=settings.bedrock_endpoint_url,
            aws_access_key_id=settings.bedrock_access_key_id,
            aws_secret_access_key=settings.bedrock_secret_access_key,
            config=Config(
                connect_timeout=settings.bedrock_timeout_s,
                read_timeout=settings.bedrock_timeout_s,
                retries={"mode": "standard", "total_max_attempts": settings.bedrock_attempts},
            ),
        )

    async def write(self, image: bytes, prediction: Prediction) -> Description:
        """Describe a picture.

        Raises:
            DescriptionError: Bedrock failed after its retries, and the settings allow no fallback.
        """
        try:
            text = await anyio.to_thread.run_sync(self._converse, image, prediction, abandon_on_cancel=True)
        except DescriptionError as error:
            if not self._fallback:
                raise
            log.warning("The local writer steps in: %s", error)
            return await LocalWriter().write(image, prediction)
        return Description(text, self._model)

    def _converse(self, image: bytes, prediction: Prediction) -> str:
        content = [
            {"image": {"format": "jpeg", "source": {"bytes": _small_jpeg(image)}}},
            {"text": PROMPT.format(findings=compose(prediction))},
        ]
        try:
            answer = self._client.converse(
                modelId=self._model,
                messages=[{"role": "user", "content": content}],
                inferenceConfig={"maxTokens": 300, "temperature": 0.2},
            )
        except (ClientError, BotoCoreError) as error:
            raise DescriptionError(
                f"Amazon Bedrock did not write the description: {_reason(error)}."
            ) from error
        return _text_of(answer)


def compose(prediction: Prediction) -> str:
    """Say what was found, in plain sentences that claim nothing more."""
    colors = [attribute.value for attribute in prediction.attributes if attribute.name == "color"]
    others = [
        attribute.value.replace("_", " ") for attribute in prediction.attributes if attribute.name in OTHERS
    ]
    words = " ".join([*others, _thing(prediction)])
    said = f"{_article(words)} {words}"
    if colors:
        said += f" in {' and '.join(colors)}"
    sentences = [f"{said[0].upper()}{said[1:]}."]
    if prediction.defects:
        kinds = sorted({defect.type.replace("_", " ") for defect in prediction.defects})
        sentences.append(f"Visible defects: {', '.join(kinds)}.")
    return " ".join(sentences)


OTHERS = ("pattern", "material")


def _thing(prediction: Prediction) -> str:
    return (
        "product that was not recognised with confidence" if prediction.label == "other" else prediction.label
    )


def _article(words: str) -> str:
    return "an" if words[:1].lower() in "aeiou" else "a"


def _small_jpeg(image: bytes) -> bytes:
    facts = picture.examine(image)
    scale = BEDROCK_SIDE / max(facts.width, facts.height)
    size = (max(1, round(facts.width * scale)), max(1, round(facts.height * scale)))
    buffer = io.BytesIO()
    # The one decode gives a square; its sides go back to the picture's own proportions.
    Image.fromarray(picture.read(image, BEDROCK_SIDE)).resize(size).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _text_of(answer: dict[str, Any]) -> str:
    try:
        parts = answer["output"]["message"]["content"]
    except (KeyError, TypeError) as error:
        raise DescriptionError("Amazon Bedrock answered without a message.") from error
    text = " ".join(part["text"].strip() for part in parts if part.get("text"))
    if not text:
        raise DescriptionError("Amazon Bedrock answered with an empty description.")
    return text


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "an error without a code"))
    return type(error).__name__
