"""Our records to WeFact's and HostFact's fields and back. Pure: no network, no clock (contract wefact 8, 9, 10, 12)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from connectors.errors import Rejected
from connectors.records import (
    CustomerRecord,
    DraftLine,
    InvoiceDraft,
    ItemRecord,
    NewCustomer,
    RemoteInvoice,
    RemoteLine,
    TaxCodeRecord,
)
from connectors.wefact.persona import Persona
from connectors.wefact.values import (
    Fields,
    FieldValue,
    Unusable,
    collection,
    decimal,
    identifier,
    optional_date,
    optional_decimal,
    optional_integer,
    optional_text,
    sent_number,
    text,
    truth,
    wire_text,
)

LINES_LIMIT = 80
CODE_LIMIT = 50
NAME_LIMIT = 100
EMAIL_LIMIT = 255
REFERENCE_LIMIT = 50
TEXT_LIMIT = 2000

STATES = {"0": "draft", "2": "sent", "3": "partly_paid", "4": "paid", "8": "credit", "9": "credited"}
"""Sales invoice statuses (contract wefact 10.1); there is no 1, 5, 6 or 7."""

Row = Mapping[str, object]


# Ours to theirs


def customer_fields(customer: NewCustomer) -> Fields:
    """The fields of `debtor/add`; empty ones are left out, and never an `Identifier` (contract wefact 8.3).

    Raises `Rejected("invalid_for_wire")` (params: `field`, `limit`).
    """
    if not (customer.company_name.strip() or customer.contact_last_name.strip()):
        raise Rejected("invalid_for_wire", "a company name or a last name is needed", field="company_name")
    fields = {
        "DebtorCode": customer_code(customer.number) if customer.number.strip() else "",
        "CompanyName": _capped(customer.company_name, "company_name", NAME_LIMIT),
        "Initials": _capped(customer.contact_first_name, "contact_first_name", NAME_LIMIT),
        "SurName": _capped(customer.contact_last_name, "contact_last_name", NAME_LIMIT),
        "EmailAddress": _capped(customer.email, "email", EMAIL_LIMIT),
        "PhoneNumber": _capped(customer.phone, "phone", CODE_LIMIT),
        "Address": _capped(customer.address, "address", NAME_LIMIT),
        "ZipCode": _capped(customer.postal_code, "postal_code", CODE_LIMIT),
        "City": _capped(customer.city, "city", NAME_LIMIT),
        "Country": _capped(customer.country, "country", CODE_LIMIT),
        "TaxNumber": _capped(customer.vat_number, "vat_number", CODE_LIMIT),
        "CompanyNumber": _capped(customer.coc_number, "coc_number", CODE_LIMIT),
        "InvoiceTerm": "" if customer.payment_term_days is None else str(customer.payment_term_days),
    }
    return {name: value for name, value in fields.items() if value}


def customer_code(number: str) -> str:
    """A customer number that may travel as `DebtorCode`: at most 50 characters, no pipe or bracket (contract wefact 8.3)."""
    code = _capped(number, "number", CODE_LIMIT)
    if not code or re.search(r"[|\[\]\r\n\t]", code):
        raise Rejected("invalid_for_wire", "a customer number is needed, without | [ or ]", field="number")
    return code


def invoice_fields(draft: InvoiceDraft, persona: Persona) -> Fields:
    """The fields of `invoice/add` for a draft: status 0, our marker alone in `Comment`, never an `InvoiceCode` (contract wefact 10.4).

    Prices exclude VAT, in euros. Raises `Rejected("invalid_for_wire")` (params: `field`, `limit`, and `line` counted from 1).
    """
    if not draft.marker or draft.marker != draft.marker.strip() or not draft.marker.isprintable():
        raise ValueError("an invoice does not leave without a marker of one line")
    if not 1 <= len(draft.lines) <= LINES_LIMIT:
        raise Rejected("invalid_for_wire", field="lines", lines=len(draft.lines), limit=LINES_LIMIT)
    if draft.currency != "EUR":
        raise Rejected("invalid_for_wire", field="currency", currency=draft.currency, limit="EUR")
    fields: dict[str, FieldValue] = dict(_customer_key(draft))
    fields |= {"Status": "0", "Date": draft.date.isoformat(), "VatCalcMethod": "excl", "Comment": draft.marker}
    if draft.term_days is not None:
        fields["Term"] = str(draft.term_days)
    if draft.reference.strip():
        fields["ReferenceNumber"] = _capped(draft.reference, "reference", REFERENCE_LIMIT)
    if draft.text.strip():
        fields["Description"] = _capped(draft.text, "text", TEXT_LIMIT)
    if persona.stock_switch:
        fields["UseProductInventory"] = "no"
    fields["InvoiceLines"] = [_line_fields(line, place, persona) for place, line in enumerate(draft.lines, start=1)]
    return fields


def _customer_key(draft: InvoiceDraft) -> dict[str, str]:
    # The code rather than the id: a search after a lost answer goes by code, and both must mean the same customer.
    if draft.customer_number.strip():
        return {"DebtorCode": customer_code(draft.customer_number)}
    if draft.customer_remote_id:
        return {"Debtor": draft.customer_remote_id}
    raise Rejected("invalid_for_wire", "the customer has no number there", field="customer_number")


def _line_fields(line: DraftLine, place: int, persona: Persona) -> Fields:
    try:
        return _checked_line_fields(line, persona)
    except Rejected as refused:
        refused.params["line"] = place
        raise


def _checked_line_fields(line: DraftLine, persona: Persona) -> Fields:
    description = _capped(line.description, "description", TEXT_LIMIT)
    if not description:
        raise Rejected("invalid_for_wire", "a line needs a description", field="description")
    quantity, unit_price = sent_number(line.quantity, "quantity"), sent_number(line.unit_price, "unit_price")
    if (line.quantity * line.unit_price).quantize(Decimal("0.01"), ROUND_HALF_UP) != line.net:
        raise Rejected("invalid_for_wire", f"{line.quantity} × {line.unit_price} is not {line.net}", field="net")
    fields = {
        "ProductCode": _capped(line.item_code, "item_code", CODE_LIMIT),
        "Description": description,
        "Number": quantity,
        "NumberSuffix": _capped(line.unit, "unit", CODE_LIMIT),
        "PriceExcl": unit_price,
        persona.tax_field: _tax_value(line, persona),
        "Date": line.on.isoformat() if line.on else "",
        # `period` would turn the line into a subscription (contract wefact 10.4).
        "PeriodicType": "once",
    }
    return {name: value for name, value in fields.items() if value}


def _tax_value(line: DraftLine, persona: Persona) -> str:
    if persona.tax_field == "TaxCode":
        return _capped(line.vat_code, "vat_code", CODE_LIMIT)
    if line.vat_percentage is None:
        return ""
    return sent_number(line.vat_percentage, "vat_percentage").removesuffix(".00")


def _capped(value: str, field: str, limit: int) -> str:
    """The text trimmed and sendable; too long is refused, because cutting a name or a number changes what it says."""
    trimmed = wire_text(value).strip()
    if len(trimmed) > limit:
        raise Rejected("invalid_for_wire", field=field, length=len(trimmed), limit=limit)
    return trimmed


# Theirs to ours


def customer(row: Row, *, complete: bool = False) -> CustomerRecord:
    """A list row or a full record; what a row does not carry is None (contract wefact 8.1, 8.2). Raises `Unusable`."""
    company, first, last = (optional_text(row, field) for field in ("CompanyName", "Initials", "SurName"))
    person = " ".join(part.strip() for part in (first, last) if part and part.strip())
    term = optional_integer(row, "InvoiceTerm")
    return CustomerRecord(
        remote_id=identifier(row.get("Identifier")),
        number=_needed(row, "DebtorCode"),
        name=(company or "").strip() or person,
        company_name=company,
        contact_first_name=first,
        contact_last_name=last,
        email=optional_text(row, "EmailAddress"),
        phone=optional_text(row, "PhoneNumber"),
        address=optional_text(row, "Address"),
        postal_code=optional_text(row, "ZipCode"),
        city=optional_text(row, "City"),
        country=optional_text(row, "Country"),
        vat_number=optional_text(row, "TaxNumber"),
        coc_number=optional_text(row, "CompanyNumber"),
        payment_term_days=term if term is not None and term >= 0 else None,
        invoice_email=optional_text(row, "InvoiceEmailAddress"),
        modified=optional_text(row, "Modified"),
        complete=complete,
    )


def item(row: Row, persona: Persona) -> ItemRecord:
    """A product; a price or percentage that is no number is None (contract wefact 9.1). Raises `Unusable`."""
    period = text(row, "PricePeriod").strip()
    return ItemRecord(
        remote_id=identifier(row.get("Identifier")),
        code=_needed(row, "ProductCode"),
        name=text(row, "ProductName"),
        text=text(row, "ProductKeyPhrase"),
        unit=text(row, "NumberSuffix").strip(),
        price=optional_decimal(row, "PriceExcl"),
        vat_code=text(row, "TaxCode"),
        vat_percentage=optional_decimal(row, "TaxPercentage"),
        period="" if period in persona.once_period else period,
        item_type=text(row, "ProductType"),
    )


def tax_codes(settings: object) -> list[TaxCodeRecord]:
    """The sale codes of `settings/list`, a map or a list (contract wefact 7). Raises `Unusable`."""
    found = settings
    for step in ("Tax", "Codes", "Sale"):
        if not isinstance(found, dict):
            raise Unusable(step, found)
        found = found.get(step, [])
    keys = list(found) if isinstance(found, dict) else []
    return [_tax_code(row, str(keys[place]) if keys else "") for place, row in enumerate(collection(found, "Sale"))]


def _tax_code(row: object, key: str) -> TaxCodeRecord:
    if not isinstance(row, dict):
        raise Unusable("Sale", row)
    code = text(row, "TaxCode").strip() or key
    if not code:
        raise Unusable("TaxCode", row)
    rate = decimal(row.get("Rate"), "Rate")
    # A fraction by contract; above one it can only be a percentage already.
    percentage = rate * 100 if rate <= 1 else rate
    return TaxCodeRecord(code, text(row, "Name") or code, plain(percentage), truth(row.get("IsDefault", "")))


def plain(value: Decimal) -> Decimal:
    """The same number without trailing zeros or an exponent."""
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()


def invoice(row: Row, persona: Persona, *, complete: bool = True) -> RemoteInvoice:
    """An invoice from a full record, or from a list row with `complete` false (contract wefact 10.2, 10.3). Raises `Unusable`."""
    status = text(row, "Status").strip()
    net, gross = decimal(row.get("AmountExcl"), "AmountExcl"), decimal(row.get("AmountIncl"), "AmountIncl")
    vat = optional_decimal(row, "AmountTax")
    comment = text(row, "Comment")
    return RemoteInvoice(
        remote_id=identifier(row.get("Identifier")),
        number=text(row, "InvoiceCode"),
        state=STATES.get(status, "unknown"),
        status_code=status,
        customer_remote_id=_optional_identifier(row, "Debtor"),
        customer_number=text(row, "DebtorCode"),
        date=optional_date(row, "Date"),
        due_on=optional_date(row, "PayBefore"),
        net=net,
        vat=gross - net if vat is None else vat,
        gross=gross,
        open_amount=_open_amount(row, persona, status, gross, complete),
        times_sent=optional_integer(row, "Sent") or 0,
        blocked=text(row, "SubStatus").strip().upper() == "BLOCKED",
        email=text(row, "EmailAddress"),
        marker=comment.partition("\n")[0].rstrip("\r"),
        reference=text(row, "ReferenceNumber"),
        currency=text(row, "Currency").strip() or "EUR",
        lines=tuple(_remote_line(line) for line in collection(row.get("InvoiceLines"), "InvoiceLines")),
        modified=text(row, "Modified"),
        complete=complete,
    )


def _open_amount(row: Row, persona: Persona, status: str, gross: Decimal, complete: bool) -> Decimal | None:
    """What is still to be paid; None for a draft, where a 0 would read as paid (contract wefact 16), and when it cannot be told."""
    if status == "0":
        return None
    named = optional_decimal(row, persona.open_amount_field) if persona.open_amount_in_show or not complete else None
    if named is not None:
        return named
    paid = optional_decimal(row, "AmountPaid")
    return None if paid is None else gross - paid


def _remote_line(row: object) -> RemoteLine:
    if not isinstance(row, dict):
        raise Unusable("InvoiceLines", row)
    return RemoteLine(
        remote_id=_optional_identifier(row, "Identifier"),
        description=text(row, "Description"),
        quantity=optional_decimal(row, "Number"),
        unit_price=optional_decimal(row, "PriceExcl"),
        item_code=text(row, "ProductCode"),
        vat_code=text(row, "TaxCode"),
        vat_percentage=optional_decimal(row, "TaxPercentage"),
    )


def _optional_identifier(row: Row, field: str) -> str:
    value = row.get(field)
    return "" if value in (None, "", "0", 0) else identifier(value, field)


def _needed(row: Row, field: str) -> str:
    found = text(row, field).strip()
    if not found:
        raise Unusable(field, row.get(field))
    return found
