"""How things are written for people: language, clock, money, hours, dates, states, and the sentence behind every reason code."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, current_app, g, has_request_context, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from wtforms import StringField

import checks
from models import Organisation, db

LANGUAGES = ("en", "nl")
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}

# --- Clock and language ---------------------------------------------------------------------------------------------------------


def now() -> datetime:
    """This moment, aware UTC; tests put their own clock in its place."""
    clock = current_app.extensions.get("clock")
    return clock() if clock else datetime.now(UTC)


def today() -> date:
    """The calendar day of the organisation."""
    return now().astimezone(zone()).date()


def organisation() -> Organisation:
    """The one organisation row, read once per request."""
    if "organisation" not in g:
        g.organisation = db.session.get(Organisation, 1)
    return g.organisation


def zone() -> ZoneInfo:
    """The organisation's time zone."""
    row = organisation()
    return ZoneInfo(row.timezone if row else current_app.extensions["settings"].timezone)


def language() -> str:
    """The person's language, else what the browser asks for, else English."""
    user = g.get("user") if has_request_context() else None
    if user is not None and user.language in LANGUAGES:
        return user.language
    if has_request_context():
        return request.accept_languages.best_match(LANGUAGES) or "en"
    return "en"


# --- Figures. The Dutch way of writing them in both languages, as on the invoices ------------------------------------------------


def _grouped(value: Decimal, places: int) -> str:
    text = f"{value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,.{places}f}"
    return text.replace(",", "_").replace(".", ",").replace("_", ".").replace("-", "−")


def amount(cents: int | None) -> str:
    """1234567 becomes 12.345,67."""
    return "" if cents is None else _grouped(Decimal(cents) / 100, 2)


def money(cents: int | None, currency: str = "EUR") -> str:
    """An amount with its currency; the space between does not break."""
    return "" if cents is None else f"{SYMBOLS.get(currency, currency)}\u00a0{amount(cents)}"


def rate(e4: int | None) -> str:
    """A price in ten-thousandths: two decimals, more only where it has them."""
    if e4 is None:
        return ""
    places = 2 if e4 % 100 == 0 else 3 if e4 % 10 == 0 else 4
    return _grouped(Decimal(e4) / 10_000, places)


def hours(minutes: int | None) -> str:
    """75 becomes 1:15; nothing for nothing."""
    if minutes is None:
        return ""
    sign = "−" if minutes < 0 else ""
    return f"{sign}{abs(minutes) // 60}:{abs(minutes) % 60:02d}"


def hours_grouped(minutes: int | None) -> str:
    """Like hours, with a point between the thousands: 1.234:30."""
    if minutes is None:
        return ""
    sign = "−" if minutes < 0 else ""
    return f"{sign}{_grouped(Decimal(abs(minutes) // 60), 0)}:{abs(minutes) % 60:02d}"


def kilometres(km10: int | None) -> str:
    return "" if km10 is None else _grouped(Decimal(km10) / 10, 0 if km10 % 10 == 0 else 1)


def quantity(e4: int | None) -> str:
    """A quantity in ten-thousandths without trailing noughts."""
    if e4 is None:
        return ""
    places = next(p for p in range(5) if e4 % 10 ** (4 - p) == 0)
    return _grouped(Decimal(e4) / 10_000, places)


def percentage(bp: int | None) -> str:
    """2100 becomes 21%."""
    if bp is None:
        return ""
    return _grouped(Decimal(bp) / 100, 0 if bp % 100 == 0 else 2) + "%"


def number(value: int) -> str:
    return _grouped(Decimal(value), 0)


def day(value: date | None) -> str:
    """21-11-2026."""
    return value.strftime("%d-%m-%Y") if value else ""


def short_day(value: date | None) -> str:
    """21-11, with the year when it is another one."""
    if value is None:
        return ""
    return value.strftime("%d-%m" if value.year == today().year else "%d-%m-%Y")


def moment(value: datetime | None) -> str:
    """A moment on the organisation's clock."""
    return value.astimezone(zone()).strftime("%d-%m-%Y %H:%M") if value else ""


def clock_time(value: datetime | None) -> str:
    return value.astimezone(zone()).strftime("%H:%M") if value else ""


# --- Words ----------------------------------------------------------------------------------------------------------------------

