"""Multipart forms, read where a route asks for them: FastAPI would read the body before the gate."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from python_multipart.exceptions import FormParserError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from imagineai_api.errors import Invalid

NO_FILE = "file is required, as a multipart file part."


def media_type(header: str | None) -> str:
    """Give the type that a Content-Type header names, without its parameters."""
    return (header or "").partition(";")[0].strip().lower()


def file_of(form: FormData) -> UploadFile:
    """Give the form's file.

    Raises:
        Invalid: It has none.
    """
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise Invalid(NO_FILE)
    return file


@asynccontextmanager
async def parsed_form(request: Request) -> AsyncIterator[FormData]:
    """Parse a form with one file.

    Raises:
        Invalid: Whatever is wrong with its encoding, in one sentence.
    """
    try:
        form = await request.form(max_files=1, max_fields=10)
    except (HTTPException, MultiPartException, FormParserError, ValueError, KeyError) as error:
        raise Invalid("The body is not a well-formed multipart form with one file.") from error
    try:
        yield form
    finally:
        await form.close()
