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
from flask_babel import format_date, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
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


def long_day(value: date) -> str:
    """Saturday 21 November, in the reader's language; with the year when it is another one."""
    return format_date(value, "EEEE d MMMM" if value.year == today().year else "EEEE d MMMM yyyy")


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
VAT_KINDS = {
    "standard": _l("Ordinary rate"),
    "zero": _l("Zero rate"),
    "exempt": _l("Exempt"),
    "reverse_charge": _l("Reverse charge"),
    "outside": _l("Outside VAT"),
}
OBJECTS = {
    "customer": _l("Customer"),
    "project": _l("Project"),
    "activity": _l("Activity"),
    "expense_category": _l("Expense category"),
    "vehicle": _l("Vehicle"),
    "vat_regime": _l("VAT rate"),
    "organisation": _l("Company"),
    "user": _l("User"),
    "connection": _l("Connection"),
    "import_run": _l("Import"),
    "folder": _l("Folder"),
    "time_entry": _l("Hours"),
    "time": _l("Hours"),
    "expense": _l("Expense"),
    "trip": _l("Trip"),
    "batch": _l("Invoice run"),
    "transfer": _l("Transfer"),
    "invoice": _l("Invoice"),
}
"""What the audit log calls the things it is about."""

EVENTS = {
    "customer_created": _l("Customer added"),
    "customer_created_elsewhere": _l("Customer added in the package"),
    "customer_changed": _l("Customer changed"),
    "customer_archived": _l("Customer archived"),
    "customer_restored": _l("Customer restored"),
    "customer_deleted": _l("Customer deleted"),
    "customer_linked": _l("Customer linked"),
    "customer_match_create": _l("To be added in the package"),
    "name_accepted": _l("Other name there accepted"),
    "project_created": _l("Project added"),
    "project_changed": _l("Project changed"),
    "project_archived": _l("Project archived"),
    "project_restored": _l("Project restored"),
    "project_deleted": _l("Project deleted"),
    "activity_created": _l("Activity added"),
    "activity_changed": _l("Activity changed"),
    "activity_archived": _l("Activity archived"),
    "activity_restored": _l("Activity restored"),
    "activity_deleted": _l("Activity deleted"),
    "expense_category_created": _l("Expense category added"),
    "expense_category_changed": _l("Expense category changed"),
    "expense_category_archived": _l("Expense category archived"),
    "expense_category_restored": _l("Expense category restored"),
    "expense_category_deleted": _l("Expense category deleted"),
    "vehicle_created": _l("Vehicle added"),
    "vehicle_changed": _l("Vehicle changed"),
    "vehicle_archived": _l("Vehicle archived"),
    "vehicle_restored": _l("Vehicle restored"),
    "vehicle_deleted": _l("Vehicle deleted"),
    "vat_regime_changed": _l("VAT rate changed"),
    "organisation_changed": _l("Company changed"),
    "user_created": _l("User added"),
    "user_changed": _l("User changed"),
    "password_changed": _l("Password changed"),
    "sign_in": _l("Signed in"),
    "sign_in_failed": _l("Sign-in refused"),
    "sign_out": _l("Signed out"),
    "login_ended": _l("Login ended"),
    "confirmation_failed": _l("Own password refused"),
    "connection_activated": _l("Connection activated"),
    "connection_changed": _l("Connection changed"),
    "connection_tested": _l("Connection tested"),
    "connection_disconnected": _l("Connection ended"),
    "import_requested": _l("Import requested"),
    "import_started": _l("Import started"),
    "customers_imported": _l("Customers imported"),
    "data_loaded": _l("Data loaded"),
    "invoices_requested": _l("Invoices requested"),
    "invoiced_elsewhere": _l("Invoiced in the package"),
    "transfer_retried": _l("Transfer retried"),
    "transfer_cancelled": _l("Transfer cancelled"),
    "transfer_unlinked": _l("Transfer unlinked"),
    "transfer_looked_again": _l("Transfer looked at again"),
    "transfer_their_totals_accepted": _l("Totals there accepted"),
    "transfer_named_by_person": _l("Document named"),
    "transfer_nothing_there": _l("Said that nothing exists there"),
    "time_entry_added": _l("Hours added"),
    "time_entry_changed": _l("Hours changed"),
    "time_entry_deleted": _l("Hours deleted"),
    "expense_added": _l("Expense added"),
    "expense_changed": _l("Expense changed"),
    "expense_deleted": _l("Expense deleted"),
    "trip_added": _l("Trip added"),
    "trip_changed": _l("Trip changed"),
    "trip_deleted": _l("Trip deleted"),
    "approve": _l("Approved"),
    "reopen": _l("Reopened"),
    "billable": _l("Marked billable"),
    "not_billable": _l("Marked not billable"),
    "write_off": _l("Written off"),
    "undo_write_off": _l("Write-off undone"),
    "changed": _l("Changed"),
}
"""What the audit log calls what happened; a code without words here is shown as it is."""

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
    "coc_number_be": _l("“%(text)s” is not an enterprise number; it has 10 digits, like 0999.999.922. Check them."),
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
    "work_rejected": _l("Rejected; the person who registered it can correct it."),
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
    "import_interrupted": _l(
        "The import was interrupted too often, so it was given up. Start it again; ask your administrator when it stays."
    ),
    "no_name": _l("There is no name on it. Fill in a company or a last name there, and import again."),
    "unreadable_row": _l("This row cannot be read: %(detail)s. Correct it there, and import again."),
    "not_saved": _l(
        "The database refused this row, so nothing of it was taken over. Import again; when it stays, add the customer by hand."
    ),
    "duplicate_number": _l("Same number as %(name)s there"),
    "number_taken": _l("Its number there belongs to %(name)s here"),
    "number_linked": _l("%(name)s here has this number, and is linked to another customer there"),
    "odd_number": _l("A number that Uurwerk cannot hold or send; choose Create new to take it over without its number"),
    "alike_vat_number": _l("Same VAT number as %(name)s here"),
    "alike_coc_number": _l("Same chamber of commerce number as %(name)s here"),
    "alike_email": _l("Same e-mail address as %(name)s here"),
    "alike_name": _l("Same name as %(name)s here"),
    "choice_gone": _l("The customer you chose was removed or linked meanwhile; choose again"),
    "linked_to_other": _l(
        "Number %(number)s there is linked to %(name)s here already. Unlink it there first, or give this customer another number."
    ),
}

