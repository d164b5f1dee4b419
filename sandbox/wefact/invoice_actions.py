"""What may happen to an invoice: mail, pay, credit, delete, block, schedule, download, attach (contract wefact 10.6)."""

from __future__ import annotations

import base64
import binascii
import copy
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sandbox.wefact import documents
from sandbox.wefact.call import Answer, Call
from sandbox.wefact.invoice_views import as_object, find
from sandbox.wefact.invoices import final_code, register_sent
from sandbox.wefact.lines import count
from sandbox.wefact.records import CREDIT, DRAFT, EXPIRED, PAID, PARTLY_PAID, SENT, Attachment, Invoice, PendingCall
from sandbox.wefact.values import Refusal, is_stamp

PAYMENT_METHODS = ("wire", "cash", "card", "auth", "accounting", "various", "paypal", "ideal", "qrcode", "other")


def _changed(call: Call, invoice: Invoice, *sentences: str, moves: bool = True) -> Answer:
    if moves:
        invoice.modified = call.stamp
    call.books.invoices.save(invoice)
    return {"success": list(sentences), "invoice": as_object(call, invoice)}


def send_by_email(call: Call) -> Answer:
    """Numbers a draft, mails it and sets status 2; on a sent invoice it mails again."""
    invoice = copy.deepcopy(find(call))
    if invoice.sub_status == "BLOCKED":
        raise Refusal(f"Factuur {invoice.code} is geblokkeerd en kan niet verzonden worden")
    if not invoice["EmailAddress"]:
        raise Refusal(f"Factuur {invoice.code} heeft geen e-mailadres")
    if invoice.status == DRAFT:
        register_sent(call, invoice)
    _forget_schedule(call, invoice)
    invoice.sent += 1
    invoice.sent_date = call.today
    call.books.keep_mail(invoice, "invoice", call.now)
    sentence = f"Factuur {invoice.code} is per e-mail verzonden naar {invoice['EmailAddress']}"
    return {"warning": []} | _changed(call, invoice, sentence)


def _remind(kind: str, word: str) -> Callable[[Call], Answer]:
    def send(call: Call) -> Answer:
        invoice = copy.deepcopy(find(call))
        if invoice.status not in (SENT, PARTLY_PAID):
            raise Refusal(f"Voor factuur {invoice.code} kan geen {word} verzonden worden")
        if not invoice["EmailAddress"]:
            raise Refusal(f"Factuur {invoice.code} heeft geen e-mailadres")
        if kind == "reminder":
            invoice.reminders, invoice.reminder_date = invoice.reminders + 1, call.today
        else:
            invoice.summations, invoice.summation_date = invoice.summations + 1, call.today
        call.books.keep_mail(invoice, kind, call.now)
        sentence = f"De {word} voor factuur {invoice.code} is per e-mail verzonden naar {invoice['EmailAddress']}"
        return _changed(call, invoice, sentence)

    return send


send_reminder = _remind("reminder", "herinnering")
send_summation = _remind("summation", "aanmaning")


def _payable(call: Call) -> Invoice:
    invoice = copy.deepcopy(find(call))
    if invoice.status not in (SENT, PARTLY_PAID):
        raise Refusal(f"Voor factuur {invoice.code} kan geen betaling verwerkt worden")
    return invoice


def _note_payment(call: Call, invoice: Invoice) -> None:
    invoice.pay_date = call.parameters.date("PayDate") or call.today
    invoice.payment_method = call.parameters.choice("PaymentMethod", PAYMENT_METHODS) or "wire"


def mark_as_paid(call: Call) -> Answer:
    invoice = _payable(call)
    _note_payment(call, invoice)
    invoice.status, invoice.amount_paid = PAID, invoice.amount_incl
    moves = call.switches.modified_moves_on_payment
    return _changed(call, invoice, f"Factuur {invoice.code} is betaald.", moves=moves)


def part_payment(call: Call) -> Answer:
    """Books a part; when it clears the open amount the invoice is paid."""
    invoice = _payable(call)
    amount = call.parameters.decimal("AmountPaid")
    if amount is None or amount == 0:
        raise Refusal("Het betaalde bedrag is niet juist ingevuld")
    _note_payment(call, invoice)
    invoice.amount_paid += amount
    invoice.status = PAID if invoice.amount_paid >= invoice.amount_incl else PARTLY_PAID
    moves = call.switches.modified_moves_on_payment
    return _changed(call, invoice, f"Deelbetaling bij factuur {invoice.code} is verwerkt", moves=moves)


