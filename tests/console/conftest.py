"""Chromium, users, and findings that a test can count on."""

import json
import os
import shutil
import uuid

import psycopg
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.console.visitor import PATIENCE_MS, visiting
from tests.contract.wire import User, small_photo

LEFT_OUT = "The console was not tried in a browser: there is no chromium here (apt-get install chromium)."
DEFECTS = [("stain", "medium", 0.81, (20, 60, 40, 20)), ("tear", "high", 0.42, (90, 30, 30, 40))]


@pytest.fixture(scope="module")
def browser():
    """The machine's own Chromium; none is ever downloaded."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip(LEFT_OUT)
    expect.set_options(timeout=PATIENCE_MS)
    # Chromium refuses to run as root in its sandbox.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=options)
        yield started
        started.close()


@pytest.fixture
def visitor(browser, platform):
    with visiting(browser, platform) as one:
        yield one


@pytest.fixture(scope="module")
def owner(platform):
    """Whose catalogue the file's tests look at."""
    user = User(platform.url)
    yield user
    user.close()


@pytest.fixture
def at_home(visitor, owner):
    """The owner before the console, signed in."""
    visitor.is_user(owner)
    return visitor


@pytest.fixture(scope="session")
def operator(platform):
    """The operator's own connection, for what no photo of a test can be counted on to show."""
    address = platform.env["DATABASE_URL"].replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def damaged(owner, operator):
    """A photo with two defects: its product's id and its own."""
    product_id = owner.product(title="Damaged goods")["id"]
    image_id = owner.analysed(product_id, small_photo())["image_id"]
    analysis_id = owner.analysis(image_id)["id"]
    operator.execute("DELETE FROM detected_defects WHERE analysis_id = %s", [analysis_id])
    for position, (kind, severity, confidence, box) in enumerate(DEFECTS):
        place = json.dumps(dict(zip(("x", "y", "width", "height"), box, strict=True)))
        operator.execute(
            "INSERT INTO detected_defects (id, analysis_id, position, defect_type, severity, confidence,"
            " bounding_box, description) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [uuid.uuid4(), analysis_id, position, kind, severity, confidence, place, f"A {kind}."],
        )
    return product_id, image_id


@pytest.fixture(scope="module")
def replaced(owner):
    """A photo that another one was put in place of, whose analysis fails from now on: product and image."""
    product_id = owner.product(title="Replaced")["id"]
    return product_id, owner.replaced(product_id)
