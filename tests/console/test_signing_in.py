"""Accounts and sessions, as a visitor meets them."""

import json

from playwright.sync_api import expect

from tests.contract.wire import PASSWORD

SESSION = "imagineai.session"


def stored(page):
    return json.loads(page.evaluate(f"sessionStorage.getItem('{SESSION}')"))


def spoil(page, *names):
    """Make tokens worthless, as time does."""
    spoilt = stored(page) | dict.fromkeys(names, "spoilt")
    page.evaluate("([key, value]) => sessionStorage.setItem(key, value)", [SESSION, json.dumps(spoilt)])


def needs_a_new_token(page):
    """Look at another page with an access token that has expired."""
    spoil(page, "access_token")
    page.get_by_role("link", name="Dashboard").click()
    page.get_by_text("No numbers yet").wait_for()


def test_a_new_visitor_signs_up_and_is_told_what_to_do_first(visitor):
    visitor.goes_to("", "Sign in")
    visitor.sign_up()
    expect(visitor.page.get_by_role("heading", name="Drop photos here")).to_be_visible()
    expect(visitor.page.get_by_role("button", name="Choose photos")).to_be_visible()


def test_a_wrong_password_is_refused_in_the_services_sentence(visitor, owner):
    said = owner.http.post("/auth/login", json={"email": owner.email, "password": "not the one"}).json()
    visitor.goes_to("#/sign-in")
    visitor.page.get_by_label("Email").fill(owner.email)
    visitor.page.get_by_label("Password").fill("not the one")
    visitor.page.get_by_role("button", name="Sign in").click()
    visitor.page.get_by_role("alert").filter(has_text=said["detail"]).wait_for()


def test_a_session_whose_access_token_has_expired_is_refreshed_unseen(visitor):
    visitor.sign_up()
    before = stored(visitor.page)
    needs_a_new_token(visitor.page)
    after = stored(visitor.page)
    assert after["access_token"] not in {"spoilt", before["access_token"]}
    assert after["refresh_token"] != before["refresh_token"]


def test_a_duplicated_tab_comes_back_from_another_site_to_the_tokens_its_twin_got_meanwhile(visitor):
    visitor.sign_up()
    page = visitor.page
    with page.expect_popup() as opened:
        page.evaluate("open(location.href)")  # with a copy of its session, as a duplicate has it
    twin = opened.value
    twin.get_by_role("heading", name="Products").wait_for()
    spoil(page, "access_token")
    page.goto("about:blank")
    needs_a_new_token(twin)
    twin.reload()
    twin.get_by_text("No numbers yet").wait_for()
    page.go_back()
    page.get_by_role("heading", name="Drop photos here").wait_for()
    assert stored(page) == stored(twin)
    needs_a_new_token(page)
    assert stored(page) == stored(twin)


def test_a_session_that_is_over_asks_to_sign_in_and_goes_on_where_it_was(visitor):
    email = visitor.sign_up()
    spoil(visitor.page, "access_token", "refresh_token")
    visitor.page.get_by_role("link", name="Model").click()
    visitor.page.get_by_text("Your session has ended.").wait_for()
    visitor.page.get_by_label("Email").fill(email)
    visitor.page.get_by_label("Password").fill(PASSWORD)
    visitor.page.get_by_role("button", name="Sign in").click()
    visitor.page.get_by_role("heading", name="Model", exact=True).wait_for()


def test_signing_out_forgets_the_tokens_and_ends_the_session_at_the_service(visitor, owner):
    visitor.sign_up()
    body = {"refresh_token": stored(visitor.page)["refresh_token"]}
    with visitor.page.expect_response("**/api/v1/auth/logout") as answer:
        visitor.page.get_by_role("button", name="Sign out").click()
    visitor.page.get_by_role("heading", name="Sign in").wait_for()
    assert visitor.page.evaluate("sessionStorage.length + localStorage.length") == 0
    assert answer.value.status == 204
    assert owner.http.post("/auth/refresh", json=body).status_code == 401


def test_signing_out_while_the_service_is_away_says_so(visitor):
    visitor.sign_up()
    visitor.page.route("**/api/v1/auth/logout", lambda route: route.abort())
    visitor.page.get_by_role("button", name="Sign out").click()
    visitor.page.get_by_text("the service was not told").wait_for()
    assert visitor.page.evaluate("sessionStorage.length + localStorage.length") == 0
