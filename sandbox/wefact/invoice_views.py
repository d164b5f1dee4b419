"""What an invoice looks like on the wire: list rows, the full record, lines (contract wefact 10.2 and 10.3)."""

from __future__ import annotations

from typing import Any

from sandbox.wefact.call import Call
from sandbox.wefact.debtors import by_code
from sandbox.wefact.lists import Table
from sandbox.wefact.records import DRAFT, STATUS_NAMES, Invoice, Line
from sandbox.wefact.values import Refusal, money, number, unpadded

SNAPSHOT = (
    "CompanyName",
    "TaxNumber",
    "Sex",
    "Initials",
    "SurName",
    "Address",
    "ZipCode",
    "City",
    "Country",
    "EmailAddress",
)
_TEXT_COLUMNS = frozenset({"CompanyName", "Initials", "SurName", "ReferenceNumber", "Comment", "Description"})
_SEARCHABLE = frozenset({"InvoiceCode", "DebtorCode", "Debtor", "CompanyName", "SurName", "EmailAddress", "Date"})
_SORTABLE = _SEARCHABLE | {"Initials", "AmountExcl", "AmountIncl", "PayBefore", "Status", "SentDate", "Modified"}


def column(invoice: Invoice, name: str) -> Any:
    """A column of the invoice table for searching and sorting, None when there is no such column."""
    if name in _TEXT_COLUMNS or name in SNAPSHOT:
        return invoice[name]
    columns = {
        "Identifier": str(invoice.identifier),
        "InvoiceCode": invoice.code,
        "Debtor": str(invoice.debtor),
        "DebtorCode": invoice.debtor_code,
        "Date": invoice.date,
        "PayBefore": invoice.pay_before,
        "PayDate": invoice.pay_date,
        "Status": str(invoice.status),
        "SentDate": invoice.sent_date,
        "AmountExcl": invoice.amount_excl,
        "AmountIncl": invoice.amount_incl,
        "Created": invoice.created,
        "Modified": invoice.modified,
    }
    return columns.get(name)


def _with_status(call: Call) -> Any:
    asked = call.parameters.text("status")
    if not asked:
        return None
    wanted = set(asked.split("|"))
    return lambda invoice: str(invoice.status) in wanted


def row(call: Call, invoice: Invoice) -> dict[str, Any]:
    """A list row: no ReferenceNumber, no lines."""
    base = {
        "Identifier": str(invoice.identifier),
        "InvoiceCode": invoice.code,
        "Debtor": str(invoice.debtor),
        "DebtorCode": invoice.debtor_code,
        "CompanyName": invoice["CompanyName"],
        "Initials": invoice["Initials"],
        "SurName": invoice["SurName"],
        "AmountExcl": money(invoice.amount_excl),
        "AmountIncl": money(invoice.amount_incl),
        "Date": invoice.date,
        "Status": str(invoice.status),
        "SubStatus": invoice.sub_status,
    }
    if call.wefact:
        base |= {
            "AmountPaid": money(invoice.amount_paid),
            "AmountOutstanding": money(invoice.amount_outstanding),
            "Currency": invoice["Currency"] or "EUR",
            "PayBefore": invoice.pay_before,
            **_sending(invoice),
        }
    else:
        open_amount: Any = 0 if invoice.status == DRAFT else money(invoice.amount_outstanding)
        base |= {"AmountOpen": open_amount, "Authorisation": invoice["Authorisation"] or "no"}
    return base | {"Modified": invoice.modified}


def _sending(invoice: Invoice) -> dict[str, str]:
    return {
        "Sent": str(invoice.sent),
        "SentDate": invoice.sent_date,
        "Reminders": str(invoice.reminders),
        "ReminderDate": invoice.reminder_date,
        "Summations": str(invoice.summations),
        "SummationDate": invoice.summation_date,
    }


TABLE = Table(
    rows_key="invoices",
    sort="InvoiceCode",
    order="DESC",
    searchat=("InvoiceCode", "CompanyName", "SurName"),
    searchable=_SEARCHABLE,
    sortable=_SORTABLE,
    ranges=("created", "modified", "date", "paybefore", "paydate"),
    shelf=lambda call: call.books.invoices,
    column=column,
    row=row,
    exact=frozenset({"Debtor"}),
    keep=_with_status,
    extra_filters=("status",),
)


def line_object(call: Call, line: Line) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "Identifier": line.identifier,
        "Date": line.date,
        "Number": unpadded(line.number),
        "NumberSuffix": line.number_suffix,
        "ProductCode": line.product_code,
        "Description": line.description,
        "PriceExcl": unpadded(line.price_excl),
        "DiscountPercentage": number(line.discount_percentage),
        "DiscountPercentageType": line.discount_type,
        "TaxPercentage": number(line.tax_percentage),
        "PeriodicID": str(line.periodic_id),
        "Periods": line.periods,
        "Periodic": line.periodic if line.periodic_type == "period" else "",
        call.persona.start_field: line.start,
        call.persona.end_field: line.end,
        "NoDiscountAmountIncl": number(line.no_discount_incl),
        "NoDiscountAmountExcl": number(line.no_discount_excl),
        "DiscountAmountIncl": number(line.discount_incl),
        "DiscountAmountExcl": number(line.discount_excl),
    }
    if call.wefact:
        return shown | {"TaxCode": line.tax_code}
    return shown | {"ProductType": line.product_type, "Reference": line.reference}


