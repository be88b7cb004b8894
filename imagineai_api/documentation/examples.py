"""The ids and times of the one story that the document's examples tell."""

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict

USER_ID = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
PRODUCT_ID = "b2c3d4e5-f6a7-4901-bcde-f12345678901"
IMAGE_ID = "c3d4e5f6-a7b8-4012-8def-123456789012"
OTHER_IMAGE_ID = "d4e5f6a7-b8c9-4123-9efa-234567890123"
ANALYSIS_ID = "e5f6a7b8-c9d0-4234-afab-345678901234"
JOB_ID = "f6a7b8c9-d0e1-4345-babc-456789012345"
FLOW_RUN_ID = "abc12345-def6-4890-8bcd-0123456789ab"
CREATED_AT = "2025-01-15T10:30:00Z"
STARTED_AT = "2025-01-15T10:30:01Z"
ENDED_AT = "2025-01-15T10:30:02Z"


def shown(example: Mapping[str, Any], *, populate_by_name: bool = False) -> ConfigDict:
    """Make the configuration of a schema that shows one example of itself."""
    return ConfigDict(
        json_schema_extra={"examples": [dict(example)]},
        populate_by_name=populate_by_name,
        protected_namespaces=(),
    )


def shown_as(example: Mapping[str, Any]) -> dict[str, Any]:
    """Show an answer of a route otherwise than by the example of its schema."""
    return {"content": {"application/json": {"example": example}}}