REASONS |= {
    # Why something was not registered or changed (blueprints.register).
    "register_reserved": _l("This is being invoiced since %(time)s; wait until that has succeeded or failed."),
    "register_reserved_by": _l("This is being invoiced by %(name)s since %(time)s; wait until that has succeeded or failed."),
    "register_invoiced": _l("This has been invoiced; it can be changed after the invoice is credited or unlinked."),
    "register_invoiced_on": _l("This is on invoice %(number)s; it can be changed after that invoice is credited or unlinked."),
    "register_submitted": _l(
        "This was handed in for approval; an administrator, project manager or team manager can reopen it under Reports."
    ),
    "register_approved": _l("This was approved; an administrator, project manager or team manager can reopen it under Reports."),
    "register_written_off": _l("This was written off; an administrator, project manager or team manager can reopen it under Reports."),
    "register_long_day": _l(
        "%(day)s would be longer than 24 hours: %(others)s is registered already. Enter less than %(hours)s, or choose another day."
    ),
    "register_cell_changed": _l(
        "Somebody changed this to %(hours)s meanwhile, and it was not overwritten. Enter your hours again to replace that."
    ),
    "register_cell_removed": _l("Somebody removed these hours meanwhile. Enter them again to put them back."),
    "register_project_not_invoiced": _l("Nothing on %(project)s is invoiced, so this cannot be billable. Choose Not billable."),
    "register_choose_project": _l("Choose a project."),
    "register_choose_activity": _l("Choose an activity."),
    "register_choose_work": _l("Choose a customer or a project."),
    "register_choose_category": _l("Choose a category."),
    "register_no_price": _l("%(category)s has no price of its own; fill in what one cost."),
    "register_no_quantity": _l("Fill in how many; at least something above zero."),
    "register_no_distance": _l("Fill in how far it was, between 0,1 and 10.000 kilometres."),
    "register_private_trip": _l("A private trip is never billed. Choose Not billable, or another kind."),
    "receipt_type": _l("%(name)s is not a PDF, PNG or JPEG file. Choose another file; the other fields are kept."),
    "receipt_large": _l("%(name)s is larger than 10 MB. Choose a smaller file; the other fields are kept."),
    "receipt_many": _l("An expense has at most %(most)s receipts. Remove some first."),
    "customer_gone": _l("This customer does not exist any more; choose another one."),
    "customer_archived": _l("%(customer)s is archived; choose another customer, or ask a project manager to bring it back."),
    "category_gone": _l("This category does not exist any more; choose another one."),
    "vehicle_gone": _l("This vehicle does not exist any more; choose another one."),
    "project_gone": _l("This project or activity does not exist any more; choose another one."),
    "project_archived": _l("%(project)s is archived; choose another project, or ask a project manager to bring it back."),
    "project_not_started": _l("%(project)s starts on %(day)s; choose that day or a later one."),
    "project_ended": _l("%(project)s ended on %(day)s; choose that day or an earlier one."),
    "project_not_member": _l("Only members of %(project)s register on it; ask a project manager to add you."),
    "activity_not_offered": _l("%(activity)s is not done on %(project)s; choose another activity."),
}