def as_object(call: Call, invoice: Invoice) -> dict[str, Any]:
    """The full record of `invoice/show`."""
    shown: dict[str, Any] = {
        "Identifier": str(invoice.identifier),
        "InvoiceCode": invoice.code,
        "Debtor": str(invoice.debtor),
        "DebtorCode": invoice.debtor_code,
        "Status": str(invoice.status),
        "SubStatus": invoice.sub_status,
        "Date": invoice.date,
        "Term": str(invoice.term),
        "PayBefore": invoice.pay_before,
        "PaymentURL": invoice.payment_url,
        "AmountExcl": money(invoice.amount_excl),
        "AmountTax": money(invoice.amount_tax),
        "AmountIncl": money(invoice.amount_incl),
        "AmountPaid": money(invoice.amount_paid),
        "Discount": number(invoice.discount),
        "VatCalcMethod": invoice.vat_calc_method,
        "IgnoreDiscount": "yes" if invoice.ignore_discount else "no",
        "ReferenceNumber": invoice["ReferenceNumber"],
        **{name: invoice[name] for name in SNAPSHOT},
        "ExtraClientContactId": invoice["ExtraClientContactId"] or "0",
        "InvoiceMethod": invoice["InvoiceMethod"] or "0",
        **_sending(invoice),
        "Authorisation": invoice["Authorisation"] or "no",
        "PaymentMethod": invoice.payment_method,
        "PayDate": invoice.pay_date,
        "TransactionID": invoice["TransactionID"],
        "Description": invoice["Description"],
        "Comment": invoice["Comment"],
        "InvoiceLines": [line_object(call, line) for line in invoice.lines],
        "UsedTaxrates": _rates(invoice),
        "CustomFields": dict(invoice.custom_fields) or [],
        "VatShift": "yes" if _is_shifted(call, invoice) else "no",
        "PaymentPausedEndDate": invoice.paused_end_date,
        "PaymentPausedReason": invoice.paused_reason,
    }
    if invoice.attachments:
        shown["Attachments"] = [{"Identifier": str(a.identifier), "Filename": a.filename} for a in invoice.attachments]
    shown |= _of_wefact(invoice) if call.wefact else _of_hostfact(invoice)
    shown |= {"Created": invoice.created, "Modified": invoice.modified}
    return shown | {"Translations": {"Status": STATUS_NAMES[invoice.status]}}


def _rates(invoice: Invoice) -> Any:
    names = ("AmountExcl", "AmountTax", "AmountIncl")
    return {
        key: {name: number(amount) for name, amount in zip(names, amounts, strict=True)} for key, amounts in invoice.used_rates.items()
    } or []


def _is_shifted(call: Call, invoice: Invoice) -> bool:
    codes = {line.tax_code for line in invoice.lines}
    return any("verlegd" in str(call.books.tax_codes[code]["Name"]) for code in codes if code in call.books.tax_codes)


def _of_wefact(invoice: Invoice) -> dict[str, Any]:
    return {
        "AmountOutstanding": money(invoice.amount_outstanding),
        "LanguageCode": invoice["LanguageCode"] or "nl_nl",
        "Currency": invoice["Currency"] or "EUR",
    }


def _of_hostfact(invoice: Invoice) -> dict[str, Any]:
    return {
        "TaxRate": 0,
        "AmountDiscount": number(invoice.amount_discount),
        "Template": "1",
        "ReminderTemplate": "-1",
        "Coupon": "",
        "TaxableSetting": invoice.taxable_setting,
    }


def find(call: Call) -> Invoice:
    """The invoice named by Identifier or InvoiceCode, a literal draft code included; refuses when there is none.

    An Identifier is read as PHP reads a number, so the digits of a draft code find somebody else's invoice
    (contract wefact 10.3).
    """
    identifier, code = call.parameters.text("Identifier") or "", call.parameters.text("InvoiceCode") or ""
    invoice = None
    if identifier:
        invoice = call.books.invoices.get(int(identifier)) if identifier.isdigit() else None
    elif code:
        invoice = call.books.invoices.by_code(code)
    if invoice is None:
        raise Refusal(call.persona.not_found("factuur", identifier or code))
    return invoice


def debtor_of(call: Call) -> Any:
    """The debtor that `invoice/add` names by Debtor or DebtorCode; refuses when there is none."""
    identifier, code = call.parameters.text("Debtor") or "", call.parameters.text("DebtorCode") or ""
    debtor = call.books.debtors.get(int(identifier)) if identifier.isdigit() else None
    if not identifier and code:
        debtor = by_code(call, code)
    if debtor is None:
        raise Refusal("Klant niet gevonden." if call.wefact else call.persona.not_found("debiteur", identifier or code))
    return debtor
