"""`python -m sandbox.demo --wefact URL --hostfact URL`: the demo company, put into an empty database.

What a person would do is done the way a person does it: the connection is tested and saved, customers are imported, last month is
invoiced by the worker, all against the stand-in server that must be running. A database that holds anything else is left alone.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import requests
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import func, insert, select, text

from app import create_app
from blueprints.auth import actions as people_actions
from blueprints.settings import connection_actions
from invoicing import rates, selection
from invoicing.links import SOURCES
from invoicing.plan import Options
from models import (
    AccountingItem,
    Activity,
    BillingLink,
    Connection,
    Customer,
    ExpenseCategory,
    ItemLink,
    Organisation,
    Project,
    ProjectActivity,
    ProjectUser,
    Transfer,
    User,
    VatMapping,
    VatRegime,
    Vehicle,
    db,
)
from sandbox import registrations, studio
from sandbox.registrations import House, first_of_month
from sandbox.wefact import seeds
from sandbox.wefact.server import DEMO_KEY
from settings import Settings
from transfers import imports, intents, ledger, worker
from transfers.connections import by_vendor

UNFINISHED = "filling"
"""A file in the data directory while the company is put in; found at a start, the company is made anew."""

MONTHS = ["januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"]

TYPED_IN = {
    "Address": "address",
    "ZipCode": "postal_code",
    "City": "city",
    "Country": "country",
    "TaxNumber": "vat_number",
    "CompanyNumber": "coc_number",
}
"""What an import does not bring, because WeFact tells it of one customer at a time only."""

Clock = Callable[[], datetime]


class Occupied(Exception):
    """The database holds something that is not the demo company."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def prepare(app: Flask, wefact: str, hostfact: str, clock: Clock = utc_now) -> bool:
    """Makes the database ready: up to date, and filled when it is empty. Tells whether it was filled. Raises Occupied."""
    settings: Settings = app.extensions["settings"]
    unfinished = settings.data_dir / UNFINISHED
    with app.app_context():
        upgrade()
        if unfinished.exists():
            _start_over()
        organisation = db.session.get_one(Organisation, 1)
        if organisation.is_demo:
            _follow(hostfact)
            return False
        if db.session.scalar(select(func.count()).select_from(User)) or db.session.scalar(select(func.count()).select_from(Customer)):
            raise Occupied
        db.session.rollback()
        print("Uurwerk: making the demo company", flush=True)
        unfinished.touch()
        fill(settings, wefact, clock)
        unfinished.unlink()
        return True


def _start_over() -> None:
    """Empties a database that was left half filled."""
    if not db.session.get_one(Organisation, 1).is_demo:
        db.session.rollback()
        return
    db.session.rollback()
    db.drop_all()
    with db.engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    upgrade()


def _follow(hostfact: str) -> None:
    """A saved HostFact stand-in may listen on another port today."""
    connection = by_vendor("hostfact")
    if connection.url.startswith("http://127.0.0.1:") and not connection.url.startswith(hostfact + "/"):
        connection.url = f"{hostfact}/{connection.url.split('/', 3)[3]}"
        db.session.commit()
    db.session.rollback()


def fill(settings: Settings, wefact: str, clock: Clock) -> None:
    """Everything, in the order in which a company would come to it."""
    today = clock().astimezone(ZoneInfo(settings.timezone)).date()
    people = _company(clock())
    _connect(settings, people["ans"], clock)
    _import_customers(settings, people["ans"], clock)
    house = _house(people, clock())
    _link_items(house)
    db.session.add_all(registrations.everything(house, today))
    rates.reprice_unbilled(now=clock())
    db.session.commit()
    _invoiced_elsewhere(house, today, clock())
    _invoice_last_month(settings, wefact, house, today, clock)


# --- The company ----------------------------------------------------------------------------------------------------------------