REASONS |= {
    # What can go wrong between us and an accounting package (connectors.errors).
    "dns": _l("The server %(host)s was not found. Check the name in the URL; when it is right, try again later."),
    "connection_refused": _l(
        "Nothing answers at %(address)s: the server is off, or the URL or its port is wrong. Check both and try again."
    ),
    "connect_timeout": _l(
        "There was no connection in time. The server may be down, or a firewall keeps us out: try again later, or have it let us through."
    ),
    "certificate": _l(
        "The server's certificate is not trusted (%(detail)s), so nothing was sent. Have it renewed, or check the name in the URL."
    ),
    "tls": _l("No encrypted connection could be made, so nothing was sent. Check the URL, and that the server offers TLS 1.2 or newer."),
    "address_forbidden": _l(
        "%(host)s leads to the private address %(address)s, which Uurwerk does not call unless whoever runs it says so. Enter a public "
        "address, or have UURWERK_OUTBOUND_ALLOW=%(host)s set and Uurwerk restarted."
    ),
    "not_configured": _l("The connection is not complete. Enter its key, and for HostFact its URL, under Settings, Integrations."),
    "key_unreadable": _l(
        "The stored key cannot be read, because Uurwerk's own secret key changed. Paste the API key again, or put the old secret key back."
    ),
    "unavailable": _l("The accounting package is not available now. It did not look at the request; try again later."),
    "too_many": _l("The accounting package had too many requests and did not look at this one. Try again in a few minutes."),
    "budget": _l("Uurwerk holds back so that the accounting package does not shut us out. Nothing was sent; try again in a minute."),
    "address_refused": _l(
        "This server's address %(address)s is not on the list of allowed addresses. Add it in the package under Settings, API; wait a "
        "minute and test again."
    ),
    "key_refused": _l("The key was refused. Copy it again in the package under Settings, API, and paste it whole; then test again."),
    "firewall": _l(
        "The package's firewall shut out this server's address %(address)s, after too many calls or wrong keys. Wait an hour before "
        "testing again, because every try makes it last longer; or ask its support to lift it."
    ),
    "access_refused": _l(
        "The package does not let us in. Look there under Settings, API: is the API switched on, is the key right, is this server's "
        "address allowed?"
    ),
    "rejected": _l("The accounting package refused it and changed nothing: “%(detail)s”. Correct what it names and try again."),
    "routing": _l("The package does not know this call. Check the URL, and update the package when it is an old version."),
    "redirect": _l("The server sends us on to another address, where a key may not follow. Enter the final address as URL."),
    "invalid_for_wire": _l(
        "The field %(field)s does not fit the accounting package, so nothing was sent. Shorten or correct it and try again."
    ),
    "not_found": _l("The accounting package has no such record any more. Look there whether somebody removed it."),
    "read_timeout": _l("No answer came in time. Try again; when it stays, ask the support of the package."),
    "reset": _l("The connection broke off before an answer came. Try again; when it stays, something in between breaks it off."),
    "cut_answer": _l("Only a part of the answer arrived. Try again; when it stays, something in between breaks it off."),
    "not_json": _l(
        "A web page or something else came back, not an answer of the API. Check the URL (for HostFact the folder where it is "
        "installed, such as https://my.company.com/pro); when it is right, the package may be under maintenance: try again later."
    ),
    "server_error": _l("The accounting package reports a fault of its own. Try again later; when it stays, ask its support."),
    "oversize": _l("The answer was larger than a real one can be, so it was not read. Check the URL."),
    "wrong_echo": _l("The answer belongs to another question, so it was not used. Try again; when it stays, check the URL."),
    "unexpected": _l("The answer is not one that we understand, so it was not used. Try again; when it stays, update the package."),
    "incomplete_list": _l("The list did not arrive whole, so nothing was taken over from it. Try again."),
    "unsupported": _l("The accounting package cannot do this. Do it there by hand."),
}

