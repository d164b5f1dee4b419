"""Rows that did not come in, as a file for a spreadsheet: as they were told, and nothing in it that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from flask_babel import gettext as _

from blueprints import formats
from blueprints.imports.queries import FIELDS
from models import ImportRow

STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
INVISIBLE = " \u00a0\u200b\u200e\u200f\u202a\u202b\u202d\u202e\ufeff"
BYTE_ORDER_MARK = "\ufeff"


def csv_text(rows: Iterable[ImportRow]) -> str:
    """One line per row: number, why it did not come in, and every field that was told. Begins with a byte order mark."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow([str(FIELDS["number"]), _("Reason"), *(str(label) for name, label in FIELDS.items() if name != "number")])
    for row in rows:
        told = row.values
        reason = formats.reason(row.reason, {name: value for name, value in row.reason_params.items() if name != "choices"})
        cells = [told.get("number", row.number), reason, *(told.get(name, "") for name in FIELDS if name != "number")]
        writer.writerow([as_text(str(cell)) for cell in cells])
    return BYTE_ORDER_MARK + out.getvalue()


def as_text(value: str) -> str:
    """A quote in front of what a spreadsheet would take for a formula."""
    return "'" + value if value.startswith(STARTS_A_FORMULA) or value.lstrip(INVISIBLE).startswith(STARTS_A_FORMULA) else value
