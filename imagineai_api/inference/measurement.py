"""One prediction as metrics and as a span."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from imagineai_api import metrics, tracing
from imagineai_api.errors import NotAPicture


@dataclass
class Measurement:
    """What the engine says of its own work: milliseconds by stage."""

    durations_ms: Mapping[str, float] = field(default_factory=dict)


@contextmanager
def measured(version: str) -> Iterator[Measurement]:
    """Count and time the prediction that is made in the block; what no stage claims was spent waiting."""
    measurement, began, outcome = Measurement(), time.perf_counter(), "failed"
    with tracing.tracer.start_as_current_span("predict") as span, metrics.predictions_held.track_inprogress():
        span.set_attribute("imagineai.model_version", version)
        try:
            yield measurement
            outcome = "completed"
        except NotAPicture:
            outcome = "refused"
            raise
        except asyncio.CancelledError:
            outcome = "given_up"
            raise
        finally:
            metrics.predictions.labels(version, outcome).inc()
            span.set_attributes({f"imagineai.{name}_ms": ms for name, ms in measurement.durations_ms.items()})
    _observe(measurement.durations_ms, (time.perf_counter() - began) * 1e3)


def _observe(durations_ms: Mapping[str, float], total_ms: float) -> None:
    waited_ms = max(0.0, total_ms - sum(durations_ms.values()))
    for stage, duration_ms in {**durations_ms, "wait": waited_ms}.items():
        metrics.prediction_seconds.labels(stage).observe(duration_ms / 1e3)