REASONS |= {
    # An address of HostFact that cannot be one (connectors.wefact.persona).
    "url_empty": _l("Fill in the URL where HostFact is installed, such as https://my.company.com/pro."),
    "url_scheme": _l("The URL must start with https://."),
    "url_https_required": _l("The URL must start with https://, so that nobody can read the key on the way."),
    "url_credentials": _l("Leave the user name and password out of the URL."),
    "url_query": _l("Leave everything from the question mark on out of the URL."),
    "url_fragment": _l("Leave everything from the # on out of the URL."),
    "url_host": _l("The name of the server in this URL is not valid; write it like https://my.company.com/pro."),
    "url_port": _l("The port in this URL is not valid; it is a number from 1 to 65535."),
    "url_too_long": _l("This URL is too long; use at most 300 characters."),
}


REASONS |= {
    # What befalls a transfer, and what a person may decide about it (transfers).
    "cancelled": _l("Withdrawn before anything was sent; the work may be invoiced again."),
    "unlinked": _l("The document is gone there; the work may be invoiced again."),
    "retried": _l("The same transfer with the same reference, built anew from the work as it is now."),
    "looked_again": _l("Somebody asked to look once more."),
    "their_totals_accepted": _l("The totals are taken as the package counted them."),
    "named_by_person": _l("Somebody named the document; it is compared before it counts."),
    "nothing_there": _l("Somebody looked and found nothing there, so the work may be invoiced again. Reason given: %(why)s"),
    "seen_there": _l("It stands there as %(number)s: %(state)s."),
    "removed_there": _l("It does not exist there any more. Press Unlink to invoice the work again."),
    "being_invoiced_by": _l("%(name)s has this work, transfer %(transfer)s. Wait for its result."),
    "changed_meanwhile": _l("The work was changed between the preview and the button. Select it again."),
    "customer_not_created": _l("The customer could not be created there first. Look at that transfer, then press Retry failed."),
    "customer_not_linked": _l("The customer has no link with a record there any more. Link it again, then press Retry failed."),
    "customer_linked_elsewhere": _l(
        "The record %(remote_id)s there belongs to another customer here. Correct the link under Customers, then look again."
    ),
    "requester_disabled": _l(
        "Whoever asked for this may not invoice any more, so nothing further is sent. Give the right back and look again, or say that nothing exists there."
    ),
    "not_found_yet": _l("Not found there yet. It is looked for once more before anything else is done."),
    "not_there": _l("Looked for twice and not found, so it is created again with the same reference."),
    "not_sent_yet": _l("It is still a draft there. It is looked at once more before anything else is done."),
    "not_sent": _l("It was certainly not sent, so it is sent once more."),
    "sent_not_read": _l("It was sent for certain; its number is read as soon as the package answers again."),
    "owner_died": _l("Uurwerk stopped in the middle of a call. It looks what came of it before it does anything else."),
    "died_often": _l("Uurwerk stopped three times at this transfer. Press Look again; when it stays, tell whoever runs Uurwerk."),
    "gave_up": _l("It did not work for two days. Solve what is in the way, then look again."),
    "cannot_search": _l("There is no way to look for it in the package. Look there yourself, and tell what you saw."),
    "search_incomplete": _l("The search there did not come to its end, so it proves nothing. Look again, or look there yourself."),
    "found_many": _l("More than one document there carries this reference (%(ids)s). Keep one there, and name it here."),
    "found_similar": _l(
        "Nothing with this reference was found, but a document that looks alike: %(numbers)s. Look there whether that is the one."
    ),
    "resent_too_often": _l("It was sent three times and never found there. Look there yourself, and tell what you saw."),
    "remote_id_taken": _l("The document %(remote_id)s there belongs to another transfer already. Name the right one."),
    "invoice_number_taken": _l("Number %(number)s there belongs to another invoice already. Look there which one is right."),
    "content_differs": _l("The invoice there is not what was sent. Correct it there and look again, or delete it there."),
    "totals_differ": _l("It came to %(theirs)s there and to %(ours)s here, so nothing was sent on. Decide below which it shall be."),
    "document_gone": _l("The document is gone there. Say that nothing exists there, and the work may be invoiced again."),
    "draft_blocked": _l("The draft is blocked there. Release it there, then look again."),
    "no_email_there": _l("The customer has no e-mail address there, so it cannot be sent. Fill it in there, then look again."),
    "send_refused": _l("The package refused to send it: “%(detail)s”. The draft stands there; solve it there, then look again."),
    "send_unconfirmed": _l(
        "It is not known whether it was sent (it stands there as %(state)s). Look there whether the customer got it; send it there if not."
    ),
    "unexpected_state": _l("It stands there as %(state)s, which we did not expect. Look there what happened, then look again."),
    "not_failed": _l("Only a failed transfer can be tried again; this one is not, or not any more."),
    "sources_claimed": _l("Somebody else is invoicing this work, or has done so."),
    "sources_changed": _l("The work would not make this one invoice any more. Select it anew under Reports or Unbilled."),
    "not_in_attention": _l("It does not need attention any more. Look at how it stands now."),
    "not_about_totals": _l("The totals are not what is in the way; solve the reason that is shown."),
    "no_remote_id": _l("Fill in the id or number of the document as it is there."),
    "not_an_invoice": _l("This can only be said of an invoice."),
    "marker_not_typed": _l("Type the reference exactly as it is shown, to confirm that you looked for it there."),
    "no_reason_given": _l("Fill in how you know that nothing exists there."),
    "document_still_there": _l("A document of this transfer is known there. Delete it there and press Look again; then you can say so."),
    "transfer_changed": _l("The transfer changed while you looked. Nothing was done; look at how it stands now."),
    "too_early": _l("The package may still be working on it, so looking now would prove nothing. The next check is at %(time)s."),
    "nothing_to_check": _l("There is nothing to check: it is at rest, or being worked on now."),
    "too_late_to_cancel": _l("It is too late to cancel: it is on its way, or at rest already."),
    "still_there": _l("The document still exists there. Delete or credit it there and press Check now; then it can be unlinked."),
    "switched_off": _l("Sending is switched off on this installation; it waits until that changes."),
    "connection_stopped": _l("The connection with %(package)s does not work; it waits until that is solved under Settings, Integrations."),
}

