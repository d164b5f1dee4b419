"""Invoices: list, show, add, edit and their lines (contract wefact 10)."""

from __future__ import annotations

import copy
from datetime import date, timedelta

from sandbox.wefact.call import Answer, Call
from sandbox.wefact.debtors import check_email
from sandbox.wefact.invoice_views import SNAPSHOT, TABLE, as_object, debtor_of, find
from sandbox.wefact.lines import count, read_line, read_lines, untax
from sandbox.wefact.lists import list_records
from sandbox.wefact.records import DRAFT, SENT, STATUS_NAMES, Debtor, Invoice
from sandbox.wefact.values import Parameters, Refusal

DEFAULT_TERM = 30
_TEXTS = (
    *SNAPSHOT,
    "ReferenceNumber",
    "Description",
    "Comment",
    "InvoiceMethod",
    "Authorisation",
    "TransactionID",
    "ExtraClientContactId",
)


def list_(call: Call) -> Answer:
    return list_records(call, TABLE)


def show(call: Call) -> Answer:
    return {"invoice": as_object(call, find(call))}


def draft_code(call: Call, identifier: int) -> str:
    """The lowest free draft code whose digits are not the invoice's own Identifier (contract wefact 10.5)."""
    number = 1
    while number == identifier or call.books.invoices.by_code(f"[concept]{number:04d}") is not None:
        number += 1
    return f"[concept]{number:04d}"


def final_code(call: Call) -> str:
    """The next number of the year, such as `F2026-0042`."""
    while True:
        code = f"F{call.today[:4]}-{call.books.take_number('invoice'):04d}"
        if call.books.invoices.by_code(code) is None:
            return code


def register_sent(call: Call, invoice: Invoice) -> None:
    """Gives a draft its final number and status 2; the Identifier stays (contract wefact 10.5)."""
    if invoice.code.startswith("[concept]") or not invoice.code:
        invoice.code = final_code(call)
    invoice.status = SENT
    invoice.sent_date = call.today
    invoice.payment_url = f"https://betalen.zandbak.example/{invoice.identifier}"


def add(call: Call) -> Answer:
    """A draft, or with Status 2 a numbered invoice without a mail (contract wefact 10.4)."""
    given = call.parameters
    if given.text("Identifier"):
        raise Refusal("Een Identifier is niet toegestaan voor deze actie")
    debtor = debtor_of(call)
    status = int(given.choice("Status", tuple(str(known) for known in STATUS_NAMES)) or DRAFT)
    code = _own_code(call, status)
    rows = given.rows("InvoiceLines", json_text_allowed=not call.wefact)
    if not rows:
        raise Refusal("Er zijn geen factuurregels opgegeven")
    invoice = Invoice(0, code, debtor.identifier, debtor.code, created=call.stamp, modified=call.stamp)
    _take_snapshot(invoice, debtor)
    _read_head(call, invoice, debtor)
    invoice.lines = read_lines(call, rows, debtor)
    _recount(call, invoice, debtor)
    _place(call, invoice, status)
    _leave_traces(call, invoice, len(invoice.lines))
    call.books.invoices.save(invoice)
    answer: Answer = {"invoice": as_object(call, invoice)}
    sentence = "Conceptfactuur is aangemaakt" if status == DRAFT else f"Factuur {invoice.code} is aangemaakt"
    return {"success": [sentence]} | answer if call.wefact else answer


def _own_code(call: Call, status: int) -> str:
    code = (call.parameters.text("InvoiceCode") or "").strip()
    if code and status == DRAFT:
        raise Refusal("Een factuurnummer is niet toegestaan voor een conceptfactuur")
    if code and call.books.invoices.by_code(code) and call.switches.duplicate_invoice_code == "error":
        raise Refusal(f"Het factuurnummer {code} is al in gebruik")
    return code


def _place(call: Call, invoice: Invoice, status: int) -> None:
    invoice.identifier = call.books.invoices.take_identifier()
    if status == DRAFT:
        invoice.code = draft_code(call, invoice.identifier)
        return
    register_sent(call, invoice)
    invoice.status = status
    paid = call.parameters.decimal("AmountPaid")
    if paid is not None:
        invoice.amount_paid = paid
    invoice.sent = call.parameters.whole("Sent") or 0
    invoice.sent_date = call.parameters.date("SentDate") or invoice.sent_date


