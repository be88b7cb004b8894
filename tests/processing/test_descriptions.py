"""Who writes a description. Where Bedrock is not to be had, an HTTP server answers by its protocol."""

import http.server
import io
import json
import threading

import pytest
from PIL import Image

from imagineai_api.analysis.description import LOCAL_WRITER, compose, make_writer
from imagineai_api.errors import DescriptionError
from imagineai_api.settings import Settings
from imagineai_vision.findings import Attribute, Box, Defect, Prediction

MODEL = "anthropic.claude-3-5-sonnet"
MUG = Prediction("mug", 0.9, {"mug": 0.9, "other": 0.1}, "home_garden", "kitchen")


@pytest.fixture
def image():
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), "teal").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def bedrock():
    """A server that answers /model/<id>/converse as it is told and keeps what it was asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            server.asked.append((self.path, json.loads(self.rfile.read(length))))
            status, body = server.answer
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_):
            """Say nothing on the terminal."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    server.answer = (
        200,
        {"output": {"message": {"role": "assistant", "content": [{"text": "A teal mug."}]}}},
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def bedrock_settings(bedrock):
    return Settings(
        bedrock_model_id=MODEL,
        bedrock_region="eu-central-1",
        bedrock_endpoint_url=f"http://127.0.0.1:{bedrock.server_port}",
        bedrock_attempts=2,
        bedrock_timeout_s=5,
        bedrock_access_key_id="key",
        bedrock_secret_access_key="secret",
    )


async def test_bedrock_sees_the_picture_and_is_named_as_the_writer(bedrock, bedrock_settings, image):
    written = await make_writer(bedrock_settings).write(image, MUG)

    assert (written.text, written.model) == ("A teal mug.", MODEL)
    ((path, body),) = bedrock.asked
    assert path == f"/model/{MODEL}/converse"
    assert body["messages"][0]["content"][0]["image"]["format"] == "jpeg"


async def test_a_bedrock_failure_is_an_error_in_words_after_bounded_retries(bedrock, bedrock_settings, image):
    bedrock.answer = (503, {"message": "down"})

    with pytest.raises(DescriptionError, match="Amazon Bedrock did not write the description"):
        await make_writer(bedrock_settings).write(image, MUG)

    assert len(bedrock.asked) == 2


async def test_by_setting_the_local_writer_steps_in_and_says_so(bedrock, bedrock_settings, image):
    bedrock.answer = (400, {"message": "no"})
    settings = bedrock_settings.model_copy(update={"bedrock_fallback": True})

    written = await make_writer(settings).write(image, MUG)

    assert written.model == LOCAL_WRITER


async def test_without_a_bedrock_model_the_local_writer_writes(image):
    written = await make_writer(Settings(bedrock_model_id=None)).write(image, MUG)

    assert (written.text, written.model) == ("A mug.", LOCAL_WRITER)


@pytest.mark.parametrize(
    ("prediction", "sentence"),
    [
        (MUG, "A mug."),
        (
            Prediction(
                "mug", 0.9, {}, "c", "s", (Attribute("color", "blue", 0.9), Attribute("color", "white", 0.5))
            ),
            "A mug in blue and white.",
        ),
        (
            Prediction("armchair", 0.9, {}, "c", "s", (Attribute("material", "leather", 0.8),)),
            "A leather armchair.",
        ),
        (
            Prediction("other", 0.9, {}, "c", "s"),
            "A product that was not recognised with confidence.",
        ),
        (
            Prediction(
                "mug", 0.9, {}, "c", "s", (), (Defect("missing_part", "low", 0.9, Box(0, 0, 1, 1), "x"),)
            ),
            "A mug. Visible defects: missing part.",
        ),
    ],
)
def test_the_local_writer_says_what_was_found_and_nothing_more(prediction, sentence):
    assert compose(prediction) == sentence
