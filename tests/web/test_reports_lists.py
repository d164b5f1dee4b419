"""The lists under Reports: what they show, narrow down, add up, and what they cost."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, literal, select, text

import builders
from models import BillingLink, Customer, Organisation, TimeEntry, db
from page import Browser, Element
from statements import counted

HOSTILE = '<script>alert(1)</script>"\u202e=1+1'


def _lines(page: Element) -> list[Element]:
    bodies = page.all("tbody")
    return bodies[0].all("tr") if bodies else []


def _figures(page: Element) -> str:
    return page.first("tfoot", id="totals").text


def _sign_in(app: Flask, role: str, **values: Any) -> tuple[Browser, Any]:
    person = builders.user(role, password=builders.PASSWORD, language="en", **values)
    return Browser(app).sign_in(person, builders.PASSWORD), person


def _link(source_type: str, source_id: int, state: str) -> None:
    db.session.add(BillingLink(source_type=source_type, source_id=source_id, state=state, created_at=builders.NOW))
    db.session.commit()


def test_hours_show_who_worked_for_whom_and_what_it_is_worth(browser: Browser) -> None:
    work = builders.project(builders.customer(name="Jansen Bouw"), name="Website")
    builders.entry(
        work, builders.user("user", name="Ans de Wit"), builders.activity("Design"), minutes=270, date=date(2026, 11, 19), note="Homepage"
    )
    page = browser.open("/reports/hours")
    [line] = _lines(page)
    for part in ("19-11", "Jansen Bouw", "Website", "Design", "Ans de Wit", "Homepage", "4:30", "95,00", "427,50", "Open"):
        assert part in line.text
    assert line.first("input", type="checkbox")["aria-label"] == "Select 4:30 of Ans de Wit for Jansen Bouw on 19-11"
    assert page.first("input", aria_label="Select all on this page")
    assert _figures(page) == "Total of 1 row 4:30 € 427,50"


def test_expenses_and_trips_have_lists_of_their_own(browser: Browser) -> None:
    builders.expense(
        kind=builders.category("Materiaal", unit="stuk", markup_bp=1_000), quantity_e4=20_000, unit_price_e4=125_000, note="Bouten"
    )
    builders.trip(is_return=True, note="Overleg")
    [line] = _lines(browser.open("/reports/expenses"))
    assert all(part in line.text for part in ("Materiaal", "2 stuk", "12,50", "27,50", "Bouten"))
    [line] = _lines(browser.open("/reports/trips"))
    assert all(part in line.text for part in ("Utrecht – Zeist and back", "92", "0,35", "32,20", "Overleg"))


def test_without_dates_it_is_this_month_and_empty_dates_mean_all(browser: Browser) -> None:
    builders.entry(date=date(2026, 11, 2))
    builders.entry(date=date(2026, 10, 31))
    builders.entry(date=date(2019, 1, 1))
    assert len(_lines(browser.open("/reports/hours"))) == 1
    assert browser.page.first("button", popovertarget="f-period").text == "November 2026"
    assert len(_lines(browser.open("/reports/hours?from=&to="))) == 3
    assert len(_lines(browser.open("/reports/hours?from=2026-10-01"))) == 2
    assert len(_lines(browser.open("/reports/hours?to=31-10-2026"))) == 2
    assert len(_lines(browser.open("/reports/hours?from=2026-10-31&to=2026-10-31"))) == 1
    browser.open("/reports/hours?from=31-02-2026&to=")
    assert "“31-02-2026” is not a date" in browser.page.first("p", role="alert").text


@pytest.mark.parametrize("kind", ["hours", "expenses", "trips"])
def test_each_filter_narrows_down(browser: Browser, kind: str) -> None:
    make = {"hours": builders.entry, "expenses": builders.expense, "trips": builders.trip}[kind]
    wanted, other = make(note="Offerte voor 100%"), make()
    for query in (f"customer={wanted.customer_id}", f"project={wanted.project_id}", f"user={wanted.user_id}", "q=100%25", "q=OFFERTE"):
        [line] = _lines(browser.open(f"/reports/{kind}?{query}"))
        assert line["id"] == f"r{wanted.id}", query
    name = db.session.get_one(Customer, other.customer_id).name
    [line] = _lines(browser.open(f"/reports/{kind}?q={name}"))
    assert line["id"] == f"r{other.id}"
    for nonsense in ("customer=x", "customer=-1", "user=99999999999", "status=weg", "page=0", "sort=id;drop"):
        assert len(_lines(browser.open(f"/reports/{kind}?{nonsense}"))) == 2, nonsense
    assert _lines(browser.open(f"/reports/{kind}?customer=4711")) == []


def test_the_activity_filter_means_the_category_on_expenses(browser: Browser) -> None:
    hour, expense = builders.entry(), builders.expense()
    builders.entry()
    builders.expense()
    assert [line["id"] for line in _lines(browser.open(f"/reports/hours?activity={hour.activity_id}"))] == [f"r{hour.id}"]
    assert [line["id"] for line in _lines(browser.open(f"/reports/expenses?activity={expense.category_id}"))] == [f"r{expense.id}"]


def test_statuses_are_what_people_see(browser: Browser) -> None:
    rows = {status: builders.entry(status=status) for status in ("open", "submitted", "approved", "written_off", "rejected")}
    rows |= {"invoiced": builders.entry(status="approved"), "reserved": builders.entry(status="open")}
    _link("time", rows["invoiced"].id, "live")
    _link("time", rows["reserved"].id, "reserved")
    _link("time", rows["open"].id, "released")
    words = {"written_off": "Written off", "reserved": "Being invoiced"}
    for status, row in rows.items():
        [line] = _lines(browser.open(f"/reports/hours?status={status}"))
        assert line["id"] == f"r{row.id}"
        assert line.text.endswith(words.get(status, status.capitalize()))
    found = {line["id"] for line in _lines(browser.open("/reports/hours?status=unbilled"))}
    assert found == {f"r{rows[status].id}" for status in ("open", "submitted", "approved")}


def test_a_chip_shows_its_filter_and_takes_it_away(browser: Browser) -> None:
    wanted = builders.entry(builders.project(builders.customer(name="Jansen Bouw")), status="open")
    builders.entry()
    browser.open(f"/reports/hours?customer={wanted.customer_id}&status=open&sort=user")
    assert len(_lines(browser.page)) == 1
    browser.link("Customer Jansen Bouw, remove filter")
    assert "customer=" not in browser.path
    assert "status=open" in browser.path
    assert len(_lines(browser.page)) == 2
    browser.link("Clear all")
    assert browser.path == "/reports/hours"


def test_a_filter_is_chosen_from_a_list_that_keeps_the_others(browser: Browser) -> None:
    work = builders.project(builders.customer(name="Jansen Bouw"), name="Website")
    builders.project(builders.customer(name="De Vries"), name="Verbouwing")
    builders.entry(work)
    browser.open("/reports/hours?status=open&from=2026-11-01&to=2026-11-30")
    browser.open(browser.page.first("div", id="f-customer").first("a")["href"] + "&find=jans")
    assert [a.text for a in browser.page.first("section", class_="choices").all("a")] == [f"Jansen Bouw {work.customer.number}"]
    browser.open(browser.page.first("section", class_="choices").first("a")["href"])
    assert f"customer={work.customer_id}" in browser.path
    assert "status=open" in browser.path
    assert "from=2026-11-01" in browser.path
    offered = browser.htmx(f"/reports/hours/choices/project?customer={work.customer_id}")
    assert [a.text for a in offered.all("a")] == ["Website Jansen Bouw"]
    assert offered.first("input", type="search")["hx-get"] == f"/reports/hours/choices/project?customer={work.customer_id}"
    assert not browser.htmx("/reports/hours/choices/project?find=Web").all("input")
    assert "Nothing is called that" in browser.htmx("/reports/hours/choices/activity?find=zzz").text
    browser.open("/reports/trips/choices/onzin")
    assert browser.status == 404


def test_sorting_goes_both_ways_and_survives_paging(browser: Browser) -> None:
    work, by, doing = builders.project(), builders.user("user"), builders.activity()
    for minutes in range(1, 61):
        builders.entry(work, by, doing, minutes=minutes)
    page = browser.open("/reports/hours?sort=hours")
    assert page.first("th", aria_sort="ascending").text == "Hours"
    assert [line.all("td", class_="r")[0].text for line in _lines(page)][:2] == ["0:01", "0:02"]
    browser.link("Next page")
    assert "sort=hours" in browser.path
    assert [line.all("td", class_="r")[0].text for line in _lines(browser.page)] == [f"0:{n}" for n in range(51, 60)] + ["1:00"]
    assert "51 to 60 of 60" in browser.page.text
    for key in ("date", "customer", "project", "user", "amount"):
        assert len(_lines(browser.open(f"/reports/hours?sort=-{key}"))) == 50
    browser.open("/reports/hours?page=9")
    assert "this page has nothing" in browser.page.text


@pytest.mark.parametrize("kind", ["expenses", "trips"])
def test_expenses_and_trips_sort_too(browser: Browser, kind: str) -> None:
    make = {"expenses": builders.expense, "trips": builders.trip}[kind]
    make(), make()
    for key in ("date", "customer", "project", "user", "amount", "distance"):
        assert len(_lines(browser.open(f"/reports/{kind}?sort={key}"))) == 2


def test_totals_are_of_the_whole_filter_and_never_add_currencies(browser: Browser) -> None:
    euros = builders.project(builders.customer(name="Jansen"))
    dollars = builders.project(builders.customer(name="Acme", currency="USD"))
    by, doing = builders.user("user"), builders.activity()
    for _number in range(55):
        builders.entry(euros, by, doing, minutes=1, rate_e4=3_000)
    builders.entry(dollars, by, doing, minutes=60)
    builders.entry(euros, by, doing, minutes=600, billable=False)
    page = browser.open("/reports/hours")
    assert _figures(page) == "Total of 57 rows 11:55 € 0,55 $ 95,00"
    assert len(_lines(page)) == 50


def test_people_see_their_own_rows_and_no_amounts(app: Flask) -> None:
    visitor, person = _sign_in(app, "user", name="Sofie")
    mine = builders.entry(by=person, minutes=60)
    theirs = builders.entry(minutes=120)
    page = visitor.open("/reports/hours")
    assert [line["id"] for line in _lines(page)] == [f"r{mine.id}"]
    assert _figures(page) == "Total of 1 row 1:00"
    assert "95,00" not in page.text
    assert not page.all("button", popovertarget="f-user")
    assert [a.text for a in page.first("nav", class_="tabs").all("a")] == ["Hours", "Expenses", "Trips"]
    assert _lines(visitor.open(f"/reports/hours?user={theirs.user_id}")) == []
    assert len(_lines(visitor.open("/reports/hours?sort=-amount"))) == 1
    visitor.open("/reports/hours/choices/user")
    assert visitor.status == 404


def test_a_team_manager_sees_everybody_without_amounts(app: Flask) -> None:
    manager, _person = _sign_in(app, "team_manager")
    builders.entry()
    page = manager.open("/reports/hours")
    assert len(_lines(page)) == 1
    assert "€" not in page.first("main").text


def test_htmx_gets_the_table_and_the_history_the_page(browser: Browser) -> None:
    builders.entry()
    part = browser.htmx("/reports/hours?sort=customer")
    assert not part.all("header")
    assert part.first("div", id="chips")["hx-swap-oob"] == "true"
    assert len(_lines(part)) == 1
    assert browser.open("/reports/hours", HX_Request="true", HX_History_Restore_Request="true").all("header")


def test_an_empty_list_says_why(browser: Browser) -> None:
    page = browser.open("/reports/expenses")
    assert "Nothing has been registered yet" in page.first("section", class_="empty").text
    assert page.first("section", class_="empty").first("a").text == "Add expense"
    builders.expense(date=date(2025, 1, 1))
    page = browser.open("/reports/expenses?status=open")
    assert "2 filters are active; without them the list has 1 expense." in page.text
    assert len(_lines(browser.link("Clear 2 filters"))) == 1


def test_hostile_words_stay_words(browser: Browser) -> None:
    customer = builders.customer(name=HOSTILE)
    person = builders.user("user", name=HOSTILE)
    work = builders.project(customer, name=HOSTILE)
    for make in (builders.entry, builders.expense, builders.trip):
        make(work, person, note=HOSTILE + "x" * 10_000)
    for kind in ("hours", "expenses", "trips"):
        page = browser.open(f"/reports/{kind}?customer={customer.id}&q=%3Cscript%3E")
        assert len(_lines(page)) == 1
        assert not [s for s in page.all("script") if "src" not in s.attributes]
        assert HOSTILE in _lines(page)[0].text
        assert "x" * 200 not in browser.html


def _repeat_entries(times: int) -> None:
    """The hundred entries again and again, in one statement on either database."""
    numbers = select(literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < times))
    table = TimeEntry.__table__
    names = [column.name for column in table.columns]
    copied = [table.c.id + 100 * numbers.c.n if name == "id" else table.c[name] for name in names]
    db.session.execute(insert(TimeEntry).from_select(names, select(*copied).select_from(table).join(numbers, literal(True))))
    _claim_every_seventh(100)
    if db.engine.dialect.name == "postgresql":
        # Its own housekeeping would do this within a minute; without statistics it takes the tables for empty.
        db.session.execute(text("ANALYZE"))
        db.session.commit()


def _claim_every_seventh(after: int) -> None:
    chosen = select(literal("time"), TimeEntry.id, literal("live"), literal(0), literal(0), literal("approved"), TimeEntry.created_at)
    names = ["source_type", "source_id", "state", "amount_cents", "quantity_e4", "former_status", "created_at"]
    db.session.execute(insert(BillingLink).from_select(names, chosen.where(TimeEntry.id > after, TimeEntry.id % 7 == 0)))
    db.session.commit()


def test_a_page_costs_the_same_with_a_hundred_thousand_rows_as_with_a_hundred(app: Flask, browser: Browser) -> None:
    people = [builders.user("user").id for _number in range(4)]
    works = [builders.project() for _number in range(10)]
    doing = builders.activity().id

    values = [
        {
            "id": n,
            "customer_id": works[n % 10].customer_id,
            "project_id": works[n % 10].id,
            "user_id": people[n % 4],
            "activity_id": doing,
            "date": date(2026, 11, 20) - timedelta(days=n * 10),
            "duration_minutes": 15 + n % 60,
            "note": f"Besproken: punt {n}",
            "rate_e4": 950_000,
            "status": "approved",
            "created_at": builders.NOW,
            "updated_at": builders.NOW,
        }
        for n in range(1, 101)
    ]
    db.session.execute(insert(TimeEntry), values)
    _claim_every_seventh(0)

    asked = ("from=&to=", f"from=&to=&status=unbilled&customer={works[1].customer_id}&q=punt", "from=&to=&status=invoiced&sort=-amount")
    browser.open("/reports/hours?from=&to=")
    browser.post("/reports/selection", {"kind": "time", "shown": "1,2,3", "time": ["1", "2"]})
    seen = []
    for is_full in (False, True):
        if is_full:
            _repeat_entries(999)
        for query in asked:
            with counted() as sent:
                browser.open(f"/reports/hours?{query}")
            assert browser.status == 200
            seen.append(len(sent))
    assert "of 100.000" in browser.open("/reports/hours?from=&to=").text
    assert seen[:3] == seen[3:]
    assert max(seen) <= 10
    browser.open("/reports/hours?from=&to=")
    assert len(_lines(browser.page)) == 50
    assert len(browser.html.encode()) < 60_000


def test_a_saved_currency_of_the_company_is_not_repeated_in_the_rows(browser: Browser) -> None:
    db.session.get_one(Organisation, 1).currency = "USD"
    db.session.commit()
    builders.entry(builders.project(builders.customer(currency="USD")))
    [line] = _lines(browser.open("/reports/hours"))
    assert "$" not in line.text
    assert "$ 95,00" in _figures(browser.page)