REASONS |= {
    # What stands in the way of an invoice in the preview, or what somebody should know (invoicing.plan, billing.vat).
    "looking": _l("Being looked up in the package; this takes a moment."),
    "look_up_failed": _l("%(name)s could not be looked up in the package. Open the preview again in a minute."),
    "match_question": _l("The package has records that look like %(name)s. Choose the one it is, or create a new one."),
    "name_differs": _l(
        "Number %(number)s is called “%(there)s” there and “%(name)s” here. Say that it is the same customer, or correct the number."
    ),
    "customer_missing_there": _l(
        "%(name)s (%(number)s) was not in the last list of the package. Import the customers again, or put it back there."
    ),
    "customer_without_name": _l("The customer has no name. Fill it in under Customers."),
    "other_currency": _l("This is in %(currency)s, which is not the company's own currency. Invoice it in the package itself."),
    "item_gone": _l("The product %(code)s %(name)s does not exist in the package any more. Link another one to the activity or category."),
    "item_with_period": _l("The product %(code)s %(name)s is sold per period and would start a subscription. Link another one."),
    "vat_missing": _l("No VAT is known for a line. Choose the company's VAT under Settings, Company."),
    "vat_unmapped": _l("VAT %(regime)s has no code for this package yet. Choose it under Settings, Integrations."),
    "vat_number_missing": _l("VAT is reverse-charged to %(name)s, but there is no VAT number. Fill it in under Customers."),
    "vat_number_not_domestic": _l(
        "VAT is reverse-charged within the country, but the VAT number of %(name)s is from another one. Correct one of them."
    ),
    "vat_number_not_other_eu": _l(
        "VAT is reverse-charged within the EU, but the VAT number of %(name)s is not from another EU country. Correct one of them."
    ),
    "country_not_domestic": _l("VAT is reverse-charged within the country, but %(name)s is in another one. Correct one of them."),
    "country_inside_eu": _l("This is export outside the EU, but %(name)s is inside it. Correct one of them."),
    "too_many_lines": _l(
        "%(lines)s lines are more than the %(most)s that fit on one invoice. Choose another Lines per, so that there are fewer."
    ),
    "too_many_lines_anyway": _l(
        "%(lines)s lines are more than the %(most)s that fit on one invoice. Select less work, or make an invoice per project."
    ),
    "line_without_item": _l(
        "A line has no product, so it is sent without one. Link a product to its activity or category, or choose a default."
    ),
    "lines_split": _l("Some lines stand apart because they differ in rate, VAT, product or unit."),
    "line_of_nothing": _l("A line comes to nothing (0,00)."),
    "date_in_future": _l("An invoice date cannot be later than today, %(today)s."),
    "date_before_last": _l("The last invoice that was sent is of %(last)s; choose that day or a later one."),
}