STATUSES = {
    "open": _l("Open"),
    "submitted": _l("Submitted"),
    "approved": _l("Approved"),
    "invoiced": _l("Invoiced"),
    "reserved": _l("Being invoiced"),
    "written_off": _l("Written off"),
    "rejected": _l("Rejected"),
}
TRANSFER_STATES = {
    "queued": _l("Waiting"),
    "creating": _l("Working"),
    "created": _l("Working"),
    "finalising": _l("Working"),
    "uncertain": _l("Checking"),
    "checking": _l("Checking"),
    "attention": _l("Needs attention"),
    "done": _l("Succeeded"),
    "rejected": _l("Failed"),
    "released": _l("Cancelled"),
    "skipped": _l("Skipped"),
}
REMOTE_STATES = {
    "draft": _l("draft"),
    "sent": _l("sent"),
    "partly_paid": _l("partly paid"),
    "paid": _l("paid"),
    "credit": _l("credit invoice"),
    "credited": _l("credited"),
    "removed": _l("removed"),
    "unknown": _l("unknown"),
}
CONNECTION_STATES = {"off": _l("Off"), "incomplete": _l("Incomplete"), "connected": _l("Connected"), "failing": _l("Failing")}
VENDORS = {"wefact": "WeFact", "hostfact": "HostFact", "afas": "AFAS"}
ROLE_NAMES = {
    "administrator": _l("Administrator"),
    "project_manager": _l("Project manager"),
    "team_manager": _l("Team manager"),
    "user": _l("User"),
}
METHODS = {
    "activity": _l("Activity rate"),
    "user": _l("User rate"),
    "project": _l("Project rate"),
    "customer": _l("Customer rate"),
    "none": _l("No invoicing"),
}
TRIP_KINDS = {"business": _l("Business"), "commute": _l("Home to work"), "private": _l("Private")}

REASONS: dict[str, Any] = {}
"""Reason code to sentence. Placeholders are the reason's params; `detail` is the other side's own words."""

REASONS |= {
    # What `checks` refuses in a form.
    "day": _l("“%(text)s” is not a date; write it like 21-11-2026."),
    "empty": _l("Fill in a value."),
    "too_long": _l("This is %(length)s characters long; use at most %(most)s."),
    "duration": _l("“%(text)s” is not a duration; write 1:15, 1,25, 1h15m or 75m."),
    "duration_minutes": _l("“%(text)s” has more than 59 minutes in an hour; write 1:15, 1,25, 1h15m or 75m."),
    "duration_too_long": _l("“%(text)s” is more than 24 hours; divide it over more days."),
    "duration_negative": _l("“%(text)s” is less than zero; only somebody who may correct hours can enter that."),
    "clock": _l("“%(text)s” is not a time of day; write 9:30, 930 or 1:30pm."),
    "amount": _l("“%(text)s” is not an amount; write it like 1234,56 or 1234.56."),
    "amount_ambiguous": _l(
        "“%(text)s” can be a thousand or a decimal number; leave out the thousands separator and write decimals, like 1234,00."
    ),
    "amount_decimals": _l("“%(text)s” has too many decimals; use at most %(places)s."),
    "amount_negative": _l("“%(text)s” is less than zero; enter an amount of zero or more."),
    "amount_too_large": _l("“%(text)s” is too large; enter an amount of at most twelve digits before the decimals."),
    "vat_number": _l("“%(text)s” is not a valid VAT number for %(country)s; check the digits and the country."),
    "iban": _l("“%(text)s” is not a valid IBAN; check the digits, like NL91 ABNA 0417 1643 00."),
    "bic": _l("“%(text)s” is not a valid BIC; it has 8 or 11 letters and digits, like ABNANL2A."),
    "email": _l("“%(text)s” is not an e-mail address; write it like name@example.com."),
    "coc_number_nl": _l("“%(text)s” is not a chamber of commerce number; it has 8 digits, like 12345678."),
    "coc_number_be": _l("“%(text)s” is not an enterprise number; it has 10 digits, like 0403.170.701. Check them."),
    "coc_number": _l("“%(text)s” is not a registration number; use at most 30 letters, digits, dots, dashes and slashes."),
    "customer_number": _l("A customer number cannot contain %(signs)s; the accounting packages refuse it. Leave it out."),
    "postal_code_nl": _l("“%(text)s” is not a Dutch postal code; write it like 3511 AB."),
    "postal_code_be": _l("“%(text)s” is not a Belgian postal code; it has 4 digits, like 9000."),
    "postal_code": _l("“%(text)s” is not a postal code; use at most 12 letters, digits, spaces and dashes."),
    "country": _l("“%(text)s” is not a country code; use two letters, like NL or BE."),
    "currency": _l("“%(text)s” is not a currency code; use three letters, like EUR."),
}

