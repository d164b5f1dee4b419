"""Settings → Company: what holds for everybody, its checks, and rates that count at once."""

from __future__ import annotations

import pytest
from flask import Flask

import builders
from models import AuditEvent, Organisation, Trip, db
from page import Browser
from statements import counted


def test_the_company_is_saved_with_its_defaults(browser: Browser) -> None:
    browser.open("/settings/company")
    browser.submit(
        "Save",
        Company_name="Waterlinie BV",
        VAT_number="NL 820098395B01",
        IBAN="nl91abna0417164300",
        Payment_term_in_days="14",
        Round_hours_to="15",
        Direction="up",
        Rounded_per="user_activity_day",
        Hours="y",
        Time_zone="Europe/Brussels",
        Nightly_import_at="4:15",
    )
    assert browser.status == 200
    assert "Company saved." in browser.page.text
    row = db.session.get(Organisation, 1)
    assert (row.name, row.vat_number, row.iban, row.payment_term_days) == ("Waterlinie BV", "NL820098395B01", "NL91ABNA0417164300", 14)
    assert (row.rounding_minutes, row.rounding_direction, row.rounding_scope) == (15, "up", "user_activity_day")
    assert (row.approve_hours, row.approve_expenses, row.approve_trips) == (True, False, False)
    assert (row.timezone, row.nightly_at, row.currency) == ("Europe/Brussels", "04:15", "EUR")
    assert "payment_term_days" in db.session.query(AuditEvent).filter_by(action="organisation_changed").one().details["changes"]


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("Company_name", "", "Fill in the name of your company."),
        ("VAT_number", "NL1", "is not a valid VAT number"),
        ("IBAN", "NL00", "is not a valid IBAN"),
        ("E_mail", "niets", "is not an e-mail address"),
        ("Time_zone", "Mars/Base", "“Mars/Base” is not a time zone"),
        ("Nightly_import_at", "laat", "“laat” is not a time of day"),
        ("Nightly_import_at", "", "Fill in a time of day, like 03:30."),
        ("Payment_term_in_days", "", "Enter a number of days from 0 to 365."),
        ("Rate_per_kilometre", "-1", "is less than zero"),
    ],
)
def test_a_wrong_value_is_refused_and_the_rest_is_kept(browser: Browser, field: str, typed: str, sentence: str) -> None:
    browser.open("/settings/company")
    browser.submit("Save", **({"Company_name": "Waterlinie", "City": "Utrecht"} | {field: typed}))
    assert browser.status == 422
    assert sentence in browser.page.first("div", role="alert").text
    assert browser.page.first("input", id="city")["value"] == "Utrecht"
    assert db.session.get(Organisation, 1).city == ""


def test_another_rate_per_kilometre_counts_for_unbilled_trips(browser: Browser) -> None:
    trip = builders.trip(rate_e4=3500).id
    browser.open("/settings/company")
    browser.submit("Save", Company_name="Waterlinie", Rate_per_kilometre="0,40")
    assert "1 unbilled entry got another rate." in browser.page.text
    assert db.session.get(Trip, trip).rate_e4 == 4000


def test_the_page_and_its_save_cost_few_queries(browser: Browser) -> None:
    with counted() as queries:
        browser.open("/settings/company")
    assert len(queries) <= 10, queries
    values = browser._values(browser._form_of(browser._button("Save"))) | {"name": "Waterlinie", "km_rate_e4": "0,40"}
    with counted() as queries:
        assert browser.client.post("/settings/company", data=values).status_code == 303
    assert len(queries) <= 12, queries


def test_only_an_administrator_finds_the_pages_of_the_company(app: Flask) -> None:
    for role in ("user", "team_manager", "project_manager"):
        builders.user(role, email=f"{role}@bureau.example", password=builders.PASSWORD, language="en")
        browser = Browser(app).sign_in(f"{role}@bureau.example", builders.PASSWORD)
        for path in ("/settings/company", "/settings/users", "/settings/users/new", "/settings/users/1", "/settings/audit"):
            browser.open(path)
            assert browser.status == 404, (role, path)
        tabs = browser.open("/settings/security").first("nav", class_="tabs")
        assert browser.status == 200
        assert [link.text for link in tabs.all("a")] == ["Security"]
