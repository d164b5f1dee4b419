"""Settings → Users and Security: who signs in, with which role, and that one's own password guards the rest."""

from __future__ import annotations

import pytest
from flask import Flask

import builders
from blueprints import rights
from fakes import Clock
from models import AuditEvent, LoginSession, TimeEntry, User, db
from page import Browser
from statements import counted

NEW = "zeven woorden op een rij"


def me() -> User:
    return db.session.query(User).filter_by(email="ans@bureau.example").one()


def sign_in(app: Flask, role: str) -> tuple[User, Browser]:
    user = builders.user(role, email=f"{role}@bureau.example", password=builders.PASSWORD, language="en", name=f"Bram {role}")
    return user, Browser(app).sign_in(user.email, builders.PASSWORD)


def test_a_user_is_added_and_signs_in(app: Flask, browser: Browser) -> None:
    browser.open("/settings/users")
    browser.link("New user")
    browser.submit(
        "Save",
        Name="Bram Janssens",
        E_mail="Bram@Bureau.example",
        Role="project_manager",
        Hourly_rate="90",
        First_password=NEW,
        Your_own_password=builders.PASSWORD,
    )
    assert browser.path == "/settings/users"
    assert "Bram Janssens can sign in now." in browser.page.text
    user = db.session.query(User).filter_by(email="bram@bureau.example").one()
    assert (user.role, user.hourly_rate_e4, user.active, user.language) == ("project_manager", 900_000, True, None)
    Browser(app).sign_in("bram@bureau.example", NEW)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"Your_own_password": "verkeerd verkeerd"}, "This is not your own password"),
        ({"Your_own_password": ""}, "This is not your own password"),
        ({"First_password": "kort"}, "Use at least 12 characters"),
        ({"First_password": "administrator1"}, "easy to guess"),
        ({"E_mail": "ANS@bureau.example"}, "Somebody signs in with this address already"),
        ({"E_mail": "niets"}, "is not an e-mail address"),
        ({"Name": ""}, "Fill in a name."),
        ({"Role": "keizer"}, "Not a valid choice"),
    ],
)
def test_a_new_user_is_refused_with_the_reason(browser: Browser, changed: dict[str, str], sentence: str) -> None:
    right = {"Name": "Bram", "E_mail": "bram@bureau.example", "First_password": NEW, "Your_own_password": builders.PASSWORD}
    browser.open("/settings/users/new")
    browser.submit("Save", **(right | changed))
    assert browser.status == 422
    assert sentence in browser.page.text
    assert db.session.query(User).count() == 1
    assert NEW not in browser.html and builders.PASSWORD not in browser.html


def test_another_role_needs_ones_own_password_and_ends_the_logins(app: Flask, browser: Browser) -> None:
    user, theirs = sign_in(app, "user")
    browser.open(f"/settings/users/{user.id}")
    browser.submit("Save", Role="administrator")
    assert browser.status == 422
    assert "This is not your own password" in browser.page.text
    assert db.session.get(User, user.id).role == "user"
    browser.submit("Save", Role="administrator", Your_own_password=builders.PASSWORD)
    assert "saved and signed out everywhere" in browser.page.text
    assert db.session.get(User, user.id).role == "administrator"
    theirs.open("/")
    assert theirs.path.startswith("/login")


def test_who_is_no_longer_active_is_out_at_once_and_cannot_come_back(app: Flask, browser: Browser) -> None:
    user, theirs = sign_in(app, "user")
    browser.open(f"/settings/users/{user.id}")
    browser.submit("Save", May_sign_in=[])
    assert not db.session.get(User, user.id).active
    assert db.session.query(LoginSession).filter_by(user_id=user.id).count() == 0
    theirs.open("/")
    theirs.submit("Sign in", E_mail=user.email, Password=builders.PASSWORD)
    assert theirs.path.startswith("/login")


def test_a_name_or_rate_changes_without_a_password_and_the_rate_counts_at_once(app: Flask, browser: Browser) -> None:
    user, theirs = sign_in(app, "user")
    project = builders.project(method="user", hourly_rate_e4=None)
    entry = builders.entry(project, by=user, rate_e4=None, rate_source="missing").id
    browser.open(f"/settings/users/{user.id}")
    browser.submit("Save", Name="Bram de Boer", Hourly_rate="77,50")
    assert "Bram de Boer saved. 1 unbilled entry got another rate." in browser.page.text
    assert db.session.get(TimeEntry, entry).rate_e4 == 775_000
    theirs.open("/")
    assert theirs.path == "/"