REASONS |= {
    # Why a row may not be billed (invoicing.selection), or is left as it was by a change of many rows.
    "already_invoiced": _l("Already invoiced."),
    "being_invoiced": _l("Being invoiced now; wait for the result under Finance, Transfers."),
    "written_off": _l("Written off; undo the write-off first."),
    "rejected": _l("Rejected; the person who registered it can correct it."),
    "after_date": _l("Later than the last day that was asked for."),
    "private_trip": _l("A private trip is never billed."),
    "no_invoicing": _l("The project is not invoiced; change its invoicing method first."),
    "not_billable": _l("Marked as not billable."),
    "not_approved": _l("Not approved yet."),
    "no_rate": _l("No rate known; fill in a rate on the project, customer, activity or person."),
    "deleted": _l("Removed in the meantime."),
    "own_work": _l("Your own work; somebody else approves it."),
    "already_so": _l("It was so already."),
    "not_yours": _l("Not meant for you."),
}


REASONS |= {
    # What a customer import says of a run or a row (transfers.imports), and a look-up of one customer (transfers.customers).
    "import_incomplete_list": _l(
        "The list changed while it was read, also the second time. What was read is taken over, and nobody is marked as gone. Import again."
    ),
    "import_too_many_missing": _l(
        "%(missing)s of %(linked)s linked customers are not in the list any more, so none of them was marked as gone. Look whether this is "
        "the right administration."
    ),
    "import_interrupted": _l("The import was interrupted too often, so it was given up. Start it again; ask your administrator when it stays."),
    "no_name": _l("There is no name on it. Fill in a company or a last name there, and import again."),
    "unreadable_row": _l("This row cannot be read: %(detail)s. Correct it there, and import again."),
    "not_saved": _l("The database refused this row, so nothing of it was taken over. Import again; when it stays, add the customer by hand."),
    "duplicate_number": _l("Same number as %(name)s there"),
    "number_taken": _l("Its number there belongs to %(name)s here"),
    "number_linked": _l("%(name)s here has this number, and is linked to another customer there"),
    "odd_number": _l("A number that Uurwerk cannot hold or send; choose Create new to take it over without its number"),
    "alike_vat_number": _l("Same VAT number as %(name)s here"),
    "alike_coc_number": _l("Same chamber of commerce number as %(name)s here"),
    "alike_email": _l("Same e-mail address as %(name)s here"),
    "alike_name": _l("Same name as %(name)s here"),
    "choice_gone": _l("The customer you chose was removed or linked meanwhile; choose again"),
    "linked_to_other": _l("Number %(number)s there is linked to %(name)s here already. Unlink it there first, or give this customer another number."),
}

def reason(code: str, params: Mapping[str, Any] | None = None, detail: str = "") -> str:
    """The sentence for a reason code: what happened and what to do."""
    sentence = REASONS.get(code)
    values = {"detail": detail, **(params or {})}
    if sentence is None:
        return detail or code
    try:
        return str(sentence) % values
    except KeyError:
        return str(sentence)


ERRORS = {
    400: (_l("That request was not understood"), _l("Go back and try again. Nothing was changed.")),
    403: (_l("That is not allowed"), _l("The request came from another site or you lack the right. Nothing was changed.")),
    404: (_l("There is nothing here"), _l("The page does not exist, was removed, or is not meant for you.")),
    405: (_l("That does not work this way"), _l("Go back and use the buttons of the page. Nothing was changed.")),
    413: (_l("That is too much at once"), _l("Send less, or a smaller file. Nothing was changed.")),
    500: (
        _l("This page stopped"),
        _l(
            "Something went wrong on our side. Nothing was changed, and your hours are safe. Try again; if it stays, give your administrator this code."
        ),
    ),
}
ERROR_KEYS = {
    "form_expired": (
        _l("This form has expired"),
        _l("You were signed out or signed in again since it was opened. Reload the page; what you typed is kept by going back."),
    ),
}


