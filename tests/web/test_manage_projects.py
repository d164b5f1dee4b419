"""Projects under Manage: fields, activities and members in one form, rates that count at once, two people at once."""

from __future__ import annotations

from datetime import date

from flask import Flask

import builders
from fakes import Clock
from models import AuditEvent, Project, ProjectActivity, ProjectUser, TimeEntry, db
from page import Browser
from statements import counted


def names(browser: Browser) -> list[str]:
    return [row.first("th").text for row in browser.page.first("tbody").all("tr")]


def test_a_project_is_added_with_its_activities_and_members(browser: Browser) -> None:
    customer = builders.customer("1001", "Jansen Bouw")
    design = builders.activity("Design", default_for_new_projects=True, hourly_rate_e4=800_000)
    builders.activity("Support")
    bram = builders.user("user", name="Bram Janssens")
    browser.open("/manage/projects")
    browser.link("New project")
    browser.submit(
        "Save",
        Name="Website",
        Code="W1",
        Customer="1001 Jansen Bouw",
        Start_date="01-11-2026",
        End_date="2026-12-31",
        Invoicing_method="activity",
        Rate_of_Design="95",
        Bram_Janssens="y",
        Rate_of_Bram_Janssens="70,50",
        Bram_Janssens_is_manager="y",
    )
    assert browser.status == 200, browser.page.text
    assert "Website added." in browser.page.text
    project = db.session.query(Project).one()
    assert (project.name, project.code, project.customer_id) == ("Website", "W1", customer.id)
    assert (project.starts_on, project.ends_on) == (date(2026, 11, 1), date(2026, 12, 31))
    own = db.session.query(ProjectActivity).one()
    assert (own.activity_id, own.hourly_rate_e4, own.billable) == (design.id, 950_000, True)
    member = db.session.query(ProjectUser).one()
    assert (member.user_id, member.hourly_rate_e4, member.is_manager) == (bram.id, 705_000, True)


def test_the_customer_is_found_by_number_name_or_both_and_never_guessed(browser: Browser) -> None:
    jansen = builders.customer("1001", "Jansen")
    builders.customer("1002", "Dubbel")
    builders.customer("1003", "Dubbel")
    for typed in ("1001", "jansen", "1001 Jansen"):
        browser.open("/manage/projects/new")
        browser.submit("Save", Name="Website", Customer=typed)
        assert browser.status == 200
    assert {project.customer_id for project in db.session.query(Project)} == {jansen.id}
    for typed in ("Dubbel", "Niemand"):
        browser.open("/manage/projects/new")
        browser.submit("Save", Name="Website", Customer=typed)
        assert browser.status == 422
        assert "choose one from the list" in browser.page.text
        assert browser.page.first("input", id="customer")["value"] == typed


def test_the_customer_field_offers_whom_somebody_may_mean(browser: Browser) -> None:
    builders.customer("1001", "Jansen Bouw")
    builders.customer("1002", "De Vries")
    options = browser.htmx("/manage/customers/options?customer=jans").all("option")
    assert [option["value"] for option in options] == ["1001 Jansen Bouw"]


def test_a_new_rate_is_told_and_counts_for_unbilled_hours(browser: Browser) -> None:
    project = builders.project(builders.customer("1", "Jansen"), hourly_rate_e4=900_000)
    entries = [builders.entry(project).id for _n in range(3)]
    browser.open(f"/manage/projects/{project.id}")
    browser.submit("Save", Project_rate_per_hour="100")
    assert "3 unbilled entries got another rate." in browser.page.text
    assert {db.session.get(TimeEntry, one).rate_e4 for one in entries} == {1_000_000}


def test_a_rate_beside_an_activity_counts_and_goes_when_it_is_unticked(browser: Browser) -> None:
    design = builders.activity("Design", hourly_rate_e4=800_000)
    project = builders.project(builders.customer("1", "Jansen"), method="activity", hourly_rate_e4=None)
    entry = builders.entry(project, doing=design, rate_e4=800_000, rate_source="activity").id
    browser.open(f"/manage/projects/{project.id}")
    browser.submit("Save", Design="y", Rate_of_Design="110")
    assert "1 unbilled entry got another rate." in browser.page.text
    assert db.session.get(TimeEntry, entry).rate_e4 == 1_100_000
    browser.submit("Save", Design=[])
    assert db.session.query(ProjectActivity).count() == 0
    assert db.session.get(TimeEntry, entry).rate_e4 == 800_000


def test_a_wrong_rate_in_a_row_is_refused_beside_it_and_nothing_is_lost(browser: Browser) -> None:
    builders.activity("Design")
    project = builders.project(builders.customer("1", "Jansen"), name="Website")
    browser.open(f"/manage/projects/{project.id}")
    browser.submit("Save", Name="Nieuwe site", Design="y", Rate_of_Design="veel")
    assert browser.status == 422
    assert "“veel” is not an amount" in browser.page.text
    assert browser.page.first("input", id="name")["value"] == "Nieuwe site"
    assert browser.page.first("input", aria_label="Rate of Design")["value"] == "veel"
    assert db.session.get(Project, project.id).name == "Website"


