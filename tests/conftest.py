"""The platform that the tests share: real services, started once, stopped even when tests fail."""

import os
import uuid

import boto3
import pytest
from botocore.config import Config

from tests import platforms, sharing
from tests.receiver import Receiver

if "PYTEST_XDIST_WORKER" in os.environ:
    # Threads of one training wait for each other: beside another worker's load that takes most of its time.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Share the tests among workers so that one alone starts the platform below."""
    return sharing.FileByFile(config, log)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """Stop what a worker that was interrupted had no time to stop."""
    if not hasattr(session.config, "workerinput") and session.config.getoption("numprocesses", None):
        platforms.stop_all_below(session.config._tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def platform(tmp_path_factory):
    """A whole platform with roomy limits in a home of its own."""
    home = tmp_path_factory.mktemp("platform") / "home"
    with platforms.running(
        home, **platforms.ROOMY, **platforms.CALLS_BACK, **platforms.given_services()
    ) as started:
        yield started


@pytest.fixture(scope="session")
def s3(platform):
    """The operator's own way to S3."""
    env = platform.env
    client = boto3.client(
        "s3",
        endpoint_url=env["S3_ENDPOINT_URL"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        region_name=env["AWS_DEFAULT_REGION"],
        config=Config(s3={"addressing_style": "path"}),
    )
    yield client
    client.close()


@pytest.fixture(scope="session")
def bucket(platform, s3):
    """List the keys in the bucket below a prefix."""

    def keys(prefix):
        listed = s3.list_objects_v2(Bucket=platform.env["S3_BUCKET"], Prefix=prefix)
        return [item["Key"] for item in listed.get("Contents", [])]

    return keys


@pytest.fixture(scope="session")
def place_object(platform, s3):
    """Put an object under a key past every presigned URL, as only the operator can."""

    def put(key, content, kind="image/jpeg"):
        s3.put_object(Bucket=platform.env["S3_BUCKET"], Key=key, Body=content, ContentType=kind)

    return put


@pytest.fixture(scope="module")
def receiver():
    """Whom webhooks call."""
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def path():
    """A path of the receiver that no other test's calls lead to."""
    return f"/{uuid.uuid4().hex}"
