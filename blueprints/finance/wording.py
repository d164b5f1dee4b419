"""The sentences of these pages that are put together from what happened: labels, states, reasons with their amounts and names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from blueprints import formats
from invoicing.links import Claim
from transfers.intents import CannotRetry

LABELS: dict[str, tuple[str, ...]] = {
    "waiting": ("queued",),
    "working": ("creating", "created", "finalising"),
    "checking": ("uncertain", "checking"),
    "attention": ("attention",),
    "succeeded": ("done",),
    "failed": ("rejected",),
    "cancelled": ("released",),
}
"""What a filter on the state is called in an address, and the states behind that one label (design 4a)."""

KINDS = {"invoice": _l("Invoice"), "customer": _l("Customer"), "booking": _l("Sales booking")}
INVOICE_STATUSES = {
    "draft": _l("Draft"),
    "final": _l("Final"),
    "sent": _l("Sent"),
    "overdue": _l("Overdue"),
    "paid": _l("Paid"),
    "credited": _l("Credited"),
}
INVOICE_ICONS = {
    "draft": ("draft", ""),
    "final": ("lock", ""),
    "sent": ("sent", "wait"),
    "overdue": ("warn", "warn"),
    "paid": ("ok", "ok"),
    "credited": ("skip", ""),
}
FIELDS = {
    "customer": _l("the customer"),
    "marker": _l("the reference"),
    "lines": _l("the number of lines"),
    "item": _l("the product"),
    "quantity": _l("the quantity"),
    "unit_price": _l("the price"),
}
LINES_PER = {
    "activity": _l("activity"),
    "entry": _l("entry"),
    "user": _l("user"),
    "project": _l("project"),
    "day": _l("day"),
    "single": _l("single line"),
    "project_activity": _l("project and activity"),
    "user_activity": _l("user and activity"),
}
SPLIT_BY = {
    "unit_price": _l("rate"),
    "vat_key": _l("VAT"),
    "item_code": _l("product"),
    "unit": _l("unit"),
    "currency": _l("currency"),
    "line_rounding": _l("rounding"),
}


def label_of(state: str) -> str:
    """The filter name of a state."""
    return next(name for name, states in LABELS.items() if state in states)


def package(vendor: str | None) -> str:
    """The name of a package; work that was typed by hand went somewhere we do not know."""
    return formats.VENDORS.get(vendor or "", "") or _("elsewhere")


def kind_of(kind: str, send: bool, vendor: str | None) -> str:
    """What a transfer makes there: an invoice as a draft or mailed, a customer, a booking."""
    if vendor is None:
        return _("Invoiced elsewhere")
    if kind != "invoice":
        return str(KINDS[kind])
    return _("Invoice, sent via %(package)s", package=package(vendor)) if send else _("Invoice, left as draft")


# --- Reasons --------------------------------------------------------------------------------------------------------------------


def sentence(code: str, params: Mapping[str, Any] | None = None, currency: str = "EUR", knows_who: bool = True) -> str:
    """The sentence for a reason code with its amounts, states, fields and people written as a person reads them."""
    if not code:
        return ""
    values = dict(params or {})
    if code == "totals_differ":
        values = {name: formats.money(int(values.get(name) or 0), currency) for name in ("ours", "theirs")}
    elif code == "content_differs":
        return _content_differs(values)
    elif code in ("seen_there", "unexpected_state", "send_unconfirmed"):
        state = str(values.get("state", ""))
        values["state"] = str(formats.REMOTE_STATES.get(state, state))
    elif code == "being_invoiced_by":
        return claimed(str(values.get("name", "")), _instant(values.get("since")), values.get("transfer"), knows_who)
    elif code == "gave_up":
        return _("%(sentence)s The last time: %(last)s", sentence=formats.reason("gave_up"), last=_last(values))
    elif code == "look_up_failed":
        return _("%(sentence)s %(why)s", sentence=formats.reason(code, values), why=formats.reason(str(values.get("reason", "")), values))
    elif code in ("too_many_lines", "too_many_lines_anyway"):
        values["per"] = str(LINES_PER.get(str(values.get("per", "")), ""))
    elif code == "lines_split":
        names = [part.strip() for part in str(values.get("by", "")).split(",")]
        values["by"] = ", ".join(str(SPLIT_BY.get(name, name)) for name in names)
    return formats.reason(code, {name: _short(value) for name, value in values.items()}, str(_short(values.get("detail", ""))))


UNUSABLE = {
    "read_timeout": _l("No answer came in time."),
    "reset": _l("The connection broke off before an answer came."),
    "cut_answer": _l("Only a part of the answer arrived."),
    "not_json": _l("Something else than an answer came back."),
    "server_error": _l("The package reported a fault of its own."),
    "oversize": _l("The answer was larger than a real one can be."),
    "wrong_echo": _l("The answer belongs to another question."),
    "unexpected": _l("The answer is not one that we understand."),
    "incomplete_list": _l("The list did not arrive whole."),
}
"""What a call ended in without an answer that can be used. A person need not do anything: it is looked up by itself."""

BY_ITSELF = ("unavailable", "too_many", "budget", "dns", "connection_refused", "connect_timeout", "tls", "certificate")


def told(state: str, code: str, params: Mapping[str, Any] | None = None, currency: str = "EUR") -> str:
    """The sentence for the state a transfer is in: what Uurwerk does by itself is not asked of the reader."""
    if code in UNUSABLE and state in ("uncertain", "checking", "created", "queued"):
        if state == "uncertain":
            return _("%(what)s It may have arrived there, so it is looked up before anything else is done.", what=UNUSABLE[code])
        return _("%(what)s It is tried again by itself.", what=UNUSABLE[code])
    if code in BY_ITSELF and state in ("queued", "created", "checking"):
        return _("%(what)s Uurwerk tries again by itself.", what=sentence(code, params, currency))
    return sentence(code, params, currency)


def _last(values: Mapping[str, Any]) -> str:
    return formats.reason(str(values.get("last", "")), values, str(values.get("detail", "")))


def _short(value: Any) -> Any:
    """The words of another system, at a length that a page can show."""
    return value[:297] + "…" if isinstance(value, str) and len(value) > 300 else value


def _instant(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return None


def _content_differs(values: Mapping[str, Any]) -> str:
    ours, theirs = _short(str(values.get("ours", ""))), _short(str(values.get("theirs", "")))
    what = str(FIELDS.get(str(values.get("field", "")), values.get("field", "")))
    if values.get("line"):
        return _(
            "The invoice there is not what was sent: in line %(line)s %(what)s is “%(theirs)s”, not “%(ours)s”. Correct it there and look "
            "again, or delete it there.",
            line=values["line"],
            what=what,
            theirs=theirs,
            ours=ours,
        )
    return _(
        "The invoice there is not what was sent: %(what)s is “%(theirs)s”, not “%(ours)s”. Correct it there and look again, or delete it "
        "there.",
        what=what,
        theirs=theirs,
        ours=ours,
    )


def claimed(name: str, since: datetime | None, transfer_id: Any, knows_who: bool = True) -> str:
    """Who has the work, since when: Ans de Wit has these hours since 10:12, transfer 412. Without the right to know, a colleague."""
    who = name if knows_who and name else _("A colleague")
    when = _when(since)
    if knows_who and transfer_id:
        return _("%(who)s has this work since %(when)s, transfer %(number)s.", who=who, when=when, number=transfer_id)
    return _("%(who)s has this work since %(when)s.", who=who, when=when)


def _when(moment: datetime | None) -> str:
    if moment is None:
        return "–"
    is_today = moment.astimezone(formats.zone()).date() == formats.today()
    return formats.clock_time(moment) if is_today else formats.moment(moment)


def has_work(claims: Iterable[Claim], knows_who: bool = True) -> str:
    """Who has the sources of a transfer that was to be tried again."""
    first = next(iter(claims), None)
    if first is None:
        return formats.reason("sources_claimed")
    if first.state == "live":
        return _(
            "This work was invoiced meanwhile: %(number)s in %(package)s, transfer %(transfer)s.",
            number=first.remote_number or _("without a number yet"),
            package=package(first.vendor),
            transfer=first.transfer_id or "–",
        )
    return claimed(first.user_name, first.since, first.transfer_id, knows_who)


def cannot_retry(error: CannotRetry) -> str:
    """Why a failed transfer was not tried again."""
    if error.reason == "sources_claimed":
        return _("Not tried again. %(why)s", why=has_work(error.claims))
    return _("Not tried again. %(why)s", why=sentence(error.reason))


def exact(moment: datetime) -> str:
    """A moment to the second, on the organisation's clock."""
    return moment.astimezone(formats.zone()).strftime("%d-%m-%Y %H:%M:%S")


