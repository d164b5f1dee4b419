"""`flask data load`: a folder of CSV files, whole or not at all."""

from __future__ import annotations

import csv
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

import builders
from bench import dataset
from billing.rounding import from_e4, net_of_minutes, to_cents
from blueprints.imports import data_load
from invoicing import selection
from models import (
    Activity,
    AuditEvent,
    Base,
    BillingLink,
    Customer,
    Expense,
    ExpenseCategory,
    Project,
    TimeEntry,
    Transfer,
    TransferEvent,
    Trip,
    User,
    db,
)
from statements import counted

SIZE = dataset.Size(customers=6, projects=20, users=8, activities=5, entries=400, expenses=40, trips=40)

CUSTOMERS = "id,number,name,contact,street,zip,city,country,email,phone,vat,payment_days"
ENTRIES = "user_id,project_id,activity_id,date,minutes,description,billable,invoiced,rate_cents"
SMALL = {
    "customers": [CUSTOMERS, "1,D1,Zon B.V.,,,,,NL,,,,14"],
    "projects": ["id,customer_id,code,name,billable,rate_cents", "1,1,P1,Site,1,9550"],
    "users": ["id,name,email", "1,Ans,ans@bureau.example"],
    "activities": ["id,name", "1,Advies"],
    "entries": [ENTRIES, "1,1,1,2025-11-03,50,Gebeld,1,0,9550"],
    "expenses": ["user_id,project_id,date,description,amount_cents,vat_pct,billable,invoiced", "1,1,2025-11-03,Hotel,12345,9,1,0"],
    "trips": ["user_id,project_id,date,origin,destination,km,rate_cents,billable,invoiced", "1,1,2025-11-03,Utrecht,Zeist,12,23,1,0"],
}


def call(app: Flask, folder: Path | str) -> Result:
    db.session.rollback()
    result = app.test_cli_runner().invoke(args=["data", "load", str(folder)])
    db.session.rollback()
    return result


def made_up(folder: Path, size: dataset.Size = SIZE) -> Path:
    folder.mkdir(exist_ok=True)
    for name in dataset.FILES:
        dataset.write(name, size, folder)
    return folder