def _company(now: datetime) -> dict[str, User]:
    organisation = db.session.get_one(Organisation, 1)
    for name, value in studio.COMPANY.items():
        setattr(organisation, name, value)
    people = {}
    for person in studio.PEOPLE:
        user = people_actions.create_user(person.email, person.name, person.role, studio.PASSWORD, now, by=None)
        user.hourly_rate_e4 = _e4(person.hourly_rate)
        people[person.key] = user
    db.session.commit()
    return people


def _e4(euros: float | None) -> int | None:
    return None if euros is None else round(euros * 10_000)


def _house(people: dict[str, User], now: datetime) -> House:
    db.session.add_all(
        Customer(**values, number_key=str(values.get("number", "")).casefold(), flags=[], created_at=now, updated_at=now)
        for values in studio.NEW_CUSTOMERS
    )
    activities = {
        work.name: Activity(
            name=work.name, billable=work.billable, hourly_rate_e4=_e4(work.rate), default_for_new_projects=work.for_all, active=True
        )
        for work in studio.ACTIVITIES
    }
    categories = {category.name: _category(category) for category in studio.CATEGORIES}
    vehicles = {name: Vehicle(name=name, plate=plate, owner=owner) for name, plate, owner in studio.VEHICLES}
    db.session.add_all([*activities.values(), *categories.values(), *vehicles.values()])
    db.session.flush()
    customers = {customer.number or customer.name: customer for customer in db.session.scalars(select(Customer))}
    _what_is_agreed(customers)
    projects = {job.code: _project(job, customers, activities, people, now) for job in studio.PROJECTS}
    db.session.commit()
    return House(people, customers, projects, activities, categories, vehicles)


def _category(category: studio.Category) -> ExpenseCategory:
    return ExpenseCategory(
        name=category.name,
        unit=category.unit,
        unit_price_e4=None if category.unit_price_cents is None else category.unit_price_cents * 100,
        purchase_vat_bp=category.purchase_vat_bp,
        sales_treatment=category.treatment,
        markup_bp=category.markup_bp,
    )


def _what_is_agreed(customers: dict[str, Customer]) -> None:
    """What the list of customers does not tell, rates, rounding and VAT of some, and one whom we call otherwise than WeFact does."""
    for number, fields, _groups in seeds.DEBTORS:
        for theirs, ours in TYPED_IN.items():
            if theirs in fields:
                setattr(customers[number], ours, fields[theirs])
    for number, rate in studio.CUSTOMER_RATES.items():
        customers[number].hourly_rate_e4 = _e4(rate)
    customers["DB10018"].rounding_minutes, customers["DB10018"].rounding_direction = 15, "up"
    customers["DB10018"].rounding_scope = "entry"
    customers["DB10031"].km_rate_e4 = 2300
    customers["DB10031"].payment_term_days = 60
    regime = db.session.scalars(select(VatRegime).where(VatRegime.code == "EUS")).one()
    for number in studio.BELGIAN:
        customers[number].vat_regime_id = regime.id
    customers[studio.DE_VRIES].name = "De Vries Architecten"


def _project(
    job: studio.Job, customers: dict[str, Customer], activities: dict[str, Activity], people: dict[str, User], now: datetime
) -> Project:
    project = Project(
        customer_id=customers[job.customer].id,
        name=job.name,
        code=job.code,
        colour=job.colour,
        invoicing_method=job.method,
        hourly_rate_e4=_e4(job.rate),
        reference=job.reference,
        created_at=now,
    )
    db.session.add(project)
    db.session.flush()
    for name, rate in map(_with_rate, job.activities):
        activity = activities[name]
        db.session.add(ProjectActivity(project_id=project.id, activity_id=activity.id, billable=activity.billable, hourly_rate_e4=rate))
    for position, (key, rate) in enumerate(map(_with_rate, job.members)):
        db.session.add(ProjectUser(project_id=project.id, user_id=people[key].id, hourly_rate_e4=rate, is_manager=position == 0))
    return project


def _with_rate(entry: str) -> tuple[str, int | None]:
    """ "Ontwerp:112" is the activity and its own rate."""
    name, _, rate = entry.partition(":")
    return name, _e4(float(rate)) if rate else None


# --- WeFact ---------------------------------------------------------------------------------------------------------------------