# --- Counts ---------------------------------------------------------------------------------------------------------------------


def listed(counts: Mapping[str, int]) -> str:
    """What there is of each kind: 12 entries, 3 expenses, 1 trip."""
    words = {
        "time": lambda n: ngettext("%(num)s entry", "%(num)s entries", n),
        "expense": lambda n: ngettext("%(num)s expense", "%(num)s expenses", n),
        "trip": lambda n: ngettext("%(num)s trip", "%(num)s trips", n),
    }
    return ", ".join(word(counts[kind]) for kind, word in words.items() if counts.get(kind))


def rows(number: int) -> str:
    return str(ngettext("%(num)s row", "%(num)s rows", number))


def to_solve(part: Any) -> list[str]:
    """What stands in the way of billing the work of a customer or project."""
    found = []
    if part.no_rate:
        found.append(str(ngettext("%(num)s row without a rate", "%(num)s rows without a rate", part.no_rate)))
    if part.not_approved:
        found.append(str(ngettext("%(num)s row not approved", "%(num)s rows not approved", part.not_approved)))
    return found


def sums(amounts: Iterable[tuple[str, int]]) -> str:
    """Amounts per currency, never added to each other."""
    return " · ".join(formats.money(cents, currency) for currency, cents in amounts)


def outcome(done: int, refusals: list[str], said: str) -> str:
    """What a press on a button for many transfers did: how many went on, and why the others did not."""
    parts = [said] if done else [_("Nothing was changed.")]
    counted: dict[str, int] = {}
    for refusal in refusals:
        counted[refusal] = counted.get(refusal, 0) + 1
    for refusal, number in list(counted.items())[:3]:
        parts.append(refusal if number == 1 else _("%(number)s times: %(why)s", number=number, why=refusal))
    if len(counted) > 3:
        parts.append(_("The others say why on their own page."))
    return " ".join(parts)
