"""What an upload is: of a declared type and length that pass, and truly the picture that it says it is."""

import anyio
from anyio import CapacityLimiter

from imagineai_api.errors import Conflict, NotAPicture, ObjectChanged, TooLarge, UnsupportedType
from imagineai_api.gate import MAX_IMAGE_BYTES
from imagineai_api.storage import Storage, StoredObject
from imagineai_api.uploads.schemas import CONTENT_TYPES
from imagineai_vision import picture
from imagineai_vision.picture import PictureError, PictureFacts

DECODERS = CapacityLimiter(2)
"""Pictures decoded at once to prove them: one may take a second and 200 MB."""
OTHER_TYPE = f"A picture must be one of {', '.join(CONTENT_TYPES)}."
TOO_LARGE = f"The file is over {MAX_IMAGE_BYTES:,} bytes."


def check_declared(content_type: str, size_bytes: int) -> None:
    """Raise UnsupportedType or TooLarge for what is declared wrongly, before anything is decoded."""
    if content_type not in CONTENT_TYPES:
        raise UnsupportedType(OTHER_TYPE)
    if size_bytes > MAX_IMAGE_BYTES:
        raise TooLarge(TOO_LARGE)


async def examine(data: bytes) -> PictureFacts:
    """Decode a picture, a bounded number at a time; its content says which type it is.

    Raises:
        NotAPicture: It does not decode.
    """
    try:
        return await anyio.to_thread.run_sync(picture.examine, data, limiter=DECODERS)
    except PictureError as error:
        raise NotAPicture(str(error)) from error


async def prove(data: bytes, content_type: str) -> PictureFacts:
    """Decode a picture that was declared to be of a type.

    Raises:
        NotAPicture: It does not decode, or is another type than declared.
    """
    facts = await examine(data)
    if facts.content_type != content_type:
        raise NotAPicture(f"The file was sent as {content_type}, but it is {facts.content_type}.")
    return facts


async def prove_stored(storage: Storage, key: str, content_type: str, stored: StoredObject) -> PictureFacts:
    """Decode a picture that was PUT to S3, and only the one whose size and ETag were seen.

    Raises:
        NotAPicture: As for ``prove``, or it is too large.
        Conflict: Another one lies there now.
    """
    if stored.size_bytes > MAX_IMAGE_BYTES:
        raise NotAPicture(TOO_LARGE)
    try:
        data = await storage.get(key, stored.etag)
    except ObjectChanged as error:
        raise Conflict("The object was changed while it was being confirmed.") from error
    return await prove(data, content_type)
