"""What stands around every page: the menu, the lamps of the connections, what waits for somebody."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import current_app, url_for
from flask_babel import gettext as _
from sqlalchemy import func, select

from blueprints import formats, rights
from models import Connection, Transfer, User, db


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
            ("wait", _("Demo company with sandbox packages: nothing here is real, nothing leaves this machine."), None, "")
        )
    if not settings.exports_enabled:
        header.banners.append(
            ("warn", _("Sending to accounting packages is switched off on this installation (UURWERK_EXPORTS_ENABLED=0)."), None, "")
        )
    if settings.is_plain_http_elsewhere:
        header.banners.append(("warn", _("This address is not encrypted: passwords travel readable. Put https in front of it."), None, ""))
    return header


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
