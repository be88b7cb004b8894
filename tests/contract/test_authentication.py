"""Section "Authentication" of the reference, and of the notes."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest

from tests.contract.wire import PASSWORD, at_once

PROFILE = {"id", "email", "full_name", "is_active", "created_at"}
PAIR = {"access_token", "refresh_token", "token_type"}


def fresh(**changes):
    return {
        "email": f"{uuid.uuid4().hex}@example.com",
        "password": PASSWORD,
        "full_name": "Jane Doe",
        **changes,
    }


def register(anonymous, **changes):
    return anonymous.post("/api/v1/auth/register", json=fresh(**changes))


def login(anonymous, email, password=PASSWORD):
    return anonymous.post("/api/v1/auth/login", json={"email": email, "password": password})


def refresh(anonymous, token):
    return anonymous.post("/api/v1/auth/refresh", json={"refresh_token": token})


def logout(anonymous, token):
    return anonymous.post("/api/v1/auth/logout", json={"refresh_token": token})


def me(anonymous, token):
    return anonymous.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def key(platform):
    return platform.env["JWT_SECRET_KEY"]


@pytest.fixture
def claims(user):
    """The claims of a good access token."""
    return jwt.decode(user.access_token, options={"verify_signature": False})


def test_registering_answers_201_with_the_profile(anonymous):
    body = fresh()
    answer = anonymous.post("/api/v1/auth/register", json=body)
    assert answer.status_code == 201
    profile = answer.json()
    assert set(profile) == PROFILE
    assert uuid.UUID(profile["id"])
    assert (profile["email"], profile["full_name"]) == (body["email"], "Jane Doe")
    assert profile["is_active"] is True


def test_an_email_registers_once(anonymous, user):
    assert register(anonymous, email=user.email).status_code == 409


def test_an_email_in_other_case_is_the_same_email(anonymous, user):
    assert register(anonymous, email=user.email.upper()).status_code == 409
    assert login(anonymous, user.email.upper()).status_code == 200


def test_eight_equal_registrations_make_one_user(anonymous):
    body = fresh()
    answers = at_once(lambda _: anonymous.post("/api/v1/auth/register", json=body), 8)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


@pytest.mark.parametrize("length", [8, 128])
def test_a_password_of_8_to_128_characters_is_accepted(anonymous, length):
    assert register(anonymous, password="p" * length).status_code == 201


@pytest.mark.parametrize("length", [0, 7, 129, 100_000])
def test_a_shorter_or_longer_password_is_refused(anonymous, length):
    assert register(anonymous, password="p" * length).status_code == 422


@pytest.mark.parametrize("written", [" {} ", "Jane Doe <{}>"])
def test_who_registers_logs_in_by_the_very_same_words(anonymous, written):
    email = f"{uuid.uuid4().hex}@example.com"
    assert register(anonymous, email=written.format(email)).json()["email"] == email
    for again in (written.format(email), email):
        assert login(anonymous, again).status_code == 200


@pytest.mark.parametrize(
    "email", ["", "jane", "jane@", "@example.com", "a b@example.com", "jane@example", None, 7]
)
def test_what_is_no_email_is_refused(anonymous, email):
    assert register(anonymous, email=email).status_code == 422


@pytest.mark.parametrize("field", ["email", "password", "full_name"])
def test_a_registration_without_a_field_is_refused(anonymous, field):
    body = fresh()
    del body[field]
    assert anonymous.post("/api/v1/auth/register", json=body).status_code == 422


def test_a_password_is_not_cut_at_72_bytes(anonymous):
    body = fresh(password="p" * 72 + "tail")
    assert anonymous.post("/api/v1/auth/register", json=body).status_code == 201
    assert login(anonymous, body["email"], "p" * 72 + "tale").status_code == 401
    assert login(anonymous, body["email"], "p" * 72 + "tail").status_code == 200


def test_a_password_is_used_exactly_as_sent(anonymous):
    body = fresh(password="  päss wörd 🔑 ")
    assert anonymous.post("/api/v1/auth/register", json=body).status_code == 201
    assert login(anonymous, body["email"], body["password"].strip()).status_code == 401
    assert login(anonymous, body["email"], body["password"]).status_code == 200


def test_id_activity_and_creation_cannot_be_chosen_on_registration(anonymous):
    wish = {"id": str(uuid.uuid4()), "is_active": False, "created_at": "2001-01-01T00:00:00Z"}
    body = fresh(**wish)
    answer = anonymous.post("/api/v1/auth/register", json=body)
    assert answer.status_code in {201, 422}
    if answer.status_code == 201:
        profile = answer.json()
        assert profile["is_active"] is True
        assert profile["id"] != wish["id"]
        assert not profile["created_at"].startswith("2001")


def test_login_answers_a_bearer_pair(anonymous, user):
    answer = login(anonymous, user.email)
    assert answer.status_code == 200
    assert set(answer.json()) == PAIR
    assert answer.json()["token_type"] == "bearer"


def test_an_unknown_email_and_a_wrong_password_get_the_same_words(anonymous, user):
    wrong = login(anonymous, user.email, "not the password")
    unknown = login(anonymous, f"{uuid.uuid4().hex}@example.com")
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.json() == unknown.json()


def test_me_is_the_profile_of_the_token(user):
    answer = user.http.get("/auth/me")
    assert answer.status_code == 200
    assert set(answer.json()) == PROFILE
    assert (answer.json()["id"], answer.json()["email"]) == (user.id, user.email)


@pytest.mark.parametrize(("kind", "lifetime_s"), [("access", 30 * 60), ("refresh", 7 * 24 * 3600)])
def test_a_token_carries_five_claims_and_its_lifetime(user, key, kind, lifetime_s):
    token = user.tokens[f"{kind}_token"]
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    claims = jwt.decode(token, key, algorithms=["HS256"])
    assert set(claims) == {"sub", "type", "jti", "iat", "exp"}
    assert (claims["sub"], claims["type"]) == (user.id, kind)
    assert claims["exp"] - claims["iat"] == lifetime_s


def test_no_two_tokens_share_their_id(user):
    pairs = [user.login(), user.login()]
    tokens = [pair[name] for pair in pairs for name in ("access_token", "refresh_token")]
    assert len({jwt.decode(token, options={"verify_signature": False})["jti"] for token in tokens}) == 4


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer abc",
        "Basic amFuZTpwYXNz",
        "Bearer a.b.c",
        "bearer \u00fc".encode(),
    ],
)
def test_a_missing_or_bad_token_is_401_with_the_challenge(anonymous, header):
    answer = anonymous.get("/api/v1/auth/me", headers={} if header is None else {"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_resigned_with_the_same_key_is_accepted(anonymous, claims, key):
    """So that the refusals below are for what they change, and for nothing else."""
    assert me(anonymous, jwt.encode(claims, key, "HS256")).status_code == 200


@pytest.mark.parametrize("algorithm", ["none", "HS384", "HS512"])
def test_a_token_of_another_algorithm_is_refused(anonymous, claims, key, algorithm):
    token = jwt.encode(claims, None if algorithm == "none" else key, algorithm)
    assert me(anonymous, token).status_code == 401


def test_a_token_signed_with_another_key_is_refused(anonymous, claims):
    assert me(anonymous, jwt.encode(claims, "k" * 64, "HS256")).status_code == 401


def test_an_expired_token_is_refused(anonymous, claims, key):
    claims |= {"iat": int(time.time()) - 3600, "exp": int(time.time()) - 1}
    assert me(anonymous, jwt.encode(claims, key, "HS256")).status_code == 401


@pytest.mark.parametrize("claim", ["sub", "type", "jti", "iat", "exp"])
def test_a_token_without_one_of_its_claims_is_refused(anonymous, claims, key, claim):
    del claims[claim]
    assert me(anonymous, jwt.encode(claims, key, "HS256")).status_code == 401


@pytest.mark.parametrize("subject", ["8f1c5a4e-27d9-4b60-9e3a-c50d7b1f6a28", "not an id", "", "' or 1=1"])
def test_a_token_of_nobody_is_refused(anonymous, claims, key, subject):
    assert me(anonymous, jwt.encode({**claims, "sub": subject}, key, "HS256")).status_code == 401


def test_a_refresh_token_is_no_access_token(anonymous, user):
    assert me(anonymous, user.login()["refresh_token"]).status_code == 401


def test_an_access_token_is_no_refresh_token(anonymous, user):
    assert refresh(anonymous, user.access_token).status_code == 401


@pytest.mark.parametrize("token", ["", "abc", "a.b.c", "x" * 5000])
def test_what_is_no_refresh_token_is_refused(anonymous, token):
    assert refresh(anonymous, token).status_code in {401, 422}


def test_an_expired_refresh_token_is_refused(anonymous, user, key):
    claims = jwt.decode(user.login()["refresh_token"], options={"verify_signature": False})
    claims |= {"iat": int(time.time()) - 3600, "exp": int(time.time()) - 1}
    assert refresh(anonymous, jwt.encode(claims, key, "HS256")).status_code == 401


def test_a_refresh_token_that_was_never_given_out_is_refused(anonymous, user, key):
    claims = jwt.decode(user.login()["refresh_token"], options={"verify_signature": False})
    assert (
        refresh(anonymous, jwt.encode({**claims, "jti": str(uuid.uuid4())}, key, "HS256")).status_code == 401
    )


def test_a_refresh_token_of_another_subject_is_refused(anonymous, user, key):
    claims = jwt.decode(user.login()["refresh_token"], options={"verify_signature": False})
    forged = jwt.encode({**claims, "sub": str(uuid.uuid4())}, key, "HS256")
    assert refresh(anonymous, forged).status_code == 401


def test_refreshing_gives_a_new_pair_that_works(anonymous, user):
    first = user.login()
    answer = refresh(anonymous, first["refresh_token"])
    assert answer.status_code == 200
    second = answer.json()
    assert set(second) == PAIR
    assert second["refresh_token"] != first["refresh_token"]
    assert me(anonymous, second["access_token"]).status_code == 200


def test_a_used_refresh_token_is_dead_and_its_reuse_kills_the_family(anonymous, user):
    first = user.login()
    second = refresh(anonymous, first["refresh_token"]).json()
    assert refresh(anonymous, first["refresh_token"]).status_code == 401
    assert refresh(anonymous, second["refresh_token"]).status_code == 401


def test_killing_one_family_leaves_another_login_alone(anonymous, user):
    here, there = user.login(), user.login()
    refresh(anonymous, here["refresh_token"])
    assert refresh(anonymous, here["refresh_token"]).status_code == 401
    assert refresh(anonymous, there["refresh_token"]).status_code == 200


def test_of_six_equal_refreshes_at_most_one_succeeds(anonymous, user):
    token = user.login()["refresh_token"]
    answers = at_once(lambda _: refresh(anonymous, token), 6)
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(200) <= 1
    assert statuses.count(200) + statuses.count(401) == 6


def test_logging_out_kills_the_token_and_all_that_came_of_its_login(anonymous, user):
    first = user.login()
    second = refresh(anonymous, first["refresh_token"]).json()
    answer = logout(anonymous, second["refresh_token"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert refresh(anonymous, second["refresh_token"]).status_code == 401


def test_a_used_token_logs_its_newest_descendant_out(anonymous, user):
    first = user.login()
    second = refresh(anonymous, first["refresh_token"]).json()
    assert logout(anonymous, first["refresh_token"]).status_code == 204
    assert refresh(anonymous, second["refresh_token"]).status_code == 401


def test_logging_out_leaves_another_login_alone(anonymous, user):
    here, there = user.login(), user.login()
    assert logout(anonymous, here["refresh_token"]).status_code == 204
    assert refresh(anonymous, there["refresh_token"]).status_code == 200


def test_logging_out_says_nothing_of_the_token(anonymous, user, key, claims):
    pair = user.login()
    now = int(time.time())
    unknown = {**claims, "type": "refresh", "jti": str(uuid.uuid4())}
    tokens = [
        pair["refresh_token"],
        pair["refresh_token"],
        pair["access_token"],
        "no token at all",
        jwt.encode(unknown, key, "HS256"),
        jwt.encode({**unknown, "exp": now - 1}, key, "HS256"),
    ]
    answers = [logout(anonymous, token) for token in tokens]
    assert {(answer.status_code, answer.content) for answer in answers} == {(204, b"")}
    names = [{*answer.headers} - {"x-request-id", "date"} for answer in answers]
    assert all(one == names[0] for one in names)


def test_an_access_token_lives_on_after_logging_out_and_logs_nobody_out(anonymous, user):
    pair = user.login()
    assert logout(anonymous, pair["access_token"]).status_code == 204
    pair = refresh(anonymous, pair["refresh_token"]).json()
    assert logout(anonymous, pair["refresh_token"]).status_code == 204
    assert me(anonymous, pair["access_token"]).status_code == 200


def test_a_refresh_that_races_a_logout_leaves_no_live_token(anonymous, user):
    for _ in range(8):
        token = user.login()["refresh_token"]
        calls = [logout, refresh]
        _, refreshed = at_once(lambda one, token=token, calls=calls: calls[one](anonymous, token), 2)
        if refreshed.status_code == 200:
            assert refresh(anonymous, refreshed.json()["refresh_token"]).status_code == 401


def test_a_disabled_account_is_cut_off_at_its_next_request(anonymous, new_user, database):
    user = new_user()
    assert user.http.get("/auth/me").status_code == 200
    database.execute("UPDATE users SET is_active = false WHERE id = %s", [user.id])
    assert user.http.get("/auth/me").status_code == 401
    assert user.http.get("/products").status_code == 401
    assert refresh(anonymous, user.tokens["refresh_token"]).status_code == 401


def test_a_disabled_account_cannot_log_in(anonymous, new_user, database):
    user = new_user()
    database.execute("UPDATE users SET is_active = false WHERE id = %s", [user.id])
    assert login(anonymous, user.email).status_code == 401


def test_me_tells_an_admin_alone_where_the_operators_page_is(new_user, database, platform):
    user = new_user()
    assert "Link" not in user.http.get("/auth/me").headers
    database.execute("UPDATE users SET role = 'admin' WHERE id = %s", [user.id])
    told = user.http.get("/auth/me")
    assert told.headers["Link"].startswith(f'<{platform.env["OPERATORS_URL"]}>; rel="related"')
    assert set(told.json()) == PROFILE


def test_no_answer_of_authentication_carries_the_password(anonymous):
    body = fresh(password="a secret that nobody echoes")
    for path in ("register", "register", "login"):
        answer = anonymous.post(f"/api/v1/auth/{path}", json=body)
        assert "nobody echoes" not in answer.text
    assert "argon2" not in answer.text


def test_no_log_holds_a_token_or_a_password(platform, new_user, anonymous):
    user = new_user()
    user.password = "a password that no log holds"
    register(anonymous, email=(email := f"{uuid.uuid4().hex}@example.com"), password=user.password)
    pair = login(anonymous, email, user.password).json()
    assert me(anonymous, pair["access_token"]).status_code == 200
    job_id = str(uuid.uuid4())
    assert user.events(job_id, token=pair["access_token"]) == ([], 4003)
    assert refresh(anonymous, pair["refresh_token"]).status_code == 200
    logs = "".join(log.read_text(errors="replace") for log in (platform.home / "logs").iterdir())
    assert job_id in logs
    for secret in (user.password, *(pair[name] for name in ("access_token", "refresh_token"))):
        assert secret not in logs
        assert secret.rpartition(".")[2] not in logs


def test_a_password_is_kept_as_argon2id_only(new_user, database):
    user = new_user()
    row = database.execute("SELECT * FROM users WHERE id = %s", [user.id]).fetchone()
    hashes = [value for value in row if isinstance(value, str) and value.startswith("$argon2id$v=19$")]
    assert len(hashes) == 1
    assert user.password not in [str(value) for value in row]


def test_health_answers_while_many_log_in(anonymous, user):
    with ThreadPoolExecutor(24) as pool:
        logins = [pool.submit(login, anonymous, user.email) for _ in range(24)]
        assert anonymous.get("/health").status_code == 200
        assert not all(each.done() for each in logins), "health waited for every login"
    assert {each.result().status_code for each in logins} == {200}