def mark_as_unpaid(call: Call) -> Answer:
    invoice = copy.deepcopy(find(call))
    if invoice.status not in (PARTLY_PAID, PAID):
        raise Refusal(f"Factuur {invoice.code} is niet betaald")
    invoice.status, invoice.amount_paid = SENT, Decimal(0)
    invoice.pay_date = invoice.payment_method = ""
    moves = call.switches.modified_moves_on_payment
    return _changed(call, invoice, f"Betaling van factuur {invoice.code} is teruggedraaid", moves=moves)


def credit(call: Call) -> Answer:
    """A new negative invoice (8); the original gets 9, even when it was paid. Returns the new one."""
    original = copy.deepcopy(find(call))
    if original.status not in (SENT, PARTLY_PAID, PAID):
        raise Refusal(f"Factuur {original.code} kan niet gecrediteerd worden")
    negative = copy.deepcopy(original)
    negative.identifier, negative.code = call.books.invoices.take_identifier(), final_code(call)
    negative.status, negative.sub_status, negative.amount_paid = CREDIT, "", Decimal(0)
    negative.date, negative.created, negative.sent, negative.attachments = call.today, call.stamp, 0, []
    negative.sent_date = negative.pay_date = negative.payment_method = negative.payment_url = ""
    negative.pay_before = negative.date
    for line in negative.lines:
        line.identifier, line.number, line.periodic_id = call.books.take_number("line"), -line.number, 0
    count(negative, call.switches.vat_rounding)
    original.status, original.modified = EXPIRED, call.stamp
    call.books.invoices.save(original)
    if call.wefact:
        sentences = f"Creditfactuur {negative.code} is aangemaakt", f"Factuur {original.code} is gecrediteerd."
    else:
        sentences = (
            f"Factuur {original.code} is gecrediteerd en op status 'vervallen' gezet",
            f"Factuur {negative.code} is succesvol aangemaakt",
        )
    return _changed(call, negative, *sentences)


def delete(call: Call) -> Answer:
    """Drafts only; the draft code is free for another invoice."""
    invoice = find(call)
    if invoice.status != DRAFT:
        raise Refusal("Factuur kan niet verwijderd worden")
    _forget_schedule(call, invoice)
    call.books.invoices.remove(invoice)
    return {"success": [f"Factuur {invoice.code} is verwijderd"]}


def _draft(call: Call) -> Invoice:
    invoice = copy.deepcopy(find(call))
    if invoice.status != DRAFT:
        raise Refusal(f"Factuur {invoice.code} is geen conceptfactuur")
    return invoice


def block(call: Call) -> Answer:
    invoice = _draft(call)
    invoice.sub_status = "BLOCKED"
    return _changed(call, invoice, f"Factuur {invoice.code} is geblokkeerd")


def unblock(call: Call) -> Answer:
    invoice = _draft(call)
    invoice.sub_status = ""
    return _changed(call, invoice, f"Factuur {invoice.code} is gedeblokkeerd")


def schedule(call: Call) -> Answer:
    """Mails a draft later, by the books' clock; `ScheduledAt` is local."""
    invoice = _draft(call)
    at = call.parameters.text("ScheduledAt") or ""
    if not is_stamp(at) or at <= call.stamp:
        raise Refusal("Ongeldige datum voor ScheduledAt")
    _forget_schedule(call, invoice)
    due = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(call.books.zone)).astimezone(call.now.tzinfo)
    identifier = call.books.pending.take_identifier()
    call.books.pending.save(
        PendingCall(
            identifier,
            f"schedule-{invoice.identifier}",
            due.isoformat(),
            due.isoformat(),
            "invoice",
            "sendbyemail",
            {"Identifier": str(invoice.identifier)},
        )
    )
    invoice.scheduled_at = at
    return _changed(call, invoice, f"Factuur {invoice.code} wordt verzonden op {at}")


def cancel_schedule(call: Call) -> Answer:
    invoice = _draft(call)
    _forget_schedule(call, invoice)
    return _changed(call, invoice, f"Het verzenden van factuur {invoice.code} is geannuleerd")


