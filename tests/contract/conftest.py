"""Users of the running platform, and a second service for what needs other settings."""

import httpx
import psycopg
import pytest

from tests.contract.services import SecondService
from tests.contract.wire import User, keeps_the_forms

MODEL = "imagineai"
LIMITS = {
    "RATE_LIMIT_AUTH": "10/minute",
    "RATE_LIMIT_UPLOAD": "30/minute",
    "RATE_LIMIT_ANALYSIS": "60/minute",
    "RATE_LIMIT_READ": "120/minute",
    "WEBSOCKETS_PER_USER": "5",
    "CORS_ORIGINS": "https://shop.example",
}


@pytest.fixture(scope="session")
def new_user(platform):
    """Make a registered user who is logged in."""
    users = []

    def make(**settings):
        users.append(User(platform.url, **settings))
        return users[-1]

    yield make
    for user in users:
        user.close()


@pytest.fixture(scope="module")
def user(new_user):
    """Who owns what the file's tests make."""
    return new_user()


@pytest.fixture(scope="session")
def stranger(new_user):
    """Somebody else, who must see nothing of it."""
    return new_user()


@pytest.fixture(scope="session")
def anonymous(platform):
    """A client without a token, at the service's root."""
    with httpx.Client(
        base_url=platform.url, timeout=60, event_hooks={"response": [keeps_the_forms]}
    ) as client:
        yield client


@pytest.fixture(scope="module")
def product(user):
    return user.product()


@pytest.fixture(scope="module")
def seen(user, product):
    """An upload whose job has completed."""
    return user.analysed(product["id"])


@pytest.fixture(scope="session")
def database(platform):
    """The operator's own connection, for what no call can do."""
    address = platform.env["DATABASE_URL"].replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="package")
def second(platform, tmp_path_factory):
    """A second service: the reference's rate limits, one allowed origin, lines that can be cut."""
    service = SecondService(platform.env, tmp_path_factory.mktemp("second") / "service.log", **LIMITS)
    yield service
    service.stop()


@pytest.fixture
def registry(platform):
    """Calls of MLflow's registry."""
    address = f"{platform.env['MLFLOW_TRACKING_URI']}/api/2.0/mlflow"
    with httpx.Client(base_url=address, timeout=60) as client:

        def call(method, path, **fields):
            arguments = {"params": fields} if method == "GET" else {"json": fields}
            answer = client.request(method, path, **arguments)
            assert answer.status_code == 200, answer.text
            return answer.json()

        yield call


@pytest.fixture
def promote(registry):
    """Promote a copy of the champion, whole or broken; the champion is the old one again afterwards."""
    alias = {"name": MODEL, "alias": "champion"}
    champion = registry("GET", "/registered-models/alias", **alias)["model_version"]

    def promote(digest=None):
        fields = {field: champion[field] for field in ("source", "run_id", "tags")}
        if digest is not None:
            others = [tag for tag in champion["tags"] if tag["key"] != "bundle.sha256"]
            fields["tags"] = [*others, {"key": "bundle.sha256", "value": digest}]
        fields["model_id"] = champion["source"].removeprefix("models:/")
        copy = registry("POST", "/model-versions/create", name=MODEL, **fields)["model_version"]["version"]
        registry("POST", "/registered-models/alias", **alias, version=copy)
        return copy

    yield promote
    registry("POST", "/registered-models/alias", **alias, version=champion["version"])
