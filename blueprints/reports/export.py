"""The selection as a file for a spreadsheet: semicolons, decimal comma, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from flask import Response
from flask_babel import gettext as _

from blueprints import formats
from blueprints.reports import queries
from blueprints.reports.actions import Kept
from blueprints.reports.kinds import BY_SOURCE, Kind

STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
BYTE_ORDER_MARK = "\ufeff"


def text(value: str | None) -> str:
    """Somebody's words; a quote in front of what a spreadsheet would take for a formula."""
    value = value or ""
    return "'" + value if value.lstrip(" \u00a0\u200e\u200f").startswith(STARTS_A_FORMULA) or value.startswith(STARTS_A_FORMULA) else value


def number(value: int | None, scale: int, places: int) -> str:
    """An integer of 10^-`scale` with a decimal comma and without thousands separators."""
    return "" if value is None else f"{Decimal(value).scaleb(-scale):.{places}f}".replace(".", ",")


def hours(minutes: int) -> str:
    """Minutes as decimal hours with two places, half up away from zero."""
    hundredths = (abs(minutes) * 100 + 30) // 60
    return number(hundredths if minutes >= 0 else -hundredths, 2, 2)


def csv_file(kept: Kept, viewer: queries.Viewer, today: date) -> Response:
    """The selected rows, one line each, oldest first per kind. The file begins with a byte order mark, which spreadsheets want."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(_head(viewer))
    for kind in BY_SOURCE.values():
        if ids := kept.get(kind.source_type):
            writer.writerows(_lines(kind, ids, viewer))
    name = f"uurwerk-{today.isoformat()}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(BYTE_ORDER_MARK + out.getvalue(), mimetype="text/csv", headers=headers)


def _head(viewer: queries.Viewer) -> list[str]:
    head = [_("Kind"), _("Date"), _("Customer number"), _("Customer"), _("Project"), _("Activity or category"), _("User"), _("Note")]
    head += [_("From"), _("To"), _("Hours"), _("Minutes"), _("Kilometres"), _("Quantity"), _("Unit price"), _("Billable"), _("Status")]
    return [*head, _("Rate"), _("Amount"), _("Currency")] if viewer.rates else head


def _lines(kind: Kind, ids: list[int], viewer: queries.Viewer) -> Iterator[list[str]]:
    notes = queries.notes(kind, ids)
    for row in queries.rows_of(kind, ids, viewer):
        line = [str(kind.title), formats.day(row.date), text(row.customer_number), text(row.customer), text(row.project)]
        line += [text(getattr(row, "work", "")), text(row.user), text(notes.get(row.id)), *_figures(kind, row)]
        line += [_("Yes") if row.billable else _("No"), str(formats.STATUSES[row.status])]
        if viewer.rates:
            line += [number(getattr(row, "rate_e4", None), 4, 4), number(row.amount_cents, 2, 2), row.currency]
        yield line


def _figures(kind: Kind, row: Any) -> list[str]:
    """From, to, hours, minutes, kilometres, quantity, unit price; what a kind does not have stays empty."""
    if kind.source_type == "time":
        return ["", "", hours(row.minutes), str(row.minutes), "", "", ""]
    if kind.source_type == "trip":
        return [text(row.origin), text(row.destination), "", "", number(row.km10, 1, 1), "", ""]
    return ["", "", "", "", "", number(row.quantity_e4, 4, 4), number(row.unit_price_e4, 4, 4)]