class _Params(dict[str, Any]):
    """What a sentence needs; nothing in the place of what the other side did not tell."""

    def __missing__(self, key: str) -> str:
        return ""


def reason(code: str, params: Mapping[str, Any] | None = None, detail: str = "") -> str:
    """The sentence for a reason code: what happened and what to do."""
    sentence = REASONS.get(code)
    if sentence is None:
        return detail or code
    return str(sentence) % _Params({"detail": detail, **(params or {})})


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
    addresses: dict[tuple[str, str], str] = {}

    def asset(name: str) -> str:
        """The address of a static file, built once: an icon stands in every row of a list."""
        key = (request.script_root, name)
        if key not in addresses or app.debug:
            stamp = hashlib.sha256((folder / name).read_bytes()).hexdigest()[:6]
            addresses[key] = url_for("static", filename=name, v=stamp)
        return addresses[key]

    filters = (
        amount,
        money,
        rate,
        hours,
        hours_grouped,
        kilometres,
        quantity,
        percentage,
        number,
        day,
        long_day,
        short_day,
        moment,
        clock_time,
    )
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
        VAT_KINDS=VAT_KINDS,
        OBJECTS=OBJECTS,
        EVENTS=EVENTS,
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
        places = min(2, self.scale) if value == value.quantize(Decimal("0.01")) else self.scale
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
