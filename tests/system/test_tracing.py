"""One trace from the request through the flow to the prediction, received by OTLP over HTTP."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests import platforms
from tests.contract.wire import a_user

STEPS = ["preprocess", "classify", "extract_attributes", "detect_defects", "generate_description"]


class Collector:
    """Receives spans as any OpenTelemetry collector does."""

    def __init__(self):
        self.spans = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def of_trace(self, trace_id):
        return [span for span in self.spans if span["trace_id"] == trace_id]

    def named(self, name, trace_id):
        return [span for span in self.of_trace(trace_id) if span["name"] == name]

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def _handler(self):
        spans = self.spans

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                message = ExportTraceServiceRequest()
                message.ParseFromString(_body(self))
                spans.extend(_flat(message))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                """Stay silent."""

        return Handler


def _body(request):
    import gzip

    body = request.rfile.read(int(request.headers["Content-Length"]))
    return gzip.decompress(body) if request.headers.get("Content-Encoding") == "gzip" else body


def _flat(message):
    for resource in message.resource_spans:
        about = {item.key: item.value.string_value for item in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield {
                    "service": about["service.name"],
                    "name": span.name,
                    "trace_id": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "attributes": {item.key: str(item.value) for item in span.attributes},
                    "whole": str(span),
                }


@pytest.fixture(scope="module")
def collector():
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def traced(tmp_path_factory, collector):
    """A platform that sends its spans to the collector."""
    home = tmp_path_factory.mktemp("traced") / "home"
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with platforms.running(home, **platforms.ROOMY, **variables) as started:
        yield started


@pytest.fixture(scope="module")
def user(traced):
    with a_user(traced.url) as user:
        yield user


@pytest.fixture(scope="module")
def trace(user, collector):
    """The spans of one upload that was asked for within a trace of the caller's own."""
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    user.http.headers["traceparent"] = f"00-{trace_id}-b7ad6b7169203331-01"
    uploaded = user.analysed(user.product()["id"])
    del user.http.headers["traceparent"]
    platforms.until(lambda: bool(collector.named("process image", trace_id)), "the flow's span")
    platforms.until(lambda: bool(collector.named("POST /predict", trace_id)), "the prediction's span")
    return trace_id, uploaded


def test_one_trace_goes_from_the_request_through_the_flow_to_the_prediction(trace, collector):
    trace_id, _ = trace
    [request] = collector.named("POST /api/v1/uploads/direct", trace_id)
    [image] = collector.named("process image", trace_id)
    [classify] = collector.named("classify", trace_id)
    [asked] = collector.named("POST /predict", trace_id)
    [predict] = collector.named("predict", trace_id)
    assert request["service"] == asked["service"] == predict["service"] == "imagineai-api"
    assert image["service"] == classify["service"] == "imagineai-flows"
    chain = [request, image, classify, asked, predict]
    assert [span["parent"] for span in chain[1:]] == [span["id"] for span in chain[:-1]]


def test_each_step_is_a_span_of_the_image(trace, collector):
    trace_id, _ = trace
    [image] = collector.named("process image", trace_id)
    steps = [span["name"] for span in collector.of_trace(trace_id) if span["parent"] == image["id"]]
    assert sorted(steps) == sorted(STEPS)


def test_a_span_names_its_job_and_its_flow_run(trace, collector, user):
    trace_id, uploaded = trace
    [image] = collector.named("process image", trace_id)
    assert uploaded["job_id"] in image["attributes"]["imagineai.job_id"]
    run = user.job(uploaded["job_id"])["celery_task_id"]
    assert run in image["attributes"]["imagineai.flow_run_id"]


def test_log_lines_of_service_and_flow_carry_the_trace(trace, traced):
    trace_id, _uploaded = trace
    lines = [
        json.loads(line)
        for line in (traced.home / "logs" / "api.log").read_text().splitlines()
        if line[:1] == "{"
    ]
    assert any(line.get("trace_id") == trace_id for line in lines)


def test_no_span_holds_a_token_or_a_password(trace, user, collector):
    _, uploaded = trace
    assert user.events(uploaded["job_id"])[1] == 1000
    user.login()
    marker = f"/products?search={uploaded['job_id']}"
    user.http.get(marker)
    platforms.until(
        lambda: any(uploaded["job_id"] in span["whole"] for span in collector.spans), "the last span"
    )
    everything = "".join(span["whole"] for span in collector.spans)
    secrets = [user.access_token, user.tokens["refresh_token"], user.password]
    assert [secret for secret in secrets if secret in everything] == []


def test_health_and_readiness_are_not_traced(trace, collector):
    assert [
        span["name"] for span in collector.spans if "/health" in span["name"] or "/ready" in span["name"]
    ] == []


def test_without_a_collector_pictures_are_processed_all_the_same(trace, user, collector):
    collector.close()
    user.analysed(user.product()["id"])