def small(folder: Path, **files: list[str] | None) -> Path:
    """One row of each kind; a file given as rows takes the place of its own, as None it is left out."""
    folder.mkdir(exist_ok=True)
    for name, lines in (SMALL | files).items():
        if lines is not None:
            (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def in_file(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def how_many() -> dict[str, int]:
    """Rows of every table that has any."""
    counts = {table.name: db.session.scalar(select(func.count()).select_from(table)) or 0 for table in Base.metadata.sorted_tables}
    db.session.rollback()
    return {name: number for name, number in counts.items() if number}


def claims() -> dict[tuple[str, int], BillingLink]:
    return {(link.source_type, link.source_id): link for link in db.session.scalars(select(BillingLink))}


# --- What arrives ---------------------------------------------------------------------------------------------------------------


@pytest.mark.postgresql
def test_every_row_arrives_and_is_counted(app: Flask, tmp_path: Path) -> None:
    folder = made_up(tmp_path / "company")
    result = call(app, folder)
    assert result.exit_code == 0, result.output
    linked = {name: sum(int(row["invoiced"]) for row in in_file(folder, name)) for name in ("entries", "expenses", "trips")}
    assert min(linked.values()) > 10
    assert json.loads(result.stdout) == {
        "customers": {"created": 6, "reused": 0},
        "projects": {"created": 20, "reused": 0},
        "users": {"created": 8, "reused": 0},
        "activities": {"created": 5, "reused": 0},
        "entries": {"created": 400, "linked": linked["entries"]},
        "expenses": {"created": 40, "linked": linked["expenses"]},
        "trips": {"created": 40, "linked": linked["trips"]},
    }
    there = how_many()
    assert [there[name] for name in ("customer", "project", "user", "activity", "time_entry", "expense", "trip")] == [
        6,
        20,
        8,
        5,
        400,
        40,
        40,
    ]
    assert there["billing_link"] == sum(linked.values())


@pytest.mark.postgresql
def test_hours_stand_here_as_they_stood_in_the_file(app: Flask, tmp_path: Path) -> None:
    folder = made_up(tmp_path / "company")
    assert call(app, folder).exit_code == 0
    files = {name: {row["id"]: row for row in in_file(folder, name)} for name in ("customers", "projects", "users", "activities")}
    entries = db.session.scalars(select(TimeEntry).order_by(TimeEntry.id)).all()
    links = claims()
    for row, entry in zip(in_file(folder, "entries"), entries, strict=True):
        project = files["projects"][row["project_id"]]
        assert entry.project is not None
        assert (entry.project.code, entry.customer.number) == (project["code"], files["customers"][project["customer_id"]]["number"])
        assert (entry.project.customer_id, entry.user.email) == (entry.customer_id, files["users"][row["user_id"]]["email"])
        assert (entry.activity.name, entry.date) == (files["activities"][row["activity_id"]]["name"], date.fromisoformat(row["date"]))
        assert (entry.duration_minutes, entry.note, entry.billable) == (int(row["minutes"]), row["description"], row["billable"] == "1")
        assert (entry.rate_e4, entry.rate_source, entry.status) == (int(row["rate_cents"]) * 100, "own", "approved")
        link = links.get(("time", entry.id))
        assert (link is not None) == (row["invoiced"] == "1")
        if link:
            worth = net_of_minutes(entry.duration_minutes, from_e4(entry.rate_e4))
            assert (link.state, link.former_status, link.amount_cents) == ("live", "approved", to_cents(worth))


@pytest.mark.postgresql
def test_what_was_invoiced_hangs_on_one_transfer_that_was_typed_by_hand(app: Flask, tmp_path: Path) -> None:
    assert call(app, made_up(tmp_path / "archief 2025")).exit_code == 0
    transfer = db.session.scalars(select(Transfer)).one()
    assert (transfer.kind, transfer.state, transfer.connection_id, transfer.remote_number) == ("invoice", "done", None, "archief 2025")
    assert {link.transfer_id for link in claims().values()} == {transfer.id}
    assert transfer.net_cents == transfer.gross_cents == sum(link.amount_cents for link in claims().values()) > 0
    assert transfer.payload["net_cents"] == transfer.net_cents
    assert [event.state for event in db.session.scalars(select(TransferEvent))] == ["done"]
    for source_type, model in (("time", TimeEntry), ("trip", Trip), ("expense", Expense)):
        worth = select(func.sum(selection.amount_of(source_type))).select_from(model).join(selection.CLAIM, selection.holds(source_type))
        if source_type == "expense":
            worth = worth.join(ExpenseCategory, ExpenseCategory.id == Expense.category_id)
        billed = select(func.sum(BillingLink.amount_cents)).where(BillingLink.source_type == source_type)
        assert db.session.scalar(worth) == db.session.scalar(billed) > 0


def test_quantities_and_amounts_are_rounded_half_up_per_row(app: Flask, tmp_path: Path) -> None:
    hours = [
        "1,1,1,2025-11-03,50,,1,1,9550",
        "1,1,1,2025-11-03,-50,,1,1,9553",
        "1,1,1,2025-11-03,10,,1,1,9",
        "1,1,1,2025-11-03,10,,0,1,9550",
    ]
    expenses = [SMALL["expenses"][0], "1,1,2025-11-03,Hotel,-12345,9,1,1"]
    trips = [SMALL["trips"][0], "1,1,2025-11-03,Utrecht,Zeist,12,23,1,1"]
    result = call(app, small(tmp_path / "a", entries=[ENTRIES, *hours], expenses=expenses, trips=trips))
    assert result.exit_code == 0, result.output
    links = db.session.scalars(select(BillingLink).order_by(BillingLink.id)).all()
    assert [(link.source_type, link.quantity_e4, link.amount_cents) for link in links] == [
        ("time", 8333, 7958),
        ("time", -8333, -7961),
        ("time", 1667, 2),
        ("time", 1667, 0),
        ("expense", 10_000, -12_345),
        ("trip", 120_000, 276),
    ]
    assert db.session.scalars(select(Transfer)).one().net_cents == 7958 - 7961 + 2 - 12_345 + 276


def test_expenses_are_net_and_trips_are_business_at_their_own_rate(app: Flask, tmp_path: Path) -> None:
    assert call(app, small(tmp_path / "a")).exit_code == 0
    expense, trip = db.session.scalars(select(Expense)).one(), db.session.scalars(select(Trip)).one()
    assert (expense.category.name, expense.vat_included, expense.unit_price_e4, expense.quantity_e4) == (
        "Imported",
        False,
        1_234_500,
        10_000,
    )
    assert (expense.purchase_vat_bp, expense.note, expense.status, expense.billable) == (900, "Hotel", "approved", True)
    assert (trip.kind, trip.origin, trip.destination, trip.distance_km10, trip.is_return) == ("business", "Utrecht", "Zeist", 120, False)
    assert (trip.rate_e4, trip.rate_source, trip.status) == (2300, "own", "approved")
    assert db.session.scalar(select(func.count()).select_from(Transfer)) == 0


def test_customers_projects_and_people_get_what_the_files_say(app: Flask, tmp_path: Path) -> None:
    customers = [CUSTOMERS, "1,D1,Zon B.V.,Jan Wit,Kade 1,1234 AB,Assen,NL,wrong at zon,0592-1,NL100000001B01,14"]
    projects = [SMALL["projects"][0], "1,1,P1,Site,1,9550", "2,1,P2,Intern,0,9550"]
    assert call(app, small(tmp_path / "a", customers=customers, projects=projects)).exit_code == 0
    customer, user = db.session.scalars(select(Customer)).one(), db.session.scalars(select(User)).one()
    assert (customer.number, customer.number_key, customer.name, customer.contact_last_name) == ("D1", "d1", "Zon B.V.", "Jan Wit")
    assert (customer.address, customer.postal_code, customer.city, customer.payment_term_days) == ("Kade 1", "1234 AB", "Assen", 14)
    assert (customer.vat_number, customer.email, customer.flags) == ("NL100000001B01", "wrong at zon", ["email", "vat_number"])
    methods = {project.code: (project.invoicing_method, project.hourly_rate_e4) for project in db.session.scalars(select(Project))}
    assert methods == {"P1": ("project", 955_000), "P2": ("none", 955_000)}
    assert (user.name, user.password_hash, user.role, user.active) == ("Ans", None, "user", True)


# --- What is here already --------------------------------------------------------------------------------------------------------


@pytest.mark.postgresql
def test_a_known_number_code_address_and_name_are_used_as_they_stand(app: Flask, tmp_path: Path) -> None:
    customer = builders.customer(" d1", name="Zon Nederland B.V.")
    project = builders.project(customer, code="p1", name="Website", hourly_rate_e4=800_000)
    builders.user(email="ans@bureau.example", name="Ans de Wit")
    builders.activity("advies")
    result = call(app, small(tmp_path / "a"))
    assert result.exit_code == 0, result.output
    counts = json.loads(result.stdout)
    assert [counts[name] for name in ("customers", "projects", "users", "activities")] == [{"created": 0, "reused": 1}] * 4
    entry = db.session.scalars(select(TimeEntry)).one()
    assert (entry.customer.name, entry.project_id, entry.user.name, entry.activity.name) == (
        "Zon Nederland B.V.",
        project.id,
        "Ans de Wit",
        "advies",
    )
    assert (entry.rate_e4, entry.project.hourly_rate_e4) == (955_000, 800_000)


def test_the_code_of_another_customers_project_is_another_project(app: Flask, tmp_path: Path) -> None:
    other = builders.project(builders.customer("D2"), code="P1")
    assert json.loads(call(app, small(tmp_path / "a")).stdout)["projects"] == {"created": 1, "reused": 0}
    assert db.session.scalars(select(TimeEntry)).one().project_id != other.id


def test_activities_of_one_name_are_one_activity(app: Flask, tmp_path: Path) -> None:
    activities = ["id,name", "1,Advies", "2,advies "]
    result = call(app, small(tmp_path / "a", activities=activities, entries=[ENTRIES, "1,1,2,2025-11-03,60,,1,0,9550"]))
    assert json.loads(result.stdout)["activities"] == {"created": 1, "reused": 1}
    assert [activity.name for activity in db.session.scalars(select(Activity))] == ["Advies"]


def test_the_category_of_expenses_is_made_once(app: Flask, tmp_path: Path) -> None:
    known = builders.category("Imported")
    assert call(app, small(tmp_path / "a")).exit_code == 0
    assert db.session.scalars(select(Expense)).one().category_id == known.id


def test_each_currency_has_a_transfer_of_its_own(app: Flask, tmp_path: Path) -> None:
    builders.customer("D2", currency="USD")
    customers = [*SMALL["customers"], "2,D2,Sun Inc.,,,,,US,,,,30"]
    projects = [*SMALL["projects"], "2,2,P2,Site,1,10000"]
    entries = [ENTRIES, "1,1,1,2025-11-03,60,,1,1,9550", "1,2,1,2025-11-03,60,,1,1,10000"]
    assert call(app, small(tmp_path / "a", customers=customers, projects=projects, entries=entries)).exit_code == 0
    assert {transfer.currency: transfer.net_cents for transfer in db.session.scalars(select(Transfer))} == {"EUR": 9550, "USD": 10_000}


@pytest.mark.postgresql
def test_the_same_files_are_refused_wherever_they_stand_now(app: Flask, tmp_path: Path) -> None:
    made_up(tmp_path / "company")
    assert call(app, tmp_path / "company").exit_code == 0
    before = how_many()
    (tmp_path / "company").rename(tmp_path / "moved")
    (tmp_path / "moved" / "read me.txt").write_text("not one of the files")
    result = call(app, tmp_path / "moved")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "were loaded already, on 20-11-2026 at 10:00 from a folder named company. Nothing was loaded." in result.stderr
    assert how_many() == before
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "data_loaded")).one()
    assert (event.details["folder"], event.details["counts"]["entries"]["created"]) == ("company", 400)