def _connect(settings: Settings, user: User, clock: Clock) -> None:
    """Tests and saves the connection, and says what our reverse charges are called there."""
    typed = connection_actions.Typed(api_key=DEMO_KEY, default_product="P0100", nightly=True)
    tested = connection_actions.test_and_save(settings, "wefact", typed, user, clock)
    if not tested.result.ok:
        raise RuntimeError(f"the stand-in WeFact refused us: {tested.result.steps}")
    if db.session.scalar(select(VatRegime).where(VatRegime.code == "EUS")) is None:
        text_there = "Btw verlegd / Reverse charge"
        regime = VatRegime(code="EUS", name="Dienst binnen de EU, verlegd", kind="reverse_charge_eu", invoice_text=text_there, position=4)
        db.session.add(regime)
        db.session.flush()
    connection_id = by_vendor("wefact").id
    for regime_id in db.session.scalars(select(VatRegime.id).where(VatRegime.code.in_(("NLRC", "EUS")))):
        mapping = VatMapping(connection_id=connection_id, vat_regime_id=regime_id, code="VVERL")
        db.session.add(mapping)
    db.session.commit()


def _import_customers(settings: Settings, user: User, clock: Clock) -> None:
    run = imports.request_run(
        by_vendor("wefact").id, mode="update", full=True, preview_only=False, source="button", user_id=user.id, now=clock()
    )
    done = imports.run_to_end(_context(settings, clock), run.id)
    if done.state != "done":
        raise RuntimeError(f"the customers of the stand-in WeFact could not be imported: {done.reason}")


def _context(settings: Settings, clock: Clock) -> worker.WorkerContext:
    return worker.new_context(settings, time.sleep, clock)


def _link_items(house: House) -> None:
    connection = by_vendor("wefact")
    items = {item.code: item.id for item in db.session.scalars(select(AccountingItem).where(AccountingItem.connection_id == connection.id))}
    linked = [("activity", house.activities[work.name].id, work.product) for work in studio.ACTIVITIES if work.product]
    linked += [("expense_category", house.categories[one.name].id, one.product) for one in studio.CATEGORIES if one.product]
    for kind, local_id, code in linked:
        db.session.add(ItemLink(connection_id=connection.id, local_type=kind, local_id=local_id, item_id=items[code]))
    connection.trip_item_id = items["P0200"]
    db.session.commit()


# --- What was invoiced already ----------------------------------------------------------------------------------------------------


def _billable(customer: Customer, since: date, until: date) -> list[selection.Ref]:
    """What of this customer may be billed within these days."""
    found: list[selection.Ref] = []
    for kind, model in SOURCES.items():
        rows = select(model.id).where(model.customer_id == customer.id, model.date >= since, selection.billable_clause(kind, until=until))
        found += [(kind, row_id) for row_id in db.session.scalars(rows)]
    return found


def _invoiced_elsewhere(house: House, today: date, now: datetime) -> None:
    """The month before last was invoiced before there was a connection: a person typed those invoice numbers."""
    since, until = first_of_month(today, 2), first_of_month(today, 1) - timedelta(days=1)
    number = 181
    for customer in house.customers.values():
        refs = _billable(customer, since, until)
        if refs:
            _by_hand(customer, refs, f"{until.year}-{number:04}", house.people["bram"], now)
            number += 1
    db.session.commit()


def _by_hand(customer: Customer, refs: Sequence[selection.Ref], number: str, user: User, now: datetime) -> None:
    amounts = _amounts(refs)
    transfer = Transfer(
        kind="invoice",
        customer_id=customer.id,
        requested_by_id=user.id,
        op_key=hashlib.sha256(f"elsewhere {number}".encode()).hexdigest(),
        marker=ledger.new_marker(),
        state="done",
        remote_number=number,
        net_cents=sum(row[2] for row in amounts),
        gross_cents=sum(row[2] for row in amounts),
        due_at=now,
        created_at=now,
        updated_at=now,
    )
    db.session.add(transfer)
    db.session.flush()
    links = [
        {"source_type": kind, "source_id": row_id, "amount_cents": cents, "quantity_e4": quantity_e4, "former_status": status}
        | {"transfer_id": transfer.id, "state": "live", "created_at": now}
        for kind, row_id, cents, quantity_e4, status in amounts
    ]
    db.session.execute(insert(BillingLink), links)


