"""What happened to a transfer, step by step: its own events and the calls that were made for it, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import case, func, literal, null, select, union_all
from sqlalchemy.orm import InstrumentedAttribute

from blueprints import formats
from blueprints.finance import wording
from models import Json, RemoteCall, TransferEvent, User, db

STEPS_PER_PAGE = 30
SHOWN_CHARACTERS = 1_500
"""Of a request or an answer in the story; the whole of it stands on a page of its own."""

CALLS = {
    "debtor/list": _l("Looked through the customers"),
    "debtor/show": _l("Looked up the customer"),
    "debtor/add": _l("Asked to create the customer"),
    "invoice/list": _l("Looked through the invoices"),
    "invoice/show": _l("Read the invoice"),
    "invoice/add": _l("Asked to create the invoice"),
    "invoice/sendbyemail": _l("Asked to send the invoice"),
}
DECISIONS = {
    "looked_again": _l("%(who)s had it looked at again"),
    "their_totals_accepted": _l("%(who)s accepted the totals there"),
    "named_by_person": _l("%(who)s named the document"),
    "nothing_there": _l("%(who)s said that nothing exists there"),
    "retried": _l("%(who)s tried it again"),
    "cancelled": _l("%(who)s cancelled it"),
    "unlinked": _l("%(who)s unlinked it"),
}
COLOURS = {"done": ("ok", "ok"), "rejected": ("bad", "bad"), "attention": ("warn", "warn"), "released": ("skip", "")}


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the story. Request and answer belong to a call, without any key; `is_cut` when they are longer than shown."""

    at: datetime
    icon: str
    colour: str
    title: str
    text: str
    milliseconds: int | None = None
    call_id: int | None = None
    request: str = ""
    response: str = ""
    is_cut: bool = False


def steps(transfer_id: int, vendor: str | None, currency: str, claimed: str = "", page: int = 1) -> tuple[list[Step], int]:
    """One page of the story and how many steps it has, in one query. `claimed` is the work that the first step reserved, in words."""
    events, calls = _events(transfer_id), _calls(transfer_id)
    story = union_all(events, calls).subquery("story")
    counted = select(func.count()).select_from(union_all(_events(transfer_id, True), _calls(transfer_id, True)).subquery())
    found = db.session.execute(
        select(story, counted.scalar_subquery().label("total"))
        .order_by(story.c.at.desc(), story.c.is_call, story.c.id.desc())
        .limit(STEPS_PER_PAGE)
        .offset((page - 1) * STEPS_PER_PAGE)
    ).all()
    total = found[0].total if found else 0
    return [_call(row, vendor) if row.is_call else _event(row, vendor, currency, claimed) for row in found], total


def _events(transfer_id: int, bare: bool = False) -> Any:
    columns: list[Any] = [
        TransferEvent.id.label("id"),
        TransferEvent.at.label("at"),
        literal(0).label("is_call"),
        TransferEvent.state.label("state"),
        TransferEvent.reason.label("reason"),
        TransferEvent.reason_params.label("params"),
        User.name.label("who"),
        null().label("milliseconds"),
        null().label("request"),
        null().label("response"),
        literal(0).label("length"),
        literal(1).label("is_closed"),
    ]
    query = select(*(columns[:1] if bare else columns)).where(TransferEvent.transfer_id == transfer_id)
    return query if bare else query.outerjoin(User, User.id == TransferEvent.user_id)


def _calls(transfer_id: int, bare: bool = False) -> Any:
    columns: list[Any] = [
        RemoteCall.id.label("id"),
        RemoteCall.opened_at.label("at"),
        literal(1).label("is_call"),
        RemoteCall.operation.label("state"),
        RemoteCall.outcome.label("reason"),
        literal({}, Json).label("params"),
        null().label("who"),
        RemoteCall.milliseconds.label("milliseconds"),
        _cut(RemoteCall.request).label("request"),
        _cut(RemoteCall.response).label("response"),
        (func.length(RemoteCall.request) + func.length(RemoteCall.response)).label("length"),
        case((RemoteCall.closed_at.is_not(None), 1), else_=0).label("is_closed"),
    ]
    return select(*(columns[:1] if bare else columns)).where(RemoteCall.transfer_id == transfer_id, RemoteCall.operation != "")


def _cut(column: InstrumentedAttribute[str]) -> Any:
    return func.substr(column, 1, SHOWN_CHARACTERS)


def call_title(operation: str) -> str:
    """What a call was for; the package's own name for one that we have no words for."""
    return str(CALLS.get(operation, operation))


def _call(row: Any, vendor: str | None) -> Step:
    went_well = row.reason == "ok"
    if not row.is_closed:
        text = _("No answer was noted: Uurwerk stopped before it came, or is waiting for it now.")
    else:
        text = _("%(package)s answered.", package=wording.package(vendor)) if went_well else _outcome(row.reason)
    return Step(
        at=row.at,
        icon="away" if went_well else "warn",
        colour="ok" if went_well else "warn",
        title=call_title(row.state),
        text=text,
        milliseconds=row.milliseconds,
        call_id=row.id,
        request=row.request or "",
        response=row.response or "",
        is_cut=row.length > len(row.request or "") + len(row.response or ""),
    )


def _outcome(code: str) -> str:
    """How a call ended. What it refused stands in its answer, and in the step that follows."""
    if code == "rejected":
        return _("Refused; the answer says why.")
    if code == "stopped":
        return _("Stopped before anything was sent, because somebody else had taken over.")
    if code == "interrupted":
        return _("Interrupted in the middle.")
    return str(wording.UNUSABLE.get(code) or formats.reason(code, {"detail": ""}))


def _event(row: Any, vendor: str | None, currency: str, claimed: str) -> Step:
    who = row.who or _("Uurwerk")
    if row.reason in DECISIONS:
        title = str(DECISIONS[row.reason]) % {"who": who}
    elif row.state == "queued" and not row.reason:
        title = _("Requested by %(who)s", who=row.who) if row.who else _("Requested from the command line")
    else:
        title = _title(row, wording.package(vendor))
    icon, colour = COLOURS.get(row.state, ("user", "") if row.who else ("wait", "wait"))
    if row.state == "queued" and not row.who:
        icon, colour = "clock", ""
    if row.state == "queued" and not row.reason and claimed:
        return Step(at=row.at, icon="user", colour="", title=title, text=_("Reserved: %(what)s. Nobody else can invoice it.", what=claimed))
    text = "" if row.reason in DECISIONS and row.reason != "nothing_there" else wording.told(row.state, row.reason, row.params, currency)
    return Step(at=row.at, icon=icon, colour=colour, title=title, text=text)


def _title(row: Any, package: str) -> str:
    if row.reason == "seen_there":
        return _("Looked at in %(package)s", package=package)
    if row.reason == "removed_there":
        return _("Gone in %(package)s", package=package)
    titles = {
        "queued": _("Waits before it goes on"),
        "creating": _("Being created in %(package)s", package=package),
        "created": _("Created in %(package)s", package=package),
        "finalising": _("Being sent by %(package)s", package=package),
        "uncertain": _("Not certain what happened in %(package)s", package=package),
        "checking": _("Checking in %(package)s", package=package),
    }
    return titles.get(row.state) or str(formats.TRANSFER_STATES[row.state])
