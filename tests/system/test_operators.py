"""The operators' page over the wire: who comes in, who does not, and what crosses to the UIs and back."""

import contextlib
import http.server
import json
import signal
import subprocess
import sys
import threading
import uuid

import httpx
import psycopg
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import serve

from tests import platforms
from tests.contract.wire import PASSWORD, a_user
from tests.documents import ROOT

NO_FILE = "/jupyter/static/lab/main.js"
PLACES = {
    "Prefect": ["/prefect/", "/prefect/ui-settings", "/prefect/api/health"],
    "MLflow": ["/mlflow/", "/mlflow/health", "/mlflow/ajax-api/2.0/mlflow/registered-models/search"],
    "JupyterLab": ["/jupyter/lab", "/jupyter/api", "/jupyter/api/kernels", NO_FILE],
}
ALL = [path for paths in PLACES.values() for path in paths] + ["/", "/metrics", "/prefect", "/nothing"]
SOCKETS = ["/prefect/api/events/out", "/mlflow/anything", "/jupyter/api/events/subscribe", "/"]
NORMAL, REFUSED = 1000, 1008
PAGE = {"Accept": "text/html"}


class Visitor:
    """A browser's requests to an operators' page, with its cookies, from its own origin."""

    def __init__(self, url, **settings):
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=60, headers={"Origin": url}, **settings)

    def signs_in(self, user, password=PASSWORD, **more):
        form = {"email": user.email, "password": password, **more}
        return self.http.post("/sign-in", data=form, headers=PAGE)

    def cookie(self):
        """The session's, as a header."""
        kept = [each for each in self.http.cookies.jar if "imagineai" in each.name]
        return "; ".join(f"{each.name}={each.value}" for each in kept)

    def socket(self, path, **headers):
        sent = {"Cookie": self.cookie(), "Origin": self.url, **headers}
        address = f"{self.url.replace('http', 'ws', 1)}{path}"
        return connect(address, additional_headers=sent, open_timeout=30, proxy=None, max_size=None)


@pytest.fixture(scope="module")
def page(platform):
    return platform.env["OPERATORS_URL"]


@pytest.fixture(scope="module")
def database(platform):
    address = platform.env["DATABASE_URL"].replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


def role(platform, *arguments):
    """Run the command that gives and takes the role."""
    return subprocess.run(
        [sys.executable, "-m", "imagineai_api.roles", *arguments],
        env={**platforms.clean_environment(), **platform.env},
        capture_output=True,
        text=True,
        check=False,
    )


