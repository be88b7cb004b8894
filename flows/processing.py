"""``process-images``: a run is a shift: it stays open and takes single jobs as they come."""

import logging
from uuid import UUID

from prefect import flow, runtime

from flows.shift import Shift
from flows.steps import ImageRun, StepFailed
from flows.stopping import on_stop
from flows.workplace import Workplace, open_workplace
from imagineai_api import request_log, tracing
from imagineai_api.errors import ObjectChanged, Superseded, Unavailable
from imagineai_api.jobs.claims import Claimed
from imagineai_api.settings import read_settings
from imagineai_vision.findings import Attribute, Defect

log = logging.getLogger(__name__)

UNEXPECTED = "Processing met an error that it did not expect."


@flow(name="process-images", description="A shift: takes uploaded pictures as they come.", log_prints=False)
async def process_images(shift_id: UUID, minutes: float = 15, pictures: int = 2000) -> str:
    """Serve single jobs until the shift is over.

    Args:
        shift_id: The row of ``shifts`` that ordered this run.
        minutes: How long it stays open.
        pictures: After how many pictures it ends, whichever comes first.
    """
    async with open_workplace(read_settings()) as place:
        shift = Shift(place, shift_id, runtime.flow_run.id, process_image)
        with on_stop(shift.stop):
            served = await shift.serve(minutes=minutes, pictures=pictures)
    return f"{served} pictures served"


async def process_image(place: Workplace, work: Claimed, flow_run_id: str | None) -> str:
    """Run the five steps of one image; each writes its row and publishes its events.

    Returns:
        The outcome in a few words, for people.

    Raises:
        Superseded: The job was cancelled or deleted, or another worker holds the image now.
        Unavailable: A part is away: nothing is lost, the image goes back to the queue.
    """
    request_log.request_id.set(work.request_id)
    request_log.job_id.set(str(work.job_id))
    run = ImageRun(place, work, flow_run_id)
    with tracing.continued(
        "process image", {tracing.TRACEPARENT: work.traceparent}, _facts(work, flow_run_id)
    ):
        return await _run(place, work, run)


async def _run(place: Workplace, work: Claimed, run: ImageRun) -> str:
    try:
        return await _run_steps(place, work, run)
    except StepFailed as failure:
        await run.fail(str(failure), failure.end)
        return f"failed: {failure}"
    except (Superseded, Unavailable):
        raise
    except Exception:
        log.exception("Image %s of job %s", work.image_id, work.job_id)
        await run.fail(UNEXPECTED)
        return f"failed: {UNEXPECTED}"


async def _run_steps(place: Workplace, work: Claimed, run: ImageRun) -> str:
    async with run.step("preprocess") as report:
        image = await read_image(place, work)
        report.data = {"file_size_bytes": len(image)}
    async with run.step("classify") as report:
        prediction, model_version = await place.inference.predict(
            image, work.model_version, urgent=work.job_type == "single"
        )
        durations = prediction.durations_ms
        report.data = {
            "classification_label": prediction.label,
            "confidence": prediction.confidence,
            "model_version": model_version,
        }
        # The later steps' own work was done in the same call, and measured there.
        report.foreign_ms = durations["extract_attributes"] + durations["detect_defects"]
    async with run.step("extract_attributes") as report:
        report.elsewhere_ms = durations["extract_attributes"]
        report.data = {"attributes": [_attribute(found) for found in prediction.attributes]}
    async with run.step("detect_defects") as report:
        report.elsewhere_ms = durations["detect_defects"]
        report.data = {"defects": [_defect(found) for found in prediction.defects]}
    async with run.step("generate_description") as report:
        description = await place.writer.write(image, prediction)
        report.data = {"description_model": description.model}
    await run.complete(prediction, model_version, description)
    return f"{prediction.label} ({prediction.confidence:.0%})"


async def read_image(place: Workplace, work: Claimed) -> bytes:
    """Read the picture that was accepted, and no other.

    Raises:
        ObjectChanged: It was deleted or replaced since.
    """
    if work.s3_key is None or work.etag is None:
        raise ObjectChanged("The picture was deleted before it was processed.")
    return await place.storage.get(work.s3_key, work.etag)


def _facts(work: Claimed, flow_run_id: str | None) -> dict[str, str | int | None]:
    return {
        "job_id": str(work.job_id),
        "image_id": str(work.image_id),
        "request_id": work.request_id,
        "attempt": work.attempt,
        "flow_run_id": flow_run_id,
    }


def _attribute(found: Attribute) -> dict[str, object]:
    return {"name": found.name, "value": found.value, "confidence": found.confidence}


def _defect(found: Defect) -> dict[str, object]:
    return {"type": found.type, "severity": found.severity, "confidence": found.confidence}