def _forget_schedule(call: Call, invoice: Invoice) -> None:
    waiting = call.books.pending.by_code(f"schedule-{invoice.identifier}")
    if waiting is not None:
        call.books.pending.remove(waiting)
    invoice.scheduled_at = ""


def pause_process(call: Call) -> Answer:
    invoice = _payable(call)
    invoice.sub_status = "PAUSED"
    invoice.paused_end_date = call.parameters.date("PaymentPausedEndDate") or ""
    invoice.paused_reason = call.parameters.text("PaymentPausedReason") or ""
    return _changed(call, invoice, f"Betalingstraject voor factuur {invoice.code} is gepauzeerd")


def reactivate_process(call: Call) -> Answer:
    invoice = _payable(call)
    invoice.sub_status, invoice.paused_end_date, invoice.paused_reason = "", "", ""
    return _changed(call, invoice, f"Betalingstraject voor factuur {invoice.code} is geactiveerd")


def download(call: Call) -> Answer:
    """The file in base64, in any status; `MimeType` on WeFact only."""
    invoice = find(call)
    kind = call.parameters.choice("FileType", ("pdf", "ubl", "ublwithpdf")) if call.wefact else None
    call.parameters.choice("InvoiceTemplateType", ("invoice", "workorder", "confirmation", "deliveryorder", "packageorder"))
    if kind in ("ubl", "ublwithpdf"):
        name, content, mime = f"{invoice.code}.xml", documents.ubl(invoice), "application/xml"
    else:
        name, content, mime = f"{invoice.code}.pdf", documents.pdf(invoice, call.switches.pdf), "application/pdf"
    if call.switches.nasty_filename:
        name = "../../etc/" + name
    encoded = base64.b64encode(content).decode("ascii")
    if call.switches.pdf == "bad_base64":
        encoded = "%%%" + encoded[3:]
    file = {"Filename": name, "Base64": encoded}
    return {"invoice": file | {"MimeType": mime} if call.wefact else file}


def _with_attachment(call: Call) -> Invoice:
    if call.parameters.text("Type") != "invoice":
        raise Refusal("Ongeldige waarde voor Type")
    identifier, code = call.parameters.text("ReferenceIdentifier") or "", call.parameters.text("InvoiceCode") or ""
    invoice = call.books.invoices.get(int(identifier)) if identifier.isdigit() else None
    if not identifier and code:
        invoice = call.books.invoices.by_code(code)
    if invoice is None:
        raise Refusal(call.persona.not_found("factuur", identifier or code))
    return copy.deepcopy(invoice)


def attachment_add(call: Call) -> Answer:
    invoice = _with_attachment(call)
    name, content = call.parameters.text("Filename") or "", call.parameters.text("Base64") or ""
    try:
        size = len(base64.b64decode(content, validate=True))
    except binascii.Error:
        size = 0
    if not name or not size:
        raise Refusal("Het bestand is niet juist opgegeven")
    invoice.attachments.append(Attachment(call.books.take_number("attachment"), name, content))
    call.books.invoices.save(invoice)
    return {"success": [f"Het bestand '{name}' is toegevoegd als bijlage bij de factuur"]}


def _attachment(call: Call) -> tuple[Invoice, Attachment]:
    wanted = call.parameters.text("Identifier") or ""
    for invoice in call.books.invoices:
        for attachment in invoice.attachments:
            if str(attachment.identifier) == wanted:
                return invoice, attachment
    raise Refusal(call.persona.not_found("bijlage", wanted))


def attachment_delete(call: Call) -> Answer:
    found, attachment = _attachment(call)
    invoice = copy.deepcopy(found)
    invoice.attachments = [kept for kept in invoice.attachments if kept.identifier != attachment.identifier]
    call.books.invoices.save(invoice)
    return {"success": [f"Het bestand '{attachment.filename}' is verwijderd"]}


def attachment_download(call: Call) -> Answer:
    """A positional file record under `success`; WeFact puts id and type around it (contract wefact 10.6)."""
    _, attachment = _attachment(call)
    record = [attachment.filename, attachment.content]
    mime = "application/pdf" if attachment.filename.lower().endswith(".pdf") else "application/octet-stream"
    return {"success": [str(attachment.identifier), *record, mime] if call.wefact else record}