def _take_snapshot(invoice: Invoice, debtor: Debtor) -> None:
    """Name and address of the moment; an alternate invoice address of the debtor goes first."""
    for name in SNAPSHOT:
        value = debtor[f"Invoice{name}"] or debtor[name]
        if value:
            invoice.fields[name] = value
    invoice.fields.setdefault("Country", "NL")
    invoice.fields.setdefault("Sex", "m")
    for name in ("InvoiceMethod", "LanguageCode", "Currency"):
        if debtor[name]:
            invoice.fields[name] = debtor[name]
    invoice.taxable_setting = "auto"


def _read_head(call: Call, invoice: Invoice, debtor: Debtor) -> None:
    """The fields that were sent, on a new invoice or in an edit; what was not sent stays."""
    given = call.parameters
    texts = (*_TEXTS, "LanguageCode") if call.wefact else _TEXTS
    for name in texts:
        text = given.text(name)
        if text is not None:
            invoice.fields[name] = text
    check_email(invoice["EmailAddress"])
    given.choice("InvoiceMethod", ("0", "1", "3", "5"))
    _address_contact(call, invoice, debtor)
    invoice.date = given.date("Date") or invoice.date or call.today
    default_term = int(debtor["InvoiceTerm"] or -1)
    term = given.whole("Term")
    if term is not None:
        invoice.term = term
    elif not invoice.identifier:
        invoice.term = default_term if default_term >= 0 else DEFAULT_TERM
    invoice.pay_before = (date.fromisoformat(invoice.date) + timedelta(days=invoice.term)).isoformat()
    discount = given.decimal("Discount")
    invoice.discount = invoice.discount if discount is None else discount
    ignored = given.choice("IgnoreDiscount", ("0", "1", "yes", "no"))
    invoice.ignore_discount = invoice.ignore_discount if ignored is None else ignored in ("1", "yes")
    invoice.vat_calc_method = given.choice("VatCalcMethod", ("excl", "incl")) or invoice.vat_calc_method
    invoice.pay_date = given.date("PayDate") or invoice.pay_date
    if not call.wefact:
        invoice.taxable_setting = given.choice("TaxableSetting", ("auto", "yes", "no")) or invoice.taxable_setting
    invoice.custom_fields |= {name: str(value) for name, value in (given.array("CustomFields") or {}).items()}


def _address_contact(call: Call, invoice: Invoice, debtor: Debtor) -> None:
    wanted = call.parameters.text("ExtraClientContactId")
    if not call.wefact or not wanted or wanted == "0":
        return
    contact = next((contact for contact in debtor.contacts if contact["Identifier"] == wanted), None)
    if contact is None:
        raise Refusal(f"Contactpersoon {wanted} niet gevonden")
    if call.parameters.text("EmailAddress") is None and contact["EmailAddress"]:
        invoice.fields["EmailAddress"] = contact["EmailAddress"]


def _recount(call: Call, invoice: Invoice, debtor: Debtor | None) -> None:
    if debtor is not None:
        untax(call, invoice, debtor)
    count(invoice, call.switches.vat_rounding)


def _leave_traces(call: Call, invoice: Invoice, new_lines: int) -> None:
    """The side effects that nobody asked for: subscriptions and stock (contract wefact 16)."""
    wants_stock = call.wefact and (call.parameters.text("UseProductInventory") or "yes") == "yes"
    for line in invoice.lines[-new_lines:]:
        if line.periodic_type == "period":
            line.periodic_id = call.books.keep_subscription(invoice, line).identifier
        product = call.books.products.by_code(line.product_code) if line.product_code else None
        if product is not None and wants_stock:
            call.books.move_stock(product, line.number, invoice.identifier, call.now)


def edit(call: Call) -> Answer:
    """Changes only what was sent; lines stay when `InvoiceLines` is left out (contract wefact 10.6)."""
    invoice = copy.deepcopy(find(call))
    debtor = call.books.debtors.get(invoice.debtor)
    if invoice.status != DRAFT and call.switches.edit_sent == "error":
        raise Refusal(f"Factuur {invoice.code} kan niet bewerkt worden")
    numbers_now = _wants_number(call, invoice)
    _read_head(call, invoice, debtor or Debtor(invoice.debtor, invoice.debtor_code))
    rows = call.parameters.rows("InvoiceLines")
    if rows is not None:
        _edit_lines(call, invoice, debtor, rows)
    _recount(call, invoice, debtor)
    if numbers_now:
        register_sent(call, invoice)
    invoice.modified = call.stamp
    call.books.invoices.save(invoice)
    answer: Answer = {"invoice": as_object(call, invoice)}
    return {"success": [f"Factuur {invoice.code} is bewerkt"]} | answer if call.wefact else answer


