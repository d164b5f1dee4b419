"""Signing in, staying signed in, and getting in for the first time."""

from __future__ import annotations

from flask import Flask

import builders
from blueprints.auth import actions
from fakes import Clock
from models import LoginSession, User, db
from page import Browser


def test_an_administrator_signs_in_and_out(browser: Browser) -> None:
    assert browser.path == "/"
    browser.submit("Sign out")
    assert browser.path == "/login"
    browser.open("/")
    assert browser.path.startswith("/login")


def test_a_wrong_password_and_an_unknown_address_get_the_same_sentence(visitor: Browser) -> None:
    builders.user(email="ans@bureau.example", password=builders.PASSWORD)
    visitor.open("/login")
    visitor.submit("Sign in", E_mail="ans@bureau.example", Password="verkeerd verkeerd")
    first = visitor.page.first("p", role="alert").text
    visitor.submit("Sign in", E_mail="niemand@bureau.example", Password="verkeerd verkeerd")
    assert visitor.page.first("p", role="alert").text == first


def test_after_ten_failures_even_the_right_password_waits_a_quarter_of_an_hour(visitor: Browser, clock: Clock) -> None:
    builders.user(email="ans@bureau.example", password=builders.PASSWORD)
    visitor.open("/login")
    for _attempt in range(10):
        visitor.submit("Sign in", E_mail="ans@bureau.example", Password="verkeerd verkeerd")
    visitor.submit("Sign in", E_mail="ans@bureau.example", Password=builders.PASSWORD)
    assert visitor.page.all("p", role="alert")
    clock.forward(minutes=16)
    visitor.submit("Sign in", E_mail="ans@bureau.example", Password=builders.PASSWORD)
    assert visitor.path == "/"


def test_the_session_ends_after_eight_idle_hours_and_seven_days(browser: Browser, clock: Clock) -> None:
    clock.forward(hours=7)
    assert browser.open("/").first("h1")
    assert browser.path == "/"
    clock.forward(hours=9)
    browser.open("/")
    assert browser.path.startswith("/login")


def test_each_sign_in_is_a_new_login_and_a_new_password_ends_them(app: Flask, browser: Browser, clock: Clock) -> None:
    user = db.session.query(User).one()
    actions.set_password(user, "nog een lang wachtwoord", clock(), by=None)
    db.session.commit()
    assert db.session.query(LoginSession).count() == 0
    browser.open("/")
    assert browser.path.startswith("/login")


def test_sign_in_goes_back_to_the_page_asked_for_but_never_elsewhere(visitor: Browser) -> None:
    builders.user(email="ans@bureau.example", password=builders.PASSWORD)
    for target in ("//kwaad.example", "https://kwaad.example/", "/\\kwaad.example"):
        visitor.open(f"/login?next={target}")
        visitor.submit("Sign in", E_mail="ans@bureau.example", Password=builders.PASSWORD)
        assert visitor.path == "/"
        visitor.submit("Sign out")


def test_the_first_administrator_is_made_through_the_printed_link(app: Flask, visitor: Browser) -> None:
    assert "Nobody can sign in yet" in visitor.open("/login").text
    visitor.open("/setup")
    assert visitor.status == 404
    token = actions.make_setup_token()
    visitor.open(f"/setup?token={token}")
    visitor.submit("Start", Company_name="Bureau", Your_name="Ans", E_mail="ans@bureau.example", Password="kort")
    assert visitor.status == 422
    visitor.submit("Start", Company_name="Bureau", Your_name="Ans", E_mail="ans@bureau.example", Password=builders.PASSWORD)
    assert visitor.path == "/"
    assert Browser(app).open(f"/setup?token={token}").text.startswith("There is nothing here")


def test_an_expired_htmx_call_is_sent_to_the_sign_in_page(visitor: Browser) -> None:
    response = visitor.client.get("/", headers={"HX-Request": "true", "HX-Current-URL": "http://127.0.0.1/reports/hours"})
    assert response.status_code == 401
    assert response.headers["HX-Redirect"] == "/login?next=/reports/hours"


def test_a_post_without_the_form_token_or_from_another_site_is_refused(browser: Browser) -> None:
    assert browser.client.post("/logout").status_code == 400
    assert browser.client.post("/logout", headers={"Origin": "https://kwaad.example"}).status_code == 403
    assert browser.client.post("/logout", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_an_unknown_host_is_refused(visitor: Browser) -> None:
    assert visitor.client.get("/login", headers={"Host": "kwaad.example"}).status_code == 400


def test_every_answer_carries_the_security_headers(visitor: Browser) -> None:
    for path in ("/login", "/nergens", "/healthz"):
        headers = visitor.client.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
