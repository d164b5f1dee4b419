"""The sentences of these pages that are put together from what happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from blueprints import formats
from blueprints.reports import queries
from blueprints.reports.actions import MOST
from blueprints.reports.filters import Filters
from blueprints.reports.kinds import Kind, counted, listed
from invoicing import edits
from invoicing.links import Claim

FIELDS = {"duration": _l("Hours"), "note": _l("Note"), "billable": _l("Billable")}

DONE = {
    edits.APPROVE: _l("Approved: %(what)s."),
    edits.REOPEN: _l("Open again: %(what)s."),
    edits.WRITE_OFF: _l("Written off: %(what)s."),
    edits.UNDO_WRITE_OFF: _l("No longer written off: %(what)s."),
    edits.MAKE_BILLABLE: _l("Marked billable: %(what)s."),
    edits.MAKE_NOT_BILLABLE: _l("Marked not billable: %(what)s."),
}

CLOSED = {
    "submitted": _l("Submitted for approval. Somebody who approves can reopen it."),
    "approved": _l("Approved. Somebody who approves can reopen it with Actions, Reopen."),
    "written_off": _l("Written off. Somebody who invoices can undo that with Actions, Undo write-off."),
}


def outcome(change: str, outcomes: Mapping[str, edits.Outcome]) -> str:
    """What a change of many rows did, per kind, and why the others were left: Approved: 11 hour entries. Left: 1 hour entry. Already invoiced."""
    done = listed({name: len(result.changed) for name, result in outcomes.items()})
    sentences = [str(DONE[change]) % {"what": done}] if done else [_("Nothing was changed.")]
    for name, result in outcomes.items():
        for reason, number in sorted(result.left.items()):
            sentences.append(_("Left as it was: %(what)s. %(why)s", what=counted(name, number), why=formats.reason(reason)))
    return " ".join(sentences)


def select_pattern() -> str:
    """The name of a tick box, to be filled in per row: looked up in the catalogue once, not fifty times."""
    return _("Select %(what)s of %(user)s for %(customer)s on %(day)s")


def short_days(rows: Iterable[Any]) -> dict[date, str]:
    """Each day of these rows as it is written, worked out once."""
    return {day: formats.short_day(day) for day in {row.date for row in rows}}


def selected(counts: Mapping[str, int]) -> str:
    """What the bar says: 12 hour entries, 3 expenses, 1 trip selected."""
    return _("%(what)s selected", what=listed(dict(counts)))


def empty_title(kind: Kind) -> str:
    return {"time": _("No hours here"), "expense": _("No expenses here"), "trip": _("No trips here")}[kind.source_type]


def empty_text(kind: Kind, filters: Filters, others: int, total: int) -> str:
    """What this list is for, and why it is empty."""
    if total:
        return _("The list is shorter than that by now; this page has nothing.")
    about = {
        "time": _("What people worked, per customer and project."),
        "expense": _("What was paid for a customer, with the receipt."),
        "trip": _("What was driven for a customer."),
    }[kind.source_type]
    if not others:
        return _("%(about)s Nothing has been registered yet.", about=about)
    active = ngettext("%(num)s filter is active", "%(num)s filters are active", filters.active)
    return _("%(about)s %(active)s; without them the list has %(what)s.", about=about, active=active, what=kind.counted(others))


def shown(field: str, value: str) -> str:
    """A value as it is read, not as it is typed."""
    if field == "billable":
        return _("Yes") if value == "yes" else _("No")
    return value if len(value) <= formats.LONGEST_QUOTE else value[: formats.LONGEST_QUOTE] + "…"


def too_many() -> str:
    return _("A selection holds at most %(most)s rows. Narrow the filter down first.", most=formats.number(MOST))


def nothing_selected() -> str:
    return _("Nothing is selected. Tick the rows you mean first.")


def other_number(shown: int, now: int) -> str:
    return _(
        "The list changed while you looked: %(now)s rows match now, it was %(shown)s. Nothing was selected; look again.",
        now=formats.number(now),
        shown=formats.number(shown),
    )


def held(claim: Claim, knows_transfers: bool) -> str:
    """Why a row cannot be changed; who and in which transfer only for those who may see transfers."""
    when = formats.moment(claim.since)
    who = claim.user_name if knows_transfers and claim.user_name else _("a colleague")
    where = formats.VENDORS.get(claim.vendor, "")
    if claim.state == "reserved":
        if knows_transfers and claim.transfer_id:
            return _(
                "Being invoiced by %(who)s since %(when)s, transfer %(number)s. Wait for its result.",
                who=who,
                when=when,
                number=claim.transfer_id,
            )
        return _("Being invoiced by %(who)s since %(when)s. Wait for its result.", who=who, when=when)
    if knows_transfers and where and claim.remote_number:
        return _(
            "Invoiced by %(who)s on %(when)s: %(number)s in %(where)s. Credit that invoice first.",
            who=who,
            when=when,
            number=claim.remote_number,
            where=where,
        )
    return _("Invoiced by %(who)s on %(when)s. Ask somebody who invoices to credit it first.", who=who, when=when)


def closed(status: str) -> str:
    return str(CLOSED.get(status) or formats.STATUSES[status])


def day_too_long(already: int) -> str:
    return _("That day already has %(hours)s; more than 24:00 does not fit.", hours=formats.hours(already))


def changed_meanwhile(name: str, clock: str) -> str:
    if name:
        return _("Changed by %(name)s at %(time)s.", name=name, time=clock)
    return _("Changed by somebody else at %(time)s.", time=clock)


def current(kind: Kind, row: Any, field: str) -> str:
    """What stands in a field now, as it is typed. The note is read anew: the row has only its beginning."""
    if field == "duration":
        return formats.hours(row.minutes).replace("−", "-")
    if field == "billable":
        return "yes" if row.billable else "no"
    return queries.notes(kind, [row.id]).get(row.id, "")