def test_the_last_active_administrator_stays(browser: Browser) -> None:
    builders.user("administrator", active=False, password=builders.PASSWORD)
    builders.user("administrator", password=None)
    browser.open(f"/settings/users/{me().id}")
    browser.submit("Save", Role="user", Your_own_password=builders.PASSWORD)
    assert browser.status == 422
    assert "This is the last active administrator" in browser.page.text
    browser.submit("Save", Role="administrator", May_sign_in=[])
    assert browser.status == 422
    assert (me().role, me().active) == ("administrator", True)


def test_of_two_administrators_one_may_go(browser: Browser) -> None:
    other = builders.user("administrator", password=builders.PASSWORD)
    browser.open(f"/settings/users/{other.id}")
    browser.submit("Save", Role="user", Your_own_password=builders.PASSWORD)
    assert db.session.get(User, other.id).role == "user"


def test_another_password_for_somebody_needs_ones_own(app: Flask, browser: Browser) -> None:
    user, theirs = sign_in(app, "user")
    browser.open(f"/settings/users/{user.id}")
    browser.submit("Set password", password=NEW, confirm_password="verkeerd verkeerd")
    assert browser.status == 422
    assert "This is not your own password" in browser.page.text
    browser.submit("Set password", password=NEW, confirm_password=builders.PASSWORD)
    assert "has a new password and is signed out everywhere" in browser.page.text
    assert rights.password_matches(NEW, db.session.get(User, user.id).password_hash)
    theirs.open("/")
    assert theirs.path.startswith("/login")


def test_guessing_ones_own_password_stops_after_ten_times(browser: Browser, clock: Clock) -> None:
    for _attempt in range(10):
        browser.open("/settings/security")
        browser.submit("Change password", Current_password="verkeerd verkeerd", New_password=NEW)
        assert browser.status == 422
    browser.submit("Change password", Current_password=builders.PASSWORD, New_password=NEW)
    assert browser.status == 422
    assert db.session.query(AuditEvent).filter_by(action="confirmation_failed").count() == 10
    clock.forward(minutes=16)
    browser.submit("Change password", Current_password=builders.PASSWORD, New_password=NEW)
    assert browser.status == 200


def test_ones_own_password_signs_out_everywhere_else(app: Flask, browser: Browser) -> None:
    other = Browser(app).sign_in("ans@bureau.example", builders.PASSWORD)
    browser.open("/settings/security")
    browser.submit("Change password", Current_password=builders.PASSWORD, New_password=NEW)
    assert "Your password is changed; you are signed out everywhere else." in browser.page.text
    other.open("/")
    assert other.path.startswith("/login")
    Browser(app).sign_in("ans@bureau.example", NEW)


def test_ones_own_name_and_language(browser: Browser) -> None:
    browser.open("/settings/security")
    browser.submit("Save", Name="<script>alert(1)</script>", Language="en")
    assert me().name == "<script>alert(1)</script>"
    assert not [script for script in browser.page.all("script") if "alert" in script.text]
    browser.submit("Save", Name="")
    assert browser.status == 422


def test_ones_own_logins_are_shown_and_ended_but_nobody_elses(app: Flask, browser: Browser, clock: Clock) -> None:
    stranger, _theirs = sign_in(app, "user")
    clock.forward(minutes=5)
    other = Browser(app).sign_in("ans@bureau.example", builders.PASSWORD)
    browser.open("/settings/security")
    assert "This browser" in browser.page.text and "Another browser" in browser.page.text
    browser.submit("End the login of 20-11-2026 10:05")
    assert "That login has ended." in browser.page.text
    other.open("/")
    assert other.path.startswith("/login")
    foreign = db.session.query(LoginSession).filter_by(user_id=stranger.id).one().id
    browser.post(f"/settings/security/logins/{foreign}/end", {})
    assert browser.status == 404
    assert db.session.get(LoginSession, foreign) is not None


def test_all_other_logins_end_at_once(app: Flask, browser: Browser) -> None:
    others = [Browser(app).sign_in("ans@bureau.example", builders.PASSWORD) for _n in range(2)]
    browser.open("/settings/security")
    browser.submit("End all others")
    for other in others:
        other.open("/")
        assert other.path.startswith("/login")
    browser.open("/")
    assert browser.path == "/"


def test_the_list_sorts_filters_and_costs_few_queries(browser: Browser) -> None:
    for n in range(60):
        builders.user("user", name=f"Persoon {n:02}")
    builders.user("user", name="Vertrokken", active=False)
    with counted() as queries:
        browser.open("/settings/users?sort=-name")
    assert browser.status == 200 and len(queries) <= 10, queries
    rows = browser.page.first("tbody").all("tr")
    assert len(rows) == 50 and rows[0].first("th").text == "Persoon 59"
    assert len(browser.html) < 60_000
    browser.open("/settings/users?status=archived")
    assert [row.first("th").text for row in browser.page.first("tbody").all("tr")] == ["Vertrokken"]
