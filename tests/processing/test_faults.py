"""Faults that nobody expected: they are told, and what goes on for ever goes on."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select

from flows.processing import process_image
from imagineai_api import background
from imagineai_api.errors import RegistryAway
from imagineai_api.inference.source import BundleSource, ModelVersion
from imagineai_api.jobs import claims
from imagineai_api.settings import Settings
from imagineai_api.tables import Job


class BrokenStorage:
    """Fails as no storage should."""

    async def get(self, key, etag):
        raise ZeroDivisionError


async def test_an_unexpected_fault_fails_its_image_in_words_and_nothing_else(place, upload):
    uploaded, untouched = await upload(), await upload()
    (work,) = await claims.claim(
        place.database, queue="single", limit=1, lease_s=60, max_attempts=3, job_id=uploaded.job_id
    )

    outcome = await process_image(replace(place, storage=BrokenStorage()), work, None)

    assert outcome.startswith("failed: Processing met an error")
    async with place.database.reading() as connection:
        query = select(Job.id, Job.status).where(Job.id.in_([uploaded.job_id, untouched.job_id]))
        statuses = {row.id: row.status for row in await connection.execute(query)}
    assert statuses == {uploaded.job_id: "failed", untouched.job_id: "queued"}


async def test_background_work_that_a_fault_ends_begins_again(monkeypatch):
    monkeypatch.setattr(background, "AGAIN_AFTER_S", 0)
    begun_again, beginnings = asyncio.Event(), []

    async def work():
        beginnings.append(None)
        if len(beginnings) == 1:
            raise ZeroDivisionError
        begun_again.set()
        await asyncio.Event().wait()

    async with background.working(work), asyncio.timeout(10):
        await begun_again.wait()


def test_a_cut_bundle_in_the_cache_is_thrown_away_in_words(tmp_path):
    source = BundleSource(Settings(model_cache=tmp_path))
    cached = tmp_path / f"imagineai-7-{'a' * 12}"
    cached.mkdir()
    (cached / "model.json").write_text('{"format": 1')

    with pytest.raises(RegistryAway, match="not the one that was registered"):
        source.fetch(ModelVersion("7", None, "a" * 64))

    assert not cached.exists()
