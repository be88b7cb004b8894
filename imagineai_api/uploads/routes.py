"""/uploads: through S3 or through the API."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import FormData

from imagineai_api import request_log
from imagineai_api.database import Transaction
from imagineai_api.documentation.errors import errors
from imagineai_api.documentation.examples import PRODUCT_ID, shown_as
from imagineai_api.errors import Invalid
from imagineai_api.gate import REST_MISSING, SignedIn, gate
from imagineai_api.limits import Tier
from imagineai_api.multipart import NO_FILE, file_of, media_type, parsed_form
from imagineai_api.products import service as products
from imagineai_api.texts import Storable
from imagineai_api.uploads import presigned, proof, service
from imagineai_api.uploads.images import Upload
from imagineai_api.uploads.schemas import (
    CONFIRMED,
    CONTENT_TYPES,
    ConfirmRequest,
    PresignedUrlRequest,
    PresignedUrlResponse,
    UploadResponse,
)

router = APIRouter(prefix="/uploads", tags=["Uploads"])
small = APIRouter(route_class=gate(Tier.UPLOAD))
large = APIRouter(route_class=gate(Tier.UPLOAD, upload=True))

PER_MINUTE = 30
MULTIPART: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "example": {"product_id": PRODUCT_ID, "file": "the bytes of photo.jpg"},
                "schema": {
                    "type": "object",
                    "required": ["product_id", "file"],
                    "properties": {
                        "product_id": {"type": "string", "format": "uuid"},
                        "file": {"type": "string", "contentMediaType": "application/octet-stream"},
                    },
                },
                "encoding": {"file": {"contentType": ", ".join(CONTENT_TYPES)}},
            }
        },
    }
}
MAX_NAME_LENGTH = 255
_uuid = TypeAdapter(UUID)
_name = TypeAdapter(Storable)


@small.post(
    "/presigned-url",
    summary="Get a presigned URL",
    responses=errors(
        400,
        401,
        404,
        415,
        422,
        per_minute=PER_MINUTE,
        says={
            404: products.NO_PRODUCT,
            413: proof.TOO_LARGE,
            415: proof.OTHER_TYPE,
            422: "filename is required.",
        },
    ),
)
async def get_presigned_url(
    request: Request, user: SignedIn, transaction: Transaction, body: PresignedUrlRequest
) -> PresignedUrlResponse:
    """Prepare an upload straight to S3; confirm it afterwards."""
    image_id, key, url, expires_s = await presigned.presign(
        transaction,
        request.app.state.storage,
        user_id=user.id,
        product_id=body.product_id,
        filename=body.filename,
        content_type=body.content_type,
        size_bytes=body.file_size_bytes,
    )
    return PresignedUrlResponse(upload_url=url, image_id=image_id, s3_key=key, expires_in=expires_s)


@small.post(
    "/confirm",
    summary="Confirm an upload",
    responses={
        200: shown_as(CONFIRMED),
        **errors(
            400,
            401,
            404,
            409,
            422,
            502,
            per_minute=PER_MINUTE,
            says={404: presigned.NO_IMAGE, 409: presigned.NOTHING_YET, 422: "image_id is required."},
        ),
    },
)
async def confirm_upload(request: Request, user: SignedIn, body: ConfirmRequest) -> UploadResponse:
    """Look at what was uploaded to S3 and start its analysis."""
    state = request.app.state
    started = await presigned.confirm(
        state.database,
        state.storage,
        user_id=user.id,
        image_id=body.image_id,
        request_id=request_log.request_id.get(),
    )
    return UploadResponse(
        image_id=started.image_id, job_id=started.job_id, message="Image processing started"
    )


@large.post(
    "/direct",
    summary="Upload directly",
    responses=errors(
        400,
        401,
        404,
        415,
        422,
        502,
        per_minute=PER_MINUTE,
        says={
            400: REST_MISSING,
            404: products.NO_PRODUCT,
            413: "The body is over 50,100,000 bytes.",
            415: proof.OTHER_TYPE,
            422: NO_FILE,
        },
    ),
    openapi_extra=MULTIPART,
)
async def upload_directly(request: Request, user: SignedIn) -> UploadResponse:
    """Take a picture through the API and start its analysis."""
    state = request.app.state
    # Parsed here and not by FastAPI, so that the token and the length are checked before the body is read.
    async with parsed_form(request) as form:
        upload = await _upload(form)
    started = await service.upload(
        state.database,
        state.storage,
        user_id=user.id,
        upload=upload,
        request_id=request_log.request_id.get(),
    )
    return UploadResponse(
        image_id=started.image_id,
        job_id=started.job_id,
        message="Image uploaded and processing started",
    )


async def _upload(form: FormData) -> Upload:
    product_id = form.get("product_id")
    if not isinstance(product_id, str):
        raise Invalid("product_id is required, as a form field.")
    file = file_of(form)
    try:
        name = _name.validate_python(file.filename or "image")
        owner = _uuid.validate_python(product_id)
    except ValidationError as error:
        raise Invalid("product_id must be a UUID, and the file's name plain text.") from error
    content_type = media_type(file.content_type)
    return Upload(owner, name[-MAX_NAME_LENGTH:], content_type, await file.read())


router.include_router(small)
router.include_router(large)
