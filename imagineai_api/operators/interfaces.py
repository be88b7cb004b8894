"""Which UIs there are, where each one is, and how its addresses here become its own."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from imagineai_api.errors import NotFound
from imagineai_api.settings import Settings

Rewrite = Callable[[bytes], bytes]
AT_HOME = "connect-src 'self'"
"""Keeps pages from telling other hosts how they are used, and what runs in them from carrying data away."""


@dataclass(frozen=True)
class Interface:
    """One of the operators' UIs.

    Attributes:
        name: How a person calls it.
        purpose: What it is for, as sentences.
        start: Where it begins here.
        ways: Each path here with the path there, the longest first.
        sign_of_life: A path here that it answers with 200 where it is well.
        upstream: Its own address; None where there is none.
        absent: Why there is none.
        headers: What it is shown in the operator's place.
        rewrites: Answers, by their path here, that name an address which is another one here.
        hidden: What its pages would tell the browser, and must not.
        policy: What its pages may do beside what they say themselves.
    """

    name: str
    purpose: str
    start: str
    ways: tuple[tuple[str, str], ...]
    sign_of_life: str
    upstream: SplitResult | None
    absent: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    rewrites: Mapping[str, Rewrite] = field(default_factory=dict)
    hidden: str = ""
    policy: str = ""

    @property
    def place(self) -> str:
        """The path here below which all of it is."""
        return self.ways[-1][0]

    @property
    def origin(self) -> str:
        """Its own scheme, host and port."""
        assert self.upstream is not None, "only what is there has an origin"  # noqa: S101
        return f"{self.upstream.scheme}://{self.upstream.netloc}"

    def path_there(self, path: str) -> str:
        """Turn a path here, escaped as it came, into its own.

        Raises:
            NotFound: It is written in a way that no page writes it.
        """
        for here, there in self.ways:
            if path == here or path.startswith(f"{here}/"):
                return f"{there}{path.removeprefix(here)}" or "/"
        raise NotFound

    def rewrite(self, path: str, media_type: str) -> Rewrite | None:
        """Give what makes of an answer the one for the browser; None where it is as it should be."""
        if path in self.rewrites:
            return self.rewrites[path]
        if self.hidden and media_type.startswith("text/html"):
            return lambda page: page.replace(self.hidden.encode(), b"")
        return None

    def address_here(self, address: str) -> str:
        """Turn an address that it redirects to into one here; what leads elsewhere stays as it is."""
        path = address.removeprefix(self.origin)
        if not path.startswith("/") or path.startswith("//"):
            return address
        for here, there in self.ways:
            if path == there or path.startswith(f"{there}/"):
                return f"{here}{path.removeprefix(there)}"
        return address


def all_interfaces(settings: Settings) -> tuple[Interface, ...]:
    """Describe Prefect, MLflow and JupyterLab, also those that are not there."""
    return (_prefect(settings), _mlflow(settings), _jupyter(settings))


def metrics(settings: Settings) -> Interface:
    """Describe the service's metrics: of its private port nothing else is shown."""
    return Interface(
        name="The service",
        purpose="What Prometheus reads.",
        start="/metrics",
        ways=(("/metrics", "/metrics"),),
        sign_of_life="/metrics",
        upstream=urlsplit(settings.inference_url),
    )


def _prefect(settings: Settings) -> Interface:
    """Its pages know their base path (PREFECT_UI_SERVE_BASE) and ask them for the API's whole address."""
    api = urlsplit(settings.prefect_api_url.rstrip("/"))
    upstream, absent = _open(api, "PREFECT_API_URL")
    return Interface(
        name="Prefect",
        purpose="Flow runs: the shifts that serve uploads, each batch, housekeeping and retraining, with logs"
        " and schedules.",
        start="/prefect/",
        ways=(("/prefect/api", api.path), ("/prefect", "/prefect")),
        sign_of_life="/prefect/ui-settings",
        upstream=upstream,
        absent=absent,
        rewrites={"/prefect/ui-settings": _with_api_here},
        policy=AT_HOME,
    )


def _mlflow(settings: Settings) -> Interface:
    """Its pages name everything relative to themselves, so any path will do."""
    address = urlsplit(settings.mlflow_tracking_uri.rstrip("/"))
    upstream, absent = _open(address, "MLFLOW_TRACKING_URI")
    return Interface(
        name="MLflow",
        purpose="Experiments and the model registry: which version is the champion, what it was measured to"
        " do, and its card.",
        start="/mlflow/#/models",  # its own start page is of other things
        ways=(("/mlflow", address.path),),
        sign_of_life="/mlflow/health",
        upstream=upstream,
        absent=absent,
        policy=AT_HOME,
    )


def _jupyter(settings: Settings) -> Interface:
    """Its pages know their base path (ServerApp.base_url); the token stays on this side of the browser."""
    address = urlsplit((settings.jupyter_url or "").rstrip("/"))
    upstream, absent = _open(address, "JUPYTER_URL")
    if not settings.jupyter_url:
        upstream, absent = None, "JUPYTER_URL is not set."
    token = settings.jupyter_token
    return Interface(
        name="JupyterLab",
        purpose="Notebooks, terminals and the repository's files, with the rights of the user who runs the"
        " platform.",
        start="/jupyter/lab",
        ways=(("/jupyter", address.path),),
        sign_of_life="/jupyter/api",
        upstream=upstream,
        absent=absent,
        headers={"Authorization": f"token {token}"} if token else {},
        hidden=token or "",
    )


def _open(address: SplitResult, variable: str) -> tuple[SplitResult | None, str]:
    """Leave out what has a login of its own: nobody here may borrow the service's."""
    if "@" in address.netloc:
        return None, f"{variable} carries a password: open it where it is, with a login of your own."
    return address, ""


def _with_api_here(settings: bytes) -> bytes:
    return json.dumps({**json.loads(settings), "api_url": "/prefect/api"}).encode()
