"""Addresses that people and programs lean on: pages, old names, health, and what answers without signing in."""

from __future__ import annotations

import re

import pytest
from flask import Flask

import builders
from blueprints.home.routes import ALIASES
from page import Browser

PAGES = (
    "/",
    "/register/week",
    "/register/day",
    "/register/expenses",
    "/register/trips",
    "/reports/hours",
    "/reports/expenses",
    "/reports/trips",
    "/finance/unbilled",
    "/finance/invoices",
    "/finance/transfers",
    "/manage/customers",
    "/manage/projects",
    "/manage/activities",
    "/manage/expense-categories",
    "/manage/vehicles",
    "/manage/vat",
    "/settings/company",
    "/settings/users",
    "/settings/integrations",
    "/settings/wefact",
    "/settings/afas",
    "/settings/import",
    "/settings/security",
    "/settings/audit",
)
OLD_NAMES = {
    "/overviews/hours": "/reports/hours",
    "/overviews/expenses": "/reports/expenses",
    "/overviews/trips": "/reports/trips",
    "/overviews/unbilled": "/finance/unbilled",
    "/reports/unbilled": "/finance/unbilled",
    "/financial/unbilled": "/finance/unbilled",
    "/financial/invoices": "/finance/invoices",
    "/relations/customers": "/manage/customers",
    "/management/activities": "/manage/activities",
    "/management/expense-categories": "/manage/expense-categories",
    "/app-center": "/settings/integrations",
    "/settings/app-center": "/settings/integrations",
    "/settings/integrations/wefact": "/settings/wefact",
    "/settings/integrations/afas": "/settings/afas",
}
FOR_EVERYBODY = {"auth.sign_in", "auth.set_up", "home.health", "home.ready", "static"}


@pytest.mark.parametrize("path", PAGES)
def test_each_page_answers_an_administrator(browser: Browser, path: str) -> None:
    page = browser.open(path)
    assert (browser.status, browser.path) == (200, path)
    assert page.first("h1").text


@pytest.mark.parametrize(("old", "new"), OLD_NAMES.items())
def test_invariant_14_each_old_name_leads_to_its_page_and_keeps_its_filters(browser: Browser, old: str, new: str) -> None:
    browser.open(old + "?q=jansen")
    assert (browser.status, browser.path) == (200, new + "?q=jansen")


def test_the_list_of_old_names_is_whole() -> None:
    assert set(ALIASES) == set(OLD_NAMES)


def test_only_sign_in_set_up_health_and_static_files_answer_without_signing_in(app: Flask) -> None:
    visitor = app.test_client()
    for rule in app.url_map.iter_rules():
        if rule.endpoint in FOR_EVERYBODY or "GET" not in (rule.methods or ()):
            continue
        path = re.sub(r"<any\((\w+)[^>]*>", r"\1", rule.rule)
        path = re.sub(r"<[^>]*>", "1", path)
        answer = visitor.get(path)
        if answer.status_code == 301:
            continue  # an old name: the page it leads to is in the list itself
        assert answer.status_code == 303, (path, answer.status_code)
        assert answer.headers["Location"].startswith("/login"), path


def test_health_says_nothing_but_that_it_lives(app: Flask) -> None:
    assert app.test_client().get("/healthz").json == {"status": "alive"}


@pytest.mark.parametrize(
    "path", ["/finance/invoices", "/finance/transfers", "/finance/unbilled", "/settings/wefact", "/settings/users", "/settings/company"]
)
def test_a_plain_user_does_not_even_see_that_it_exists(app: Flask, path: str) -> None:
    builders.user("user", email="joris@bureau.example", password=builders.PASSWORD, language="en")
    browser = Browser(app).sign_in("joris@bureau.example", builders.PASSWORD)
    browser.open(path)
    assert browser.status == 404
