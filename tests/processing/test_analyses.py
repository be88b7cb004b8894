"""The analysis row of an image that no worker has touched yet."""

import pytest

from imagineai_api.analysis import service as analyses
from imagineai_api.errors import Conflict


async def test_an_uploaded_image_has_a_pending_analysis_before_any_worker_begins(place, owner, upload):
    uploaded = await upload()

    async with place.database.reading() as connection:
        analysis = await analyses.get(connection, owner, uploaded.image_id)

    assert (analysis["status"], analysis["model_version"]) == ("pending", "pending")
    assert (analysis["classification_label"], analysis["classification_scores"]) == (None, {})
    assert (analysis["extracted_attributes"], analysis["detected_defects"]) == ([], [])


async def test_a_retry_before_the_first_run_has_ended_is_a_conflict(place, owner, upload):
    uploaded = await upload()

    with pytest.raises(Conflict):
        async with place.database.transaction() as connection:
            await analyses.retry(connection, owner, uploaded.image_id, request_id=None)
