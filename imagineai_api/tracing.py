"""Traces by OpenTelemetry, where OTEL_EXPORTER_OTLP_ENDPOINT is set.

A trace begins with a request, is kept in the job's row, goes on in the flow that processes the job, and from
there into the prediction service. Without the setting every span here is OpenTelemetry's empty one.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from fastapi.telemetry import TelemetryConfig
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind
from opentelemetry.util.types import AttributeValue
from starlette.types import Scope

from imagineai_api.settings import Settings

UNTRACED = frozenset({"/health", "/ready"})
"""Asked every few seconds by whatever watches the service."""
EXPORT_TIMEOUT_S = 3
TRACEPARENT = "traceparent"

tracer = trace.get_tracer("imagineai")


def start(settings: Settings, service: str) -> None:
    """Export this process's spans under a service's name, where the settings say whereto.

    OTEL_TRACES_SAMPLER, OTEL_RESOURCE_ATTRIBUTES and the like are read by OpenTelemetry itself.
    """
    if settings.otel_exporter_otlp_endpoint is None:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return  # a process that runs flows may run several
    exporter = OTLPSpanExporter(
        f"{settings.otel_exporter_otlp_endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_TIMEOUT_S
    )
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


def of_requests() -> TelemetryConfig:
    """Say what FastAPI records by itself: a span a request, nothing of its content."""
    return TelemetryConfig(
        tracing=True,
        metrics=False,
        logs=False,
        operation_spans=False,
        auto_configure=False,
        exclude=_untraced,
    )


def traceparent() -> str | None:
    """Give the current span as a W3C traceparent; None where nothing is traced."""
    return headers().get(TRACEPARENT)


def headers() -> dict[str, str]:
    """Give the headers that carry the current span to another service."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


@contextmanager
def continued(
    name: str,
    carrier: Mapping[str, str | None],
    attributes: Mapping[str, AttributeValue | None],
    kind: SpanKind = SpanKind.CONSUMER,
) -> Iterator[Span]:
    """Open a span whose parent came from elsewhere: by a header, or by a job's row."""
    known = {key: value for key, value in carrier.items() if value is not None}
    parent = propagate.extract(known, context=Context())
    said = {f"imagineai.{key}": value for key, value in attributes.items() if value is not None}
    with tracer.start_as_current_span(name, context=parent, kind=kind, attributes=said) as span:
        yield span


def trace_id() -> str | None:
    """Give the id of the current trace as it is written, 32 hexadecimal digits; None where there is none."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


def _untraced(scope: Scope) -> bool:
    return scope["path"] in UNTRACED