def test_another_folder_adds_to_what_is_there(app: Flask, tmp_path: Path) -> None:
    assert call(app, made_up(tmp_path / "a")).exit_code == 0
    again = json.loads(call(app, made_up(tmp_path / "b", dataset.Size(6, 20, 8, 5, entries=10, expenses=0, trips=0))).stdout)
    assert (again["customers"], again["projects"], again["entries"]["created"]) == (
        {"created": 0, "reused": 6},
        {"created": 0, "reused": 20},
        10,
    )
    assert db.session.scalar(select(func.count()).select_from(TimeEntry)) == 410


@pytest.mark.postgresql
def test_rows_that_are_added_afterwards_get_ids_of_their_own(app: Flask, tmp_path: Path) -> None:
    assert call(app, small(tmp_path / "a")).exit_code == 0
    assert builders.entry().id > db.session.scalars(select(func.min(TimeEntry.id))).one()


# --- What is refused -------------------------------------------------------------------------------------------------------------

WRONG = {
    "a value that is no number": (
        "entries",
        [ENTRIES, "1,1,1,2025-11-03,an hour,,1,0,9550"],
        "entries.csv, line 2, column minutes: “an hour”",
    ),
    "more than a day": ("entries", [ENTRIES, "1,1,1,2025-11-03,1441,,1,0,9550"], "column minutes: “1441” is not a whole number from -1440"),
    "digits of elsewhere": ("entries", [ENTRIES, "1,1,1,2025-11-03,٣,,1,0,9550"], "column minutes: “٣”"),
    "a price with a comma": ("entries", [ENTRIES, '1,1,1,2025-11-03,60,,1,0,"95,50"'], "column rate_cents: “95,50”"),
    "a rate below zero": ("trips", [SMALL["trips"][0], "1,1,2025-11-03,A,B,12,-23,1,0"], "trips.csv, line 2, column rate_cents"),
    "a date of another kind": (
        "entries",
        [ENTRIES, "1,1,1,03-11-2025,60,,1,0,9550"],
        "column date: “03-11-2025” is not a date such as 2025-11-30",
    ),
    "a day that never was": (
        "expenses",
        [SMALL["expenses"][0], "1,1,2025-02-30,Hotel,1,9,1,0"],
        "“2025-02-30” is not a day of the calendar",
    ),
    "a flag that is a word": ("entries", [ENTRIES, "1,1,1,2025-11-03,60,,yes,0,9550"], "column billable: “yes” is neither 0 nor 1"),
    "an unknown project": ("entries", [ENTRIES, "1,9,1,2025-11-03,60,,1,0,9550"], "column project_id: there is no “9” in projects"),
    "a missing file": (
        "customers",
        None,
        "projects.csv, line 2, column customer_id: there is no “1” in customers, because customers.csv is not",
    ),
    "a missing column": ("users", ["id,email", "1,ans@bureau.example"], "users.csv, line 1: the column name is missing"),
    "a column twice": (
        "users",
        ["id,name,email,Name", "1,A,ans@bureau.example,B"],
        "users.csv, line 1: the column name stands there more than once",
    ),
    "a row that is short": ("activities", ["id,name", "1,Advies", "", "2"], "activities.csv, line 4: there are 1 values under 2 columns"),
    "an address that is none": ("users", ["id,name,email", "1,Ans,ans"], "users.csv, line 2, column email: “ans” is not an e-mail address"),
    "a customer without a name": ("customers", [CUSTOMERS, "1,D1, ,,,,,NL,,,,14"], "customers.csv, line 2, column name: it is empty"),
    "a number twice": (
        "customers",
        [*SMALL["customers"], "2,d1 ,Maan,,,,,NL,,,,14"],
        "line 3, column number: the same stands on line 2 already",
    ),
    "an id twice": (
        "users",
        [*SMALL["users"], "1,Bob,bob@bureau.example"],
        "users.csv, line 3, column id: the same stands on line 2 already",
    ),
    "a name that is too long": ("projects", [SMALL["projects"][0], f"1,1,P1,{'x' * 201},1,1"], "is 201 characters long; use at most 200"),
    "quotes that do not close": ("activities", ["id,name", '1,"Advies'], "activities.csv, after line 1: the file is not proper CSV"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_one_wrong_value_refuses_everything_in_one_sentence(app: Flask, tmp_path: Path, wrong: str) -> None:
    name, lines, sentence = WRONG[wrong]
    before = how_many()
    result = call(app, small(tmp_path / "a", **{name: lines}))
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr
    assert result.stderr.endswith("Nothing was loaded.\n")
    assert len(result.stderr.splitlines()) == 1
    assert how_many() == before


def test_a_file_that_is_not_utf8_is_told(app: Flask, tmp_path: Path) -> None:
    folder = small(tmp_path / "a")
    (folder / "activities.csv").write_bytes("id,name\n1,Café\n".encode("latin-1"))
    result = call(app, folder)
    assert result.exit_code == 1
    assert "activities.csv, after line 0: the file is not UTF-8 text. Nothing was loaded." in result.stderr


def test_a_mistake_far_down_leaves_nothing_of_what_came_before(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_load, "ROWS_AT_ONCE", 3)
    before = how_many()
    rows = ["1,1,1,2025-11-03,60,,1,1,9550"] * 20
    result = call(app, small(tmp_path / "a", entries=[ENTRIES, *rows, "1,1,1,2025-11-03,60,,1,2,9550"]))
    assert (result.exit_code, how_many()) == (1, before)
    assert "entries.csv, line 22, column invoiced: “2”" in result.stderr


def test_a_folder_without_any_of_the_files_is_refused_and_no_folder_is_wrong_use(app: Flask, tmp_path: Path) -> None:
    result = call(app, tmp_path)
    assert result.exit_code == 1
    assert "holds none of customers.csv, projects.csv" in result.stderr
    assert call(app, tmp_path / "nowhere").exit_code == 2
    assert app.test_cli_runner().invoke(args=["data", "load"]).exit_code == 2


# --- What is welcome -------------------------------------------------------------------------------------------------------------


def test_customers_alone_will_do(app: Flask, tmp_path: Path) -> None:
    result = call(app, small(tmp_path / "a", **dict.fromkeys(("projects", "users", "activities", "entries", "expenses", "trips"))))
    assert json.loads(result.stdout)["customers"] == {"created": 1, "reused": 0}
    assert db.session.scalar(select(func.count()).select_from(ExpenseCategory)) == 0


def test_empty_files_a_byte_order_mark_other_columns_and_another_order_are_fine(app: Flask, tmp_path: Path) -> None:
    folder = small(tmp_path / "a", trips=None, expenses=None)
    (folder / "trips.csv").write_bytes(b"")
    (folder / "users.csv").write_bytes("\ufeffemail,login,name,id\r\n\r\nans@bureau.example,ans,Ans,1\r\n".encode())
    result = call(app, folder)
    assert result.exit_code == 0, result.output
    assert db.session.scalars(select(User)).one().name == "Ans"


@pytest.mark.postgresql
def test_hostile_text_stays_text(app: Flask, tmp_path: Path) -> None:
    note = "=1+1 <script>alert(1)</script> \u202e" + "x" * 10_000
    folder = small(tmp_path / "a", entries=[ENTRIES, f'1,1,1,2025-11-03,60,"\x00{note}\nline two",1,0,9550'])
    result = call(app, folder)
    assert result.exit_code == 0, result.output
    assert db.session.scalars(select(TimeEntry)).one().note == f"{note}\nline two"


# --- How it is done --------------------------------------------------------------------------------------------------------------


def test_more_rows_are_inserted_and_cost_no_other_statements(app: Flask, tmp_path: Path) -> None:
    seen = []
    for name, entries in (("a", 50), ("b", 300), ("c", 1500)):
        folder = made_up(tmp_path / name, dataset.Size(6, 20, 8, 5, entries=entries, expenses=30, trips=30))
        db.session.rollback()
        with counted() as statements:
            result = call(app, folder)
        assert result.exit_code == 0, result.output
        seen.append(len([one for one in statements if not one.startswith("INSERT")]))
    assert seen[2] == seen[1] < 30


def test_the_database_knows_afterwards_how_much_there_is(app: Flask, tmp_path: Path) -> None:
    assert call(app, made_up(tmp_path / "a")).exit_code == 0
    if db.engine.dialect.name == "postgresql":
        told = db.session.execute(db.text("SELECT reltuples::bigint::text FROM pg_class WHERE relname = 'time_entry'")).scalar_one()
    else:
        told = db.session.execute(db.text("SELECT stat FROM sqlite_stat1 WHERE idx = 'ix_time_entry_customer_date'")).scalar_one()
    assert told.split()[0] == "400"


@pytest.mark.sqlite
def test_a_hundred_thousand_hours_show_the_figures_of_the_workloads(app: Flask, tmp_path: Path) -> None:
    assert call(app, made_up(tmp_path / "company", dataset.Size(entries=100_000))).exit_code == 0
    hours = func.sum(TimeEntry.duration_minutes)
    month = select(func.count(), hours).where(TimeEntry.date.between(date(2025, 11, 1), date(2025, 11, 30)))
    customer = select(Customer.id).where(Customer.number == "D10001").scalar_subquery()
    assert db.session.execute(month.where(TimeEntry.customer_id == customer, selection.billable_clause("time"))).one() == (63, 87.5 * 60)
    year = select(hours).where(TimeEntry.date.between(date(2025, 1, 1), date(2025, 12, 31)))
    assert Decimal(db.session.scalars(year).one()) / 60 == Decimal("48866.0")
    person = select(User.id).where(User.email == "user007@bureau.example").scalar_subquery()
    week = select(func.count()).where(TimeEntry.user_id == person, TimeEntry.date.between(date(2025, 11, 10), date(2025, 11, 16)))
    assert db.session.scalars(week).one() == 11