def verb(platform, email, **variables):
    """Type `make admin` in a shell in which these variables are set."""
    typed = {"IMAGINEAI_HOME": str(platform.home), **variables}
    return subprocess.run(
        ["make", "--old-file=.venv/ready", "admin", f"EMAIL={email}"],
        cwd=ROOT,
        env=platforms.clean_environment(**typed),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def plain_user(platform):
    """An account as everybody has it."""
    with a_user(platform.url) as user:
        yield user


@pytest.fixture
def admin(plain_user, database):
    """An account with the role."""
    give_role(database, plain_user, "admin")
    return plain_user


def give_role(database, user, new):
    database.execute("UPDATE users SET role = %s WHERE id = %s", [new, user.id])


@pytest.fixture
def stranger(page):
    visitor = Visitor(page)
    yield visitor
    visitor.http.close()


@pytest.fixture
def operator(page, admin):
    visitor = Visitor(page)
    assert visitor.signs_in(admin).status_code == 303
    yield visitor
    visitor.http.close()


# Who comes in


@pytest.mark.parametrize("path", ALL)
def test_a_stranger_is_asked_to_sign_in_wherever_he_comes(stranger, path):
    shown = stranger.http.get(path, headers=PAGE)
    assert shown.status_code == 401
    assert 'action="/sign-in"' in shown.text
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        said = stranger.http.request(method, path)
        assert said.status_code == 401, method
        assert said.json() == {"detail": "Sign in to go on."}, method


@pytest.mark.parametrize("path", SOCKETS)
def test_a_strangers_socket_is_refused(stranger, path):
    for cookie in ("", "imagineai-operator=made-up"):
        with pytest.raises(InvalidStatus) as refused:
            stranger.socket(path, Cookie=cookie)
        assert refused.value.response.status_code == 401


@pytest.mark.parametrize(
    "path", ["/static/../jupyter/api", "/static//../../prefect/", "//jupyter/api", "/%6aupyter/api"]
)
def test_no_way_of_writing_an_address_leads_past_the_door(platform, page, path):
    port = platform.env["OPERATORS_PORT"]
    done = subprocess.run(
        ["curl", "--silent", "--path-as-is", "--write-out", "%{http_code}", f"http://127.0.0.1:{port}{path}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout[-3:] in {"401", "404"}
    assert "version" not in done.stdout


def test_a_plain_user_is_told_in_words_and_gets_no_session(stranger, plain_user):
    told = stranger.signs_in(plain_user)
    assert told.status_code == 403
    assert "This account is not an operator" in told.text
    assert not stranger.http.cookies
    assert stranger.http.get("/mlflow/health").status_code == 401


def test_a_wrong_password_and_an_unknown_email_are_refused_in_the_same_words(stranger, admin):
    said = []
    for email, password in ((admin.email, "not the one"), ("nobody@example.com", PASSWORD)):
        told = stranger.signs_in(admin, password, email=email, go_on="/mlflow/?x=1")
        assert told.status_code == 401
        assert 'value="/mlflow/?x=1"' in told.text
        said.append(told.text.replace(email, ""))
    assert said[0] == said[1]
    assert "The email or the password is wrong." in said[0]


def test_an_operator_signs_in_and_goes_on_where_he_was(stranger, admin):
    asked = stranger.http.get("/jupyter/lab/tree/notebooks?reset=1", headers=PAGE)
    assert 'name="go_on" value="/jupyter/lab/tree/notebooks?reset=1"' in asked.text
    told = stranger.signs_in(admin, go_on="/jupyter/lab/tree/notebooks?reset=1")
    assert (told.status_code, told.headers["Location"]) == (303, "/jupyter/lab/tree/notebooks?reset=1")


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "/\\evil.example", "https://evil.example", "mlflow", "/a\nb"]
)
def test_a_sign_in_never_goes_on_elsewhere(stranger, admin, elsewhere):
    assert stranger.signs_in(admin, go_on=elsewhere).headers["Location"] == "/"


@pytest.mark.parametrize("path", [path for path in ALL if path not in {"/nothing", NO_FILE}])
def test_an_operator_reaches_each_ui(operator, path):
    assert operator.http.get(path, follow_redirects=True).status_code == 200


def test_jupyterlabs_token_stays_on_this_side_of_the_browser(operator, platform):
    shown = operator.http.get("/jupyter/lab")
    assert platform.env["JUPYTER_TOKEN"] not in shown.text + str(shown.headers)


def test_the_page_says_which_ui_answers_and_how_the_service_is(operator):
    shown = operator.http.get("/", headers=PAGE).text
    assert shown.count(">answers<") == 3
    for part in ("database", "redis", "storage", "models", "prefect"):
        assert f"<dt>{part}</dt><dd>ok</dd>" in shown
    assert "imagineai_http_requests" in operator.http.get("/metrics").text


def test_of_the_services_private_port_only_the_metrics_are_shown(operator):
    for path in ("/metrics/", "/metrics/x", "/metrics%2f..%2fpromoted", "/promoted", "/predict"):
        assert operator.http.get(path).status_code == 404
    assert operator.http.post("/metrics").status_code == 405


# How it ends


def test_a_role_that_is_taken_away_counts_at_the_next_request(operator, admin, database):
    give_role(database, admin, "user")
    told = operator.http.get("/jupyter/api/kernels", headers=PAGE)
    assert told.status_code == 403
    assert "This account is not an operator" in told.text


def test_the_command_that_takes_the_role_away_ends_its_sessions(operator, admin, platform):
    assert role(platform, admin.email, "user").stdout == f"{admin.email} has the role user.\n"
    assert role(platform, admin.email.upper(), "admin").returncode == 0
    assert operator.http.get("/mlflow/health").status_code == 401
    assert operator.signs_in(admin).status_code == 303


def test_the_verb_asks_the_platforms_database_unless_another_is_named(plain_user, platform):
    email = plain_user.email
    mlflow_elsewhere = verb(platform, email, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert mlflow_elsewhere.stdout == f"{email} has the role admin.\n", mlflow_elsewhere.stderr
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:9/nothing"
    assert "cannot be reached" in verb(platform, email, DATABASE_URL=nowhere).stderr


def test_a_disabled_account_is_cut_off_at_the_next_request(operator, admin, database):
    database.execute("UPDATE users SET is_active = false WHERE id = %s", [admin.id])
    assert operator.http.get("/mlflow/health").status_code == 401
    assert operator.signs_in(admin).status_code == 401


def test_an_open_socket_is_cut_off_with_the_role(operator, admin, database):
    with operator.socket("/jupyter/api/events/subscribe") as socket:
        give_role(database, admin, "user")
        with pytest.raises(ConnectionClosed) as ended:
            socket.recv(timeout=60)
    assert ended.value.rcvd.code == REFUSED


def test_signing_out_ends_the_session_and_not_only_the_cookie(operator):
    kept = operator.cookie()
    assert operator.http.post("/sign-out").status_code == 303
    assert not operator.http.cookies
    assert operator.http.get("/mlflow/health", headers={"Cookie": kept}).status_code == 401


def test_addresses_that_only_forms_lead_to_lead_to_the_first_page(stranger):
    for path in ("/sign-in", "/sign-out"):
        told = stranger.http.get(path, headers=PAGE)
        assert (told.status_code, told.headers["Location"]) == (303, "/")


def test_a_failed_sign_in_leaves_the_session_that_there_is(operator, admin):
    assert operator.signs_in(admin, "not the one").status_code == 401
    assert operator.http.get("/mlflow/health").status_code == 200


@pytest.mark.parametrize(("column", "ago"), [("used_at", "31 minutes"), ("created_at", "13 hours")])
def test_a_session_ends_by_itself(operator, admin, database, column, ago):
    assert operator.http.get("/mlflow/health").status_code == 200
    database.execute(
        f"UPDATE operator_sessions SET {column} = now() - %s::interval WHERE user_id = %s", [ago, admin.id]
    )
    assert operator.http.get("/mlflow/health").status_code == 401


def test_the_database_holds_no_token(operator, admin, database):
    (stored,) = database.execute(
        "SELECT token_hash FROM operator_sessions WHERE user_id = %s", [admin.id]
    ).fetchone()
    (token,) = operator.http.cookies.values()
    assert token.encode() not in stored


# Other pages in the same browser


@pytest.mark.parametrize("origin", ["http://127.0.0.1:1", "https://evil.example", "null", None])
@pytest.mark.parametrize("path", ["/mlflow/ajax-api/2.0/mlflow/experiments/create", "/sign-in", "/sign-out"])
def test_what_another_page_sends_changes_nothing(operator, admin, path, origin):
    headers = {"Origin": origin} if origin else {}
    del operator.http.headers["Origin"]
    told = operator.http.post(path, json={"name": uuid.uuid4().hex}, headers=headers)
    assert told.status_code == 403
    assert told.json() == {"detail": "This request comes from another page than the operators'."}
    assert operator.http.get("/mlflow/health").status_code == 200


def test_another_pages_socket_is_refused(operator):
    for origin in ("http://127.0.0.1:1", "https://evil.example", "null"):
        with pytest.raises(InvalidStatus) as refused:
            operator.socket("/jupyter/api/events/subscribe", Origin=origin)
        assert refused.value.response.status_code == 403


def test_another_page_can_lead_here_but_neither_read_nor_embed(operator):
    del operator.http.headers["Origin"]
    near = {"Sec-Fetch-Site": "same-site"}
    visit = {**near, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    framed = {**near, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    script = {**near, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}
    statuses = [
        operator.http.get("/mlflow/health", headers=way).status_code for way in (visit, framed, script)
    ]
    assert statuses == [200, 403, 403]


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(stranger, admin):
    said = stranger.signs_in(admin).headers["Set-Cookie"].lower()
    assert said.startswith("imagineai-operator=")
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip() for part in said.split(";")}
    assert "domain" not in said


def test_its_own_pages_run_no_script_at_all(operator):
    policy = operator.http.get("/", headers=PAGE).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'")
    assert "frame-ancestors 'none'" in policy


# The role


def test_nobody_becomes_an_admin_by_asking(platform, stranger):
    wish = {
        "email": f"{uuid.uuid4().hex}@example.com",
        "password": PASSWORD,
        "full_name": "Jane",
        "role": "admin",
    }
    assert httpx.post(f"{platform.url}/api/v1/auth/register", json=wish, timeout=60).status_code == 201
    assert role(platform, wish["email"]).stdout == f"{wish['email']} has the role user.\n"


def test_the_command_names_an_account_that_is_not_there(platform):
    done = role(platform, "nobody@example.com", "admin")
    assert (done.returncode, done.stderr) == (1, "There is no account nobody@example.com.\n")


# What crosses, seen from the other side: a page whose MLflow is a server of the test's


class Echo(http.server.BaseHTTPRequestHandler):
    """Tells what it was asked, and does what the path says."""

    protocol_version = "HTTP/1.1"
    may_end = threading.Event()

    def do_GET(self):
        if self.path.startswith("/slow"):
            self._slowly()
        elif self.path.startswith("/away"):
            self._send(302, b"", Location=self.path.partition("to=")[2])
        else:
            self._send(200, self._told())

    def do_POST(self):
        self._send(200, self._told(self._body()))

    def _body(self):
        if "content-length" in self.headers:
            return self.rfile.read(int(self.headers["content-length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _told(self, body=b""):
        told = {"line": self.requestline, "headers": self.headers.items(), "body": body.decode("latin-1")}
        return json.dumps(told).encode()

    def _send(self, status, body, **headers):
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name, str(value))
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.end_headers()
        self.wfile.write(body)

    def _slowly(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        assert self.may_end.wait(60)
        self.wfile.write(b"4\r\nlast\r\n0\r\n\r\n")

    def log_message(self, *_):
        """Say nothing."""


def echo_socket(socket):
    """Say first how the handshake came, then everything that is said, until told how to end."""
    request = socket.request
    socket.send(json.dumps({"path": request.path, "headers": list(request.headers.raw_items())}))
    for message in socket:
        if message == "end":
            socket.close(4321, "as told")
            return
        socket.send(message)


def _last_offered(_, offered):
    return offered[-1] if offered else None


@contextlib.contextmanager
def listening(server, serve_forever, shutdown):
    thread = threading.Thread(target=serve_forever)
    thread.start()
    try:
        yield server
    finally:
        shutdown()
        thread.join()


@contextlib.contextmanager
def another_page(platform, tmp_path, **variables):
    """A second operators' page on the same platform, with settings of its own."""
    port = platforms.free_base()
    env = {**platforms.clean_environment(), **platform.env, "OPERATORS_PORT": str(port), **variables}
    url = f"http://127.0.0.1:{port}"
    with (tmp_path / "operators.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "imagineai_api.operators"], env=env, stdout=log, stderr=log
        )
    try:
        platforms.until(lambda: _answers(url), "the operators' page answers")
        yield url
    finally:
        process.terminate()
        assert process.wait(30) == -signal.SIGTERM


def _answers(url):
    try:
        return httpx.get(f"{url}/health", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def beyond(platform, database, tmp_path_factory):
    """An operator before a page whose MLflow tells what reaches it, and whose JupyterLab is a socket."""
    http_server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    socket_server = serve(echo_socket, "127.0.0.1", 0, select_subprotocol=_last_offered, max_size=None)
    with contextlib.ExitStack() as stack:
        stack.enter_context(listening(http_server, http_server.serve_forever, http_server.shutdown))
        stack.callback(http_server.server_close)
        stack.enter_context(listening(socket_server, socket_server.serve_forever, socket_server.shutdown))
        url = stack.enter_context(
            another_page(
                platform,
                tmp_path_factory.mktemp("operators"),
                MLFLOW_TRACKING_URI=f"http://127.0.0.1:{http_server.server_port}",
                JUPYTER_URL=f"http://127.0.0.1:{socket_server.socket.getsockname()[1]}/base",
                JUPYTER_TOKEN="the-token",
                PREFECT_API_URL="http://127.0.0.1:9/api",
                IMAGINEAI_URL="http://127.0.0.1:9",
                RATE_LIMIT_AUTH="100000/minute",
            )
        )
        visitor = Visitor(url)
        user = stack.enter_context(a_user(platform.url))
        give_role(database, user, "admin")
        assert visitor.signs_in(user).status_code == 303
        visitor.upstream = f"127.0.0.1:{http_server.server_port}"
        yield visitor
        visitor.http.close()


def test_a_ui_sees_itself_asked_and_never_the_session(beyond):
    headers = {"Cookie": f"x=1; {beyond.cookie()}; y=2", "X-Forwarded-For": "1.2.3.4", "Referer": beyond.url}
    told = beyond.http.get("/mlflow/some/page", headers=headers).json()
    seen = {name.lower(): value for name, value in told["headers"]}
    assert seen["host"] == beyond.upstream
    assert seen["cookie"] == "x=1; y=2"
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert not {"origin", "referer", "upgrade", "transfer-encoding"} & set(seen)


@pytest.mark.parametrize("target", ["/a%2Fb/%C3%A4;v=1?q=%2B+%26&q=2", "/a//b/?", "/?a=b", "/%F0%9F%96%BC"])
def test_an_address_arrives_in_the_very_characters_that_were_sent(beyond, target):
    port = beyond.url.rpartition(":")[2]
    done = subprocess.run(
        [
            "curl",
            "--silent",
            "--path-as-is",
            "--cookie",
            beyond.cookie(),
            f"http://127.0.0.1:{port}/mlflow{target}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["line"] == f"GET {target.removesuffix('?')} HTTP/1.1"


def test_a_body_is_handed_on_whether_its_length_is_known_or_not(beyond):
    content = b"some bytes \xff" * 100_000
    known = beyond.http.post("/mlflow/x", content=content).json()
    streamed = beyond.http.post("/mlflow/x", content=(content[i::4] for i in range(4))).json()
    assert known["body"].encode("latin-1") == content
    assert streamed["body"].encode("latin-1") == b"".join(content[i::4] for i in range(4))


def test_an_answer_is_handed_on_as_it_comes(beyond):
    Echo.may_end.clear()
    with beyond.http.stream("GET", "/mlflow/slow") as answer:
        chunks = answer.iter_raw()
        assert next(chunks) == b"first"
        Echo.may_end.set()
        assert b"".join(chunks) == b"last"


def test_every_cookie_of_a_ui_is_handed_on(beyond):
    assert beyond.http.get("/mlflow/").headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_where_a_ui_redirects_to_is_an_address_here(beyond):
    for told, here in (
        ("/x?y", "/mlflow/x?y"),
        (f"http://{beyond.upstream}/x", "/mlflow/x"),
        ("relative", "relative"),
        ("https://elsewhere.example/x", "https://elsewhere.example/x"),
        ("//elsewhere.example/x", "//elsewhere.example/x"),
    ):
        assert beyond.http.get(f"/mlflow/away?to={told}").headers["Location"] == here


def test_pages_of_a_ui_cannot_be_framed_elsewhere_and_speak_to_no_other_host(beyond):
    headers = beyond.http.get("/mlflow/").headers
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Content-Security-Policy"] == "connect-src 'self'"


def test_a_socket_is_handed_on_with_its_address_protocol_and_token_but_not_the_session(beyond):
    url = f"{beyond.url.replace('http', 'ws', 1)}/jupyter/a%2Fb?x=1"
    headers = {"Cookie": f"x=1; {beyond.cookie()}", "Origin": beyond.url}
    with connect(url, additional_headers=headers, subprotocols=["other", "spoken"], proxy=None) as socket:
        told = json.loads(socket.recv(timeout=30))
        assert socket.subprotocol == "spoken"
    seen = {name.lower(): value for name, value in told["headers"]}
    assert told["path"] == "/base/a%2Fb?x=1"
    assert seen["authorization"] == "token the-token"
    assert seen["cookie"] == "x=1"
    assert "origin" not in seen


def test_a_socket_carries_text_and_bytes_small_and_large_both_ways(beyond):
    with beyond.socket("/jupyter/x") as socket:
        socket.recv(timeout=30)
        for message in ("text", b"\x00bytes", "", b"", "\N{GRINNING FACE}", b"x" * 8_000_000):
            socket.send(message)
            assert socket.recv(timeout=60) == message


def test_a_socket_ends_as_the_ui_ends_it(beyond):
    with beyond.socket("/jupyter/x") as socket:
        socket.recv(timeout=30)
        socket.send("end")
        with pytest.raises(ConnectionClosed) as ended:
            socket.recv(timeout=30)
    assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (4321, "as told")


def test_a_ui_that_does_not_answer_is_told_of_in_words(beyond):
    told = beyond.http.get("/prefect/", headers=PAGE)
    assert told.status_code == 502
    assert "Prefect does not answer." in told.text
    with pytest.raises(InvalidStatus) as refused:
        beyond.socket("/prefect/api/events/out")
    assert refused.value.response.status_code == 502


def test_the_page_is_there_while_the_service_is_not(beyond):
    shown = beyond.http.get("/", headers=PAGE)
    assert shown.status_code == 200
    assert (
        '<h2 id="service">The service</h2>\n<span class="chip" data-state="failed">does not answer'
        in shown.text
    )
    assert '<h2>Prefect</h2>\n<span class="chip" data-state="failed">does not answer' in shown.text


def test_a_ui_that_is_not_here_is_shown_as_absent(platform, tmp_path, admin):
    elsewhere = "http://user:secret@mlflow.example"
    with another_page(platform, tmp_path, JUPYTER_URL="", MLFLOW_TRACKING_URI=elsewhere) as url:
        visitor = Visitor(url)
        assert visitor.signs_in(admin).status_code == 303
        shown = visitor.http.get("/", headers=PAGE).text
        assert shown.count(">not here<") == 2
        assert "JUPYTER_URL is not set." in shown
        assert "secret" not in shown
        assert visitor.http.get("/jupyter/lab").status_code == 503
        visitor.http.close()


def test_guessing_is_limited_for_an_address(platform, tmp_path, admin):
    with another_page(platform, tmp_path, RATE_LIMIT_AUTH="3/minute") as url:
        guesser = Visitor(url, transport=httpx.HTTPTransport(local_address="127.0.0.77"))
        told = [guesser.signs_in(admin, "a guess") for _ in range(4)]
        assert [each.status_code for each in told] == [401, 401, 401, 429]
        assert int(told[-1].headers["Retry-After"]) > 0
        guesser.http.close()


def test_behind_https_the_cookie_is_for_https_alone(platform, tmp_path, admin):
    with another_page(platform, tmp_path, OPERATORS_URL="https://operators.example") as url:
        visitor = Visitor(url)
        assert visitor.signs_in(admin).status_code == 403
        visitor.http.headers["Origin"] = "https" + url.removeprefix("http")
        said = visitor.signs_in(admin).headers["Set-Cookie"]
        assert said.startswith("__Host-imagineai-operator=")
        assert "Secure" in said
        visitor.http.close()