def _wants_number(call: Call, invoice: Invoice) -> bool:
    status = call.parameters.choice("Status", tuple(str(known) for known in STATUS_NAMES))
    if status is None or int(status) == invoice.status:
        return False
    if status != "2" or invoice.status != DRAFT or call.switches.edit_status_2 == "error":
        raise Refusal("De status van de factuur kan niet bewerkt worden")
    return call.switches.edit_status_2 == "numbers"


def _edit_lines(call: Call, invoice: Invoice, debtor: Debtor | None, rows: list[Parameters]) -> None:
    rule = call.switches.wefact_edit_lines if call.wefact else "merge"
    owner = debtor or Debtor(invoice.debtor, invoice.debtor_code)
    if rule == "ignored":
        return
    if rule == "replace":
        invoice.lines = read_lines(call, rows, owner)
        return
    fresh = [row for row in rows if not row.text("Identifier")]
    for row in rows:
        identifier = row.text("Identifier")
        if identifier:
            position = _position(invoice, identifier)
            kept = invoice.lines[position]
            changed = read_line(call, _with_kept(call, row, kept), owner)
            changed.identifier, changed.periodic_id = kept.identifier, kept.periodic_id
            invoice.lines[position] = changed
    invoice.lines += read_lines(call, fresh, owner)


def _with_kept(call: Call, row: Parameters, line: object) -> Parameters:
    names = {
        "ProductCode": "product_code",
        "Description": "description",
        "NumberSuffix": "number_suffix",
        "Date": "date",
        "TaxCode": "tax_code",
        "PeriodicType": "periodic_type",
    }
    kept = {name: str(getattr(line, attribute)) for name, attribute in names.items()}
    numbers = {"Number": "number", "PriceExcl": "price_excl", "DiscountPercentage": "discount_percentage"}
    if not call.wefact:
        numbers["TaxPercentage"] = "tax_percentage"
    kept |= {name: format(getattr(line, attribute), "f") for name, attribute in numbers.items()}
    return Parameters(kept | row.values)


def _position(invoice: Invoice, identifier: str) -> int:
    for position, line in enumerate(invoice.lines):
        if str(line.identifier) == identifier:
            return position
    raise Refusal(f"Factuurregel {identifier} niet gevonden")


def line_add(call: Call) -> Answer:
    """Adds lines in any status and counts again (contract wefact 10.6)."""
    invoice = copy.deepcopy(find(call))
    debtor = call.books.debtors.get(invoice.debtor)
    rows = call.parameters.rows("InvoiceLines")
    if not rows:
        raise Refusal("Er zijn geen factuurregels opgegeven")
    invoice.lines += read_lines(call, rows, debtor or Debtor(invoice.debtor, invoice.debtor_code))
    _recount(call, invoice, debtor)
    _leave_traces(call, invoice, len(rows))
    return _saved(call, invoice, f"Er zijn {len(rows)} factuurregels toegevoegd")


def line_delete(call: Call) -> Answer:
    """Removes lines in any status; the last one cannot go (contract wefact 10.6)."""
    invoice = copy.deepcopy(find(call))
    rows = call.parameters.rows("InvoiceLines")
    if not rows:
        raise Refusal("Er zijn geen factuurregels opgegeven")
    gone = {invoice.lines[_position(invoice, row.text("Identifier") or "")].identifier for row in rows}
    if len(gone) >= len(invoice.lines):
        raise Refusal("De laatste factuurregel kan niet verwijderd worden")
    invoice.lines = [line for line in invoice.lines if line.identifier not in gone]
    _recount(call, invoice, None)
    return _saved(call, invoice, f"Er zijn {len(gone)} factuurregels verwijderd")


def line_sort(call: Call) -> Answer:
    """Puts the lines in the order sent, all of them (WeFact)."""
    invoice = copy.deepcopy(find(call))
    rows = call.parameters.rows("InvoiceLines") or []
    order = [_position(invoice, row.text("Identifier") or "") for row in rows]
    if sorted(order) != list(range(len(invoice.lines))):
        raise Refusal("Geef alle factuurregels op")
    invoice.lines = [invoice.lines[position] for position in order]
    return _saved(call, invoice, "De factuurregels zijn gesorteerd")


def _saved(call: Call, invoice: Invoice, sentence: str) -> Answer:
    invoice.modified = call.stamp
    call.books.invoices.save(invoice)
    return {"success": [sentence], "invoice": as_object(call, invoice)}
