"""What the audit log calls the fields and values that its events hold."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from blueprints import formats
from blueprints.settings import forms

UNITS = ("_e4", "_bp", "_cents", "_km10", "_id")
"""What a column's name ends in beside the thing itself; a person does not read it."""

FIELDS = {
    "active": _l("Active"),
    "activities": _l("Activities"),
    "activity": _l("Activity"),
    "address": _l("Address"),
    "approve_expenses": _l("Approval of expenses"),
    "approve_hours": _l("Approval of hours"),
    "approve_trips": _l("Approval of trips"),
    "bic": _l("BIC"),
    "billable": _l("Billable"),
    "category": _l("Category"),
    "city": _l("City"),
    "coc_number": _l("Chamber of commerce number"),
    "code": _l("Code"),
    "colour": _l("Colour"),
    "connection": _l("Connection"),
    "contact_first_name": _l("Contact, first name"),
    "contact_last_name": _l("Contact, last name"),
    "country": _l("Country"),
    "created": _l("Created"),
    "currency": _l("Currency"),
    "customer": _l("Customer"),
    "date": _l("Date"),
    "default_for_new_projects": _l("Tick for new projects"),
    "default_item": _l("Default product"),
    "default_product": _l("Default product"),
    "description": _l("Description"),
    "destination": _l("To"),
    "distance": _l("Distance"),
    "duration_minutes": _l("Minutes"),
    "email": _l("E-mail"),
    "ends_on": _l("End date"),
    "field": _l("Field"),
    "folder": _l("Folder"),
    "former_reason": _l("Reason before"),
    "hourly_rate": _l("Hourly rate"),
    "iban": _l("IBAN"),
    "import_mode": _l("Import mode"),
    "invoice_address": _l("Invoice address"),
    "invoice_city": _l("Invoice city"),
    "invoice_country": _l("Invoice country"),
    "invoice_email": _l("Invoice e-mail"),
    "invoice_per": _l("One invoice per"),
    "invoice_postal_code": _l("Invoice postal code"),
    "invoice_reference": _l("Invoice reference"),
    "invoices": _l("Invoices"),
    "invoicing_method": _l("Invoicing method"),
    "is_return": _l("There and back"),
    "item_afas": _l("AFAS item"),
    "item_hostfact": _l("HostFact product"),
    "item_wefact": _l("WeFact product"),
    "key_changed": _l("Other key"),
    "kind": _l("Kind"),
    "km_rate": _l("Rate per kilometre"),
    "language": _l("Language"),
    "lines_per": _l("Lines per"),
    "markup": _l("Mark-up"),
    "members": _l("Members"),
    "mode": _l("Mode"),
    "name": _l("Name"),
    "nightly": _l("Import customers every night"),
    "nightly_at": _l("Nightly import at"),
    "note": _l("Note"),
    "notes": _l("Notes"),
    "number": _l("Number"),
    "origin": _l("From"),
    "others": _l("All others"),
    "owner": _l("Owner"),
    "payment_term_days": _l("Payment term in days"),
    "percentage": _l("Percentage"),
    "person": _l("Person"),
    "phone": _l("Phone"),
    "plate": _l("Number plate"),
    "postal_code": _l("Postal code"),
    "preview": _l("Preview"),
    "project": _l("Project"),
    "prospect": _l("Prospect, not a customer yet"),
    "purchase_vat": _l("Purchase VAT in per cent"),
    "quantity": _l("Quantity"),
    "quantity_basis": _l("Amount follows from"),
    "reference": _l("Reference"),
    "reference_template": _l("Reference"),
    "reimbursable": _l("Pay back"),
    "remote": _l("Id there"),
    "remote_state": _l("State there"),
    "repriced": _l("Rows with another rate"),
    "role": _l("Role"),
    "rounding_direction": _l("Direction"),
    "rounding_minutes": _l("Round hours to"),
    "rounding_scope": _l("Rounded per"),
    "sales_treatment": _l("On the invoice"),
    "send_by_default": _l("Send at once"),
    "sent": _l("Sent"),
    "starts_on": _l("Start date"),
    "there": _l("Name there"),
    "timezone": _l("Time zone"),
    "trip_item": _l("Item for trips"),
    "unit": _l("Unit"),
    "unit_price": _l("Unit price"),
    "updated": _l("Updated"),
    "url": _l("URL"),
    "vat": _l("VAT"),
    "vat_included": _l("The price includes VAT"),
    "vat_number": _l("VAT number"),
    "vat_regime": _l("VAT"),
    "vehicle": _l("Vehicle"),
    "vendor": _l("Package"),
    "website": _l("Website"),
    "why": _l("Reason"),
    "write_number_back": _l("Take over the number that a new customer gets there"),
}
VALUES: dict[str, dict[str, Any]] = {
    "connection": formats.VENDORS,
    "vendor": formats.VENDORS,
    "role": formats.ROLE_NAMES,
    "invoicing_method": formats.METHODS,
    "remote_state": formats.REMOTE_STATES,
    "language": dict(forms.LANGUAGE_CHOICES),
    "rounding_direction": dict(forms.DIRECTION_CHOICES),
    "rounding_scope": dict(forms.SCOPE_CHOICES),
    "quantity_basis": dict(forms.BASIS_CHOICES),
    "sales_treatment": {"recharge": _l("Charged on, with our VAT"), "pass_through": _l("Passed through as paid, outside VAT")},
    "owner": {"company": _l("Company"), "private": _l("Private")},
    "kind": formats.TRIP_KINDS,
    "field": {"duration": _l("Hours"), "note": _l("Note"), "billable": _l("Billable")},
    "mode": {"new": _l("Only new"), "update": _l("Also update")},
    "import_mode": {"new": _l("Only new"), "update": _l("Also update")},
}


def field(name: str) -> str:
    """What a column or detail is called inside a line; one that nobody named is its own name in plain letters."""
    for unit in UNITS:
        name = name.removesuffix(unit)
    words = str(FIELDS.get(name, name.replace("_", " ")))
    return words[:1].lower() + words[1:] if words.split(" ")[0][1:].islower() else words


def value(name: str, held: Any) -> str:
    """A value as people write it."""
    if held is None or held == "":
        return _("empty")
    if isinstance(held, bool):
        return _("yes") if held else _("no")
    if isinstance(held, int) and name.endswith("_e4"):
        return formats.rate(held)
    if isinstance(held, int) and name.endswith("_bp"):
        return formats.percentage(held)
    if isinstance(held, list):
        return ", ".join(str(one) for one in held[:20])
    return str(VALUES.get(name, {}).get(held, held)) if isinstance(held, str) else str(held)
