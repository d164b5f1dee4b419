"""What stands around every page: the menu, the lamps of the connections, what waits for somebody."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import current_app, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import ColumnElement, func, select

from blueprints import formats, rights
from invoicing import selection
from models import Activity, Connection, Customer, Organisation, Project, TimeEntry, Transfer, User, db

WEEKS = 12


@dataclass(slots=True)
class Header:
    """The top bar."""

    initials: str
    menu: list[tuple[str, str, str, str, bool]]
    connections: list[Any] = field(default_factory=list)
    attention: int = 0
    banners: list[tuple[str, str, str | None, str]] = field(default_factory=list)


def initials(name: str) -> str:
    """Ans de Wit becomes AW."""
    parts = [part for part in name.split() if part[:1].isalpha()]
    if not parts:
        return "?"
    return (parts[0][0] + (parts[-1][0] if len(parts) > 1 else "")).upper()


def header_state(user: User) -> Header:
    """What the top bar shows this person, in one query."""
    header = Header(initials=initials(user.name), menu=_menu())
    if rights.may("invoicing"):
        attention = select(func.count()).select_from(Transfer).where(Transfer.state == "attention").scalar_subquery()
        rows = db.session.execute(select(Connection.vendor, Connection.state, Connection.problem, attention).order_by(Connection.id)).all()
        header.connections = [row for row in rows if row.state != "off"]
        header.attention = rows[0][3] if rows else 0
    settings = current_app.extensions["settings"]
    organisation = formats.organisation()
    if organisation and organisation.is_demo:
        header.banners.append(
            (
                "wait",
                _("Demo company with sandbox packages: nothing here is real, nothing leaves this machine."),
                _stand_in(settings.wefact_url),
                _("Look into the WeFact sandbox"),
            )
        )
    if not settings.exports_enabled:
        header.banners.append(
            ("warn", _("Sending to accounting packages is switched off on this installation (UURWERK_EXPORTS_ENABLED=0)."), None, "")
        )
    if settings.is_plain_http_elsewhere:
        header.banners.append(("warn", _("This address is not encrypted: passwords travel readable. Put https in front of it."), None, ""))
    return header


def _stand_in(wefact_url: str) -> str | None:
    """The page of the stand-in for WeFact, which speaks plain http on this machine; the real one has no page to look into."""
    parts = urlsplit(wefact_url)
    return f"http://{parts.netloc}/" if parts.scheme == "http" else None


def _menu() -> list[tuple[str, str, str, str, bool]]:
    menu = [
        ("home", _("Dashboard"), url_for("home.dashboard"), "home", False),
        ("register", _("Register"), url_for("register.week"), "clock", False),
        ("reports", _("Reports"), url_for("reports.hours"), "report", False),
    ]
    if rights.may("invoicing"):
        menu.append(("finance", _("Finance"), url_for("finance.invoices"), "finance", False))
    if rights.may("customers") or rights.may("projects"):
        menu.append(("manage", _("Manage"), url_for("manage.customers"), "people", True))
    if rights.may("connections"):
        menu.append(("settings", _("Settings"), url_for("settings.integrations"), "sliders", True))
    else:
        menu.append(("settings", _("Settings"), url_for("settings.security"), "sliders", True))
    return menu


# --- The dashboard ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bar:
    """One week of the chart: its number, its minutes, and how high it stands out of a hundred."""

    week: int
    minutes: int
    height: int


def dashboard(user: User, today: date) -> dict[str, Any]:
    """What this person wants to know first. A bounded number of queries, whatever there is."""
    monday = today - timedelta(days=today.weekday())
    found: dict[str, Any] = {
        "today": today,
        "greeting": _greeting(),
        "week_minutes": _minutes(TimeEntry.user_id == user.id, TimeEntry.date.between(monday, monday + timedelta(days=6))),
        "entries": _entries_of(user.id, today),
        "bars": _bars(monday, None if rights.may("all_registrations") else user.id),
        "attention": [],
        "steps": [],
        "unbilled": None,
    }
    if rights.may("invoicing"):
        found["unbilled"] = _unbilled()
        found["attention"] = _attention()
    if rights.may("connections"):
        found["steps"] = _steps()
    return found


def _greeting() -> str:
    hour = formats.now().astimezone(formats.zone()).hour
    return _("Good morning") if hour < 12 else _("Good afternoon") if hour < 18 else _("Good evening")


def _minutes(*conditions: ColumnElement[bool]) -> int:
    return db.session.scalar(select(func.coalesce(func.sum(TimeEntry.duration_minutes), 0)).where(*conditions)) or 0


def _entries_of(user_id: int, day: date) -> list[Any]:
    statement = (
        select(
            TimeEntry.id,
            TimeEntry.duration_minutes,
            TimeEntry.note,
            Customer.name.label("customer"),
            Project.name.label("project"),
            Activity.name.label("activity"),
        )
        .join(Customer, Customer.id == TimeEntry.customer_id)
        .outerjoin(Project, Project.id == TimeEntry.project_id)
        .join(Activity, Activity.id == TimeEntry.activity_id)
        .where(TimeEntry.user_id == user_id, TimeEntry.date == day)
        .order_by(TimeEntry.id)
        .limit(12)
    )
    return list(db.session.execute(statement))


def _bars(monday: date, user_id: int | None) -> list[Bar]:
    """Billable hours of the last twelve weeks."""
    first = monday - timedelta(weeks=WEEKS - 1)
    conditions = [TimeEntry.date >= first, TimeEntry.date < monday + timedelta(days=7), TimeEntry.billable.is_(True)]
    if user_id is not None:
        conditions.append(TimeEntry.user_id == user_id)
    rows = db.session.execute(select(TimeEntry.date, func.sum(TimeEntry.duration_minutes)).where(*conditions).group_by(TimeEntry.date))
    weeks = [0] * WEEKS
    for day, minutes in rows:
        weeks[(day - first).days // 7] += minutes
    highest = max(weeks) or 1
    return [
        Bar((first + timedelta(weeks=place)).isocalendar().week, minutes, max(0, minutes) * 100 // highest)
        for place, minutes in enumerate(weeks)
    ]


def _unbilled() -> dict[str, Any]:
    """What may be invoiced now: hours only count their minutes, amounts are per currency."""
    condition = selection.billable_clause("time")
    rows = db.session.execute(
        select(Customer.currency, func.sum(TimeEntry.duration_minutes), func.sum(selection.amount_of("time")), func.min(TimeEntry.date))
        .select_from(TimeEntry)
        .join(Customer, Customer.id == TimeEntry.customer_id)
        .where(condition)
        .group_by(Customer.currency)
        .order_by(Customer.currency)
    ).all()
    return {
        "minutes": sum(row[1] for row in rows),
        "amounts": [(row[0], row[2] or 0) for row in rows],
        "oldest": min((row[3] for row in rows), default=None),
    }


def _attention() -> list[tuple[str, str, str, str, str]]:
    """(colour, icon, what, more, address) of what waits for somebody."""
    found = []
    for row in db.session.execute(
        select(Connection.vendor, Connection.problem, Connection.problem_params).where(Connection.state == "failing")
    ):
        what = _("%(package)s does not let us in", package=formats.VENDORS[row.vendor])
        address = url_for("settings.wefact", subscription=row.vendor) if rights.may("connections") else url_for("finance.transfers")
        found.append(("bad", "bad", what, formats.reason(row.problem, row.problem_params), address))
    undecided = select(Transfer.state, func.count().label("number")).where(Transfer.state.in_(("attention", "uncertain", "checking")))
    counted = {row.state: row.number for row in db.session.execute(undecided.group_by(Transfer.state))}
    if waiting := counted.get("attention", 0):
        what = ngettext("%(num)s transfer needs a decision", "%(num)s transfers need a decision", waiting)
        found.append(
            ("warn", "warn", what, _("Nothing is sent again before somebody looked"), url_for("finance.transfers", state="attention"))
        )
    if checking := counted.get("uncertain", 0) + counted.get("checking", 0):
        what = ngettext("%(num)s invoice is being checked", "%(num)s invoices are being checked", checking)
        found.append(
            (
                "wait",
                "wait",
                what,
                _("The answer was lost; Uurwerk looks whether it arrived"),
                url_for("finance.transfers", state="checking"),
            )
        )
    return found


def _steps() -> list[tuple[bool, str, str]]:
    """The way from an empty installation to the first invoice: (done, what, address)."""
    row = db.session.execute(
        select(
            select(Organisation.name).where(Organisation.id == 1).scalar_subquery().label("company"),
            select(Customer.id).limit(1).exists().label("customer"),
            select(Project.id).limit(1).exists().label("project"),
            select(TimeEntry.id).limit(1).exists().label("hours"),
            select(Connection.id).where(Connection.state.in_(("connected", "failing"))).exists().label("connection"),
            select(Transfer.id).where(Transfer.kind == "invoice", Transfer.state == "done").exists().label("invoice"),
        )
    ).one()
    return [
        (bool(row.company), _("Fill in your company"), url_for("settings.company")),
        (row.connection, _("Connect your accounting package"), url_for("settings.integrations")),
        (row.customer, _("Import or add a customer"), url_for("imports.overview") if row.connection else url_for("manage.customers")),
        (row.project, _("Make a project with a rate"), url_for("manage.projects")),
        (row.hours, _("Register the first hours"), url_for("register.week")),
        (row.invoice, _("Make the first invoice"), url_for("reports.hours")),
    ]