def error_page(code: int, key: str = "") -> dict[str, Any]:
    """What an error page says: a title, what to do, and the request's id so that a log line can be found."""
    title, text = ERROR_KEYS.get(key) or ERRORS.get(code) or ERRORS[500 if code >= 500 else 400]
    return {"code": code, "title": title, "text": text, "request_id": g.get("request_id", "-")}


# --- Templates ------------------------------------------------------------------------------------------------------------------


def init_app(app: Flask) -> None:
    """Gives templates the functions of this module and addresses of static files that change with their content."""
    folder = Path(app.static_folder or "static")
    stamps: dict[str, str] = {}

    def asset(name: str) -> str:
        if name not in stamps or app.debug:
            stamps[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()[:10]
        return url_for("static", filename=name, v=stamps[name])

    filters = (amount, money, rate, hours, hours_grouped, kilometres, quantity, percentage, number, day, short_day, moment, clock_time)
    for function in filters:
        app.template_filter(function.__name__)(function)
    app.jinja_env.globals.update(
        asset=asset,
        reason=reason,
        today=today,
        language=language,
        ngettext=ngettext,
        STATUSES=STATUSES,
        TRANSFER_STATES=TRANSFER_STATES,
        REMOTE_STATES=REMOTE_STATES,
        CONNECTION_STATES=CONNECTION_STATES,
        VENDORS=VENDORS,
        ROLE_NAMES=ROLE_NAMES,
        METHODS=METHODS,
        TRIP_KINDS=TRIP_KINDS,
    )


# --- Fields of forms: what people type, checked and written back in these ways -----------------------------------------------------

LONGEST_QUOTE = 60


def form_error(code: str, params: Mapping[str, Any]) -> str:
    """The sentence of a failed field check in the person's language; a long text is quoted in part."""
    short = {
        name: value[:LONGEST_QUOTE] + "…" if isinstance(value, str) and len(value) > LONGEST_QUOTE else value
        for name, value in params.items()
    }
    return reason(code, short) if code in REASONS else _("This does not look right.")


class CheckedField(StringField):
    """Text kept in the one spelling that its check gives; an empty field is an empty text. What was typed stays when it is refused."""

    def __init__(self, label: Any, check: Callable[[str], Any], validators: Sequence[Any] = (), **options: Any) -> None:
        super().__init__(label, validators, **options)
        self.check = check

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        self.data = ""
        if valuelist[0].strip():
            try:
                self.data = self.check(valuelist[0])
            except checks.CheckFailed as error:
                raise ValueError(form_error(error.code, error.params)) from error

    def _value(self) -> str:
        return str(self.raw_data[0] if self.raw_data else self.data or "")


class AmountField(StringField):
    """A number as people type it, kept as an integer of 10^-`scale` (4 for prices and rates, 2 for percentages); empty is None."""

    def __init__(self, label: Any, validators: Sequence[Any] = (), scale: int = 4, **options: Any) -> None:
        super().__init__(label, validators, **options)
        self.scale = scale

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        self.data = None
        if valuelist[0].strip():
            try:
                self.data = int(checks.parse_amount(valuelist[0], places=self.scale).scaleb(self.scale))
            except checks.CheckFailed as error:
                raise ValueError(form_error(error.code, error.params)) from error

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        if self.data is None:
            return ""
        value = Decimal(self.data).scaleb(-self.scale)
        places = 2 if value == value.quantize(Decimal("0.01")) else self.scale
        return f"{value:.{places}f}".replace(".", ",")


class DayField(StringField):
    """A calendar day as dd-mm-yyyy, also read as yyyy-mm-dd; empty is None."""

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        text = valuelist[0].strip()
        self.data = parse_day(text) if text else None
        if text and self.data is None:
            raise ValueError(form_error("day", {"text": text}))

    def _value(self) -> str:
        return str(self.raw_data[0]) if self.raw_data else day(self.data)


def parse_day(text: str) -> date | None:
    """The day that 21-11-2026, 21/11/2026, 21.11.2026 or 2026-11-21 means, or nothing; years from 1900 to 2199."""
    dutch = re.fullmatch(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4})", text.strip(), re.ASCII)
    iso = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", text.strip(), re.ASCII)
    parts = dutch.group(3, 2, 1) if dutch else iso.group(1, 2, 3) if iso else ("0", "0", "0")
    try:
        return date(*map(int, parts)) if 1900 <= int(parts[0]) <= 2199 else None
    except ValueError:
        return None