def test_dates_and_colours_are_checked(browser: Browser) -> None:
    project = builders.project(builders.customer("1", "Jansen"))
    browser.open(f"/manage/projects/{project.id}")
    browser.submit("Save", Start_date="31-02-2026", Colour="red")
    assert browser.status == 422
    assert "“31-02-2026” is not a date; write it like 21-11-2026." in browser.page.text
    assert "Choose a colour" in browser.page.text
    browser.submit("Save", Start_date="02-02-2026", End_date="01-02-2026", Colour="#AABBCC")
    assert "The end date is before the start date" in browser.page.text


def test_a_post_without_any_field_is_refused_and_not_an_error(browser: Browser) -> None:
    work = builders.project(name="Website")
    browser.open(f"/manage/projects/{work.id}")
    browser.post(f"/manage/projects/{work.id}", {})
    assert browser.status == 422 and db.session.get_one(Project, work.id).name == "Website"


def test_a_project_with_work_stays_with_its_customer(browser: Browser) -> None:
    project = builders.project(builders.customer("1", "Jansen"))
    builders.customer("2", "De Vries")
    builders.entry(project)
    browser.open(f"/manage/projects/{project.id}")
    browser.submit("Save", Customer="2")
    assert browser.status == 422
    assert "Work is registered on this project" in browser.page.text


def test_saving_over_somebody_else_asks_first(app: Flask, browser: Browser, clock: Clock) -> None:
    project = builders.project(builders.customer("1", "Jansen"), name="Website")
    builders.user("project_manager", name="Sofie Peeters", email="sofie@bureau.example", password=builders.PASSWORD, language="en")
    sofie = Browser(app).sign_in("sofie@bureau.example", builders.PASSWORD)
    address = f"/manage/projects/{project.id}"
    browser.open(address)
    sofie.open(address)
    sofie.submit("Save", Name="Webshop")
    browser.submit("Save", Name="Site")
    assert browser.status == 409
    assert "Name Webshop Site" in browser.page.first("section", role="alert").text
    assert "Sofie Peeters" in browser.page.first("section", role="alert").text
    assert db.session.get(Project, project.id).name == "Webshop"
    browser.submit("Keep mine")
    assert db.session.get(Project, project.id).name == "Site"


def test_the_list_searches_and_filters(browser: Browser) -> None:
    jansen, vries = builders.customer("10", "Jansen"), builders.customer("9", "De Vries")
    builders.project(jansen, name="Website", code="W1")
    builders.project(vries, name="Nieuwbouw")
    builders.project(jansen, name="Oud", active=False)
    browser.open("/manage/projects")
    assert names(browser) == ["Nieuwbouw", "Website"]
    browser.open("/manage/projects?sort=-name")
    assert names(browser) == ["Website", "Nieuwbouw"]
    for q in ("w1", "web", "jansen", "10"):
        browser.open(f"/manage/projects?q={q}")
        assert names(browser) == ["Website"]
    browser.open(f"/manage/projects?customer={jansen.id}&status=all")
    assert names(browser) == ["Oud", "Website"]
    assert browser.page.first("rect")["fill"] == "#2f7d5f"


def test_an_empty_list_says_what_a_project_is(browser: Browser) -> None:
    assert "No projects yet" in browser.open("/manage/projects").text
    browser.link("New project")
    assert browser.path == "/manage/projects/new"


def test_a_project_with_hours_is_archived_and_one_without_is_deleted(browser: Browser) -> None:
    used, empty = builders.project(name="Gebruikt"), builders.project(name="Leeg")
    db.session.add(ProjectActivity(project_id=empty.id, activity_id=builders.activity().id))
    builders.entry(used)
    ids = used.id, empty.id
    browser.open(f"/manage/projects/{ids[0]}/delete")
    assert "1 hour entry" in browser.page.text
    browser.submit("Archive")
    browser.open(f"/manage/projects/{ids[1]}/delete")
    browser.submit("Delete")
    assert [project.name for project in db.session.query(Project)] == ["Gebruikt"]
    assert db.session.query(ProjectActivity).count() == 0
    assert {row.action for row in db.session.query(AuditEvent).filter_by(object_type="project")} == {"project_archived", "project_deleted"}


def test_lists_and_saves_stay_within_their_number_of_queries(browser: Browser) -> None:
    project = builders.project(builders.customer("1", "Jansen"), hourly_rate_e4=900_000)
    for n in range(12):
        builders.activity(f"Activiteit {n}")
        builders.user("user")
        builders.project(name=f"Project {n}")
    builders.entry(project)
    with counted() as list_queries:
        browser.open("/manage/projects")
    assert browser.status == 200 and len(list_queries) <= 10, list_queries
    with counted() as page_queries:
        browser.open(f"/manage/projects/{project.id}")
    assert len(page_queries) <= 10, page_queries
    form = browser._form_of(browser._button("Save"))
    ticked = {box["name"]: "y" for box in form.all("input", type="checkbox") if box["name"].endswith("-chosen")}
    values = browser._values(form) | ticked | {"hourly_rate_e4": "95"}
    with counted() as write_queries:
        answer = browser.client.post(browser.path, data=values)
    assert answer.status_code == 303
    assert len(write_queries) <= 12, write_queries
    assert db.session.query(ProjectActivity).count() == 13