def _amounts(refs: Iterable[selection.Ref]) -> list[tuple[str, int, int, int, str]]:
    """Type, id, cents, quantity and status of each of these rows."""
    found: list[tuple[str, int, int, int, str]] = []
    for kind, model in SOURCES.items():
        ids = [row_id for one, row_id in refs if one == kind]
        quantity: Any = {
            "time": lambda model: model.duration_minutes * 10_000 / 60,
            "expense": lambda model: model.quantity_e4,
            "trip": lambda _: selection.billed_km10() * 1000,
        }[kind](model)
        rows = select(model.id, selection.amount_of(kind), quantity, model.status).where(model.id.in_(ids))
        if kind == "expense":
            rows = rows.join(ExpenseCategory, ExpenseCategory.id == model.category_id)
        found += [(kind, row[0], row[1] or 0, round(row[2]), row[3]) for row in db.session.execute(rows)]
    return found


def _invoice_last_month(settings: Settings, wefact: str, house: House, today: date, clock: Clock) -> None:
    """Last month went through WeFact: half sent, half left there as drafts, one refused, one that a person must look at."""
    _invoice(settings, house, studio.SENT, today, clock, send=True)
    _invoice(settings, house, studio.LEFT_AS_DRAFT, today, clock, send=False)
    _lever(wefact, "/switches", {"fail": [{"action": "invoice/add", "kind": "refuse", "text": studio.REFUSAL}]})
    _invoice(settings, house, (studio.REFUSED,), today, clock, send=True)
    _invoice(settings, house, (studio.VAT_DIFFERS,), today, clock, send=False)
    _pay(settings, wefact, house.customers[studio.PAID], clock)


def _invoice(settings: Settings, house: House, numbers: Iterable[str], today: date, clock: Clock, *, send: bool) -> None:
    since, until = first_of_month(today, 1), first_of_month(today) - timedelta(days=1)
    refs = [ref for number in numbers for ref in _billable(house.customers[number], since, until)]
    options = Options(
        per="customer",
        lines="activity",
        on=first_of_month(today),
        reference=f"Werkzaamheden {MONTHS[until.month - 1]} {until.year}",
        send=send,
    )
    connection: Connection = by_vendor("wefact")
    try:
        intents.create(connection, refs, options, None, house.people["ans"], clock())
    except intents.NothingToDo:
        return
    worker.work_once(_context(settings, clock))


def _pay(settings: Settings, wefact: str, customer: Customer, clock: Clock) -> None:
    """The customer paid; somebody looked again."""
    transfers = select(Transfer).where(
        Transfer.customer_id == customer.id, Transfer.remote_state == "sent", Transfer.remote_id.is_not(None)
    )
    for transfer in list(db.session.scalars(transfers)):
        _lever(wefact, "/bookkeeper", {"do": "pay", "invoice": transfer.remote_id})
        intents.check_now(transfer.id, clock())
    worker.work_once(_context(settings, clock))


def _lever(wefact: str, path: str, wishes: dict[str, Any]) -> None:
    requests.post(wefact + path, json=wishes, timeout=10).raise_for_status()


def main(arguments: list[str]) -> int:
    """0 when the demo company stands ready, 1 when the database is not ours to fill."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.demo")
    parser.add_argument("--wefact", required=True, help="root address of the stand-in WeFact")
    parser.add_argument("--hostfact", required=True, help="root address of the stand-in HostFact")
    options = parser.parse_args(arguments)
    app = create_app()
    try:
        prepare(app, options.wefact, options.hostfact)
    except Occupied:
        sentence = "this database holds a real company, and the demo leaves it alone; use ./run serve, or another UURWERK_DATA_DIR"
        print(f"Uurwerk: {sentence}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
