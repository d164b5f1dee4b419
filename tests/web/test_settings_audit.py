"""Settings → Audit: who did what, filtered, in words, and nothing to change."""

from __future__ import annotations

import audit
import builders
from models import User, db
from page import Browser
from statements import counted


def rows(browser: Browser) -> list[str]:
    return [row.text for row in browser.page.first("tbody").all("tr")]


def test_what_was_changed_stands_in_words(browser: Browser) -> None:
    customer = builders.customer("1", "Jansen", hourly_rate_e4=800_000)
    browser.open(f"/manage/customers/{customer.id}")
    browser.submit("Save", Hourly_rate="90", City="Utrecht")
    browser.open("/settings/audit")
    assert "Ans de Wit Customer changed Customer Jansen" in rows(browser)[0]
    assert "hourly rate: 80,00 → 90,00" in rows(browser)[0] and "city: empty → Utrecht" in rows(browser)[0]
    assert "Signed in" in rows(browser)[1]


def test_the_log_is_filtered_by_what_about_and_who(browser: Browser) -> None:
    ans = db.session.query(User).one()
    bram = builders.user("user", name="Bram")
    for user, action, kind in ((bram, "project_changed", "project"), (ans, "project_created", "project"), (bram, "trip_added", "trip")):
        audit.record(user, action, kind, 1, builders.NOW, name="<script>alert(1)</script>")
    audit.record(None, "unheard_of", "thing", None, builders.NOW, ids=[1, 2])
    db.session.commit()
    browser.open("/settings/audit")
    assert "Uurwerk Unheard of thing ids: 1, 2" in rows(browser)[0]
    assert not [script for script in browser.page.all("script") if "alert" in script.text]
    for query, expected in (
        ("action=project_changed", 1),
        ("object=project", 2),
        (f"user={bram.id}", 2),
        (f"user={bram.id}&object=project", 1),
    ):
        browser.open(f"/settings/audit?{query}")
        assert len(rows(browser)) == expected, query
    assert len(browser.htmx("/settings/audit?object=trip").first("tbody").all("tr")) == 1
    assert "Nothing found" in browser.open("/settings/audit?action=nothing").text


def test_a_long_log_is_paged_and_costs_few_queries(browser: Browser) -> None:
    for n in range(120):
        audit.record(None, "trip_changed", "trip", n, builders.NOW, changes={"note": ["x" * 5000, "y"]})
    db.session.commit()
    with counted() as queries:
        browser.open("/settings/audit?object=trip")
    assert browser.status == 200 and len(queries) <= 10, queries
    assert "1 to 50 of 120" in browser.page.text
    assert len(browser.html) < 60_000
    browser.link("Next page")
    assert "51 to 100 of 120" in browser.page.text


def test_nothing_can_be_posted_to_the_log(browser: Browser) -> None:
    browser.open("/settings/audit")
    browser.post("/settings/audit", {})
    assert browser.status == 405
