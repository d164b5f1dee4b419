"""The door for people and end-to-end tests: the control page, `/state.json`, `/switches` and `/bookkeeper`."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict
from decimal import Decimal
from email.message import Message
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from sandbox.wefact import invoice_actions, pages
from sandbox.wefact.call import Call
from sandbox.wefact.faults import UnknownFault
from sandbox.wefact.lines import count
from sandbox.wefact.office import HTML_TYPE, JSON_TYPE, Reply
from sandbox.wefact.records import Invoice
from sandbox.wefact.switches import FIELDS, UnknownSwitch
from sandbox.wefact.values import Parameters, Refusal

if TYPE_CHECKING:
    from sandbox.wefact.server import Sandbox

PAGES = ("/", "/state.json")
POSTS = ("/switches", "/bookkeeper")
MOST_RECORDS = 1000
_BOOKKEEPING = {
    "pay": invoice_actions.mark_as_paid,
    "part_pay": invoice_actions.part_payment,
    "unpay": invoice_actions.mark_as_unpaid,
    "credit": invoice_actions.credit,
    "delete": invoice_actions.delete,
    "send": invoice_actions.send_by_email,
    "block": invoice_actions.block,
    "unblock": invoice_actions.unblock,
}
Headers = Message


def _is_stranger(headers: Headers, sandbox: Sandbox) -> bool:
    """Whether a page of another site asks: the control pages are for this machine's own eyes."""
    hosts = {f"127.0.0.1:{sandbox.port}", f"localhost:{sandbox.port}"}
    origin = headers.get("Origin")
    return headers.get("Host", "") not in hosts or (origin is not None and origin.removeprefix("http://") not in hosts)


def get(sandbox: Sandbox, address: str, headers: Headers) -> Reply:
    path, _, query = address.partition("?")
    if _is_stranger(headers, sandbox):
        return Reply(403, b"Only from this machine.", {"Content-Type": "text/plain"})
    with sandbox.books.lock:
        if path == "/state.json":
            return _json(200, state(sandbox))
        message = parse_qs(query).get("message", [""])[-1]
        return Reply(200, pages.overview(sandbox, message).encode(), {"Content-Type": HTML_TYPE, "Cache-Control": "no-store"})


def post(sandbox: Sandbox, path: str, headers: Headers, body: bytes) -> Reply:
    """Takes JSON and answers JSON, or takes a form and goes back to the page."""
    if _is_stranger(headers, sandbox):
        return Reply(403, b"Only from this machine.", {"Content-Type": "text/plain"})
    is_json = headers.get("Content-Type", "").startswith("application/json")
    try:
        wishes = json.loads(body or b"{}") if is_json else _from_form(path, body)
        with sandbox.books.lock:
            _turn(sandbox, wishes) if path == "/switches" else _keep_books(sandbox, wishes)
            sandbox.office.save()
    except (UnknownSwitch, UnknownFault, Refusal, ValueError, TypeError, AttributeError) as error:
        return _json(400, {"error": str(error)}) if is_json else _back(str(error))
    if not is_json:
        return _back("")
    faults = [asdict(fault) for fault in sandbox.switches.faults.waiting]
    return _json(200, {"switches": sandbox.switches.as_dict(), "faults": faults, "clock": sandbox.clock.now().isoformat()})


def _back(message: str) -> Reply:
    return Reply(303, b"", {"Location": "/" + (f"?message={quote(message)}" if message else ""), "Content-Type": HTML_TYPE})


def _json(http_status: int, content: Any) -> Reply:
    return Reply(http_status, json.dumps(content, default=_plain).encode(), {"Content-Type": JSON_TYPE})


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be shown")


def state(sandbox: Sandbox) -> dict[str, Any]:
    """Everything in the books, the first 1000 debtors and the last 1000 of what grows."""
    books = sandbox.books
    grown: dict[str, list[Any]] = {"invoices": list(books.invoices), "mails": books.mails, "subscriptions": books.subscriptions}
    grown |= {"stock": books.stock, "journal": books.journal, "pending": list(books.pending)}
    return {
        "persona": sandbox.persona.name,
        "url": sandbox.url,
        "clock": sandbox.clock.now().isoformat(),
        "counts": {"debtors": len(books.debtors), **{name: len(kept) for name, kept in grown.items()}},
        "debtors": [asdict(debtor) for debtor in list(books.debtors)[:MOST_RECORDS]],
        "products": [asdict(product) for product in books.products],
        "groups": [asdict(group) for group in books.groups],
        **{name: [asdict(record) for record in kept[-MOST_RECORDS:]] for name, kept in grown.items()},
        "switches": sandbox.switches.as_dict(),
        "faults": [asdict(fault) for fault in sandbox.switches.faults.waiting],
    }


def _from_form(path: str, body: bytes) -> dict[str, Any]:
    form = {name: values[-1] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
    if path == "/bookkeeper":
        return form
    if "fail_kind" in form:
        fault: dict[str, Any] = {"action": form.get("fail_action") or "*", "kind": form["fail_kind"]}
        fault["after"] = int(form.get("fail_after") or 0)
        if form.get("fail_seconds"):
            fault["seconds"] = float(form["fail_seconds"])
        return {"fail": [fault]}
    if "advance_seconds" in form:
        return {"clock": {"advance_seconds": float(form["advance_seconds"] or 0)}}
    if "reset" in form:
        return {"reset": True}
    booleans = {name: name in form for name, known in FIELDS.items() if isinstance(known.default, bool)}
    return {"set": {name: value for name, value in form.items() if name in FIELDS} | booleans}


def _turn(sandbox: Sandbox, wishes: dict[str, Any]) -> None:
    """Carries out `reset`, `set`, `fail` and `clock`, in this order."""
    if wishes.get("reset"):
        sandbox.switches.reset()
        sandbox.gate.budget.banned_until.clear()
        sandbox.gate.budget.counts.clear()
    for name, value in wishes.get("set", {}).items():
        sandbox.switches.set(name, value)
    for fault in wishes.get("fail", []):
        options = dict(fault)
        action, kind, after = options.pop("action", "*"), options.pop("kind", ""), int(options.pop("after", 0))
        sandbox.switches.fail(action, kind, after, **options)
    seconds = wishes.get("clock", {}).get("advance_seconds")
    if seconds is not None:
        sandbox.clock.advance(float(seconds))
        sandbox.books.settle()


def _keep_books(sandbox: Sandbox, wishes: dict[str, Any]) -> None:
    """What a bookkeeper does in the screens of the real product; `do` says what, `invoice` or `debtor` to which."""
    wish = str(wishes.get("do", ""))
    if wish == "remove_debtor":
        debtor = sandbox.books.debtors.get(int(wishes.get("debtor", 0)))
        if debtor is None:
            raise Refusal("There is no such debtor.")
        sandbox.books.debtors.remove(debtor)
        return
    values = {"Identifier": str(wishes.get("invoice", ""))}
    if wish == "part_pay":
        values["AmountPaid"] = str(wishes.get("amount", ""))
    call = Call(sandbox.books, sandbox.switches, sandbox.persona, "invoice", wish, Parameters(values), sandbox.clock.now())
    if wish == "edit":
        _edit(call, wishes)
    elif wish in _BOOKKEEPING:
        _BOOKKEEPING[wish](call)
    else:
        raise Refusal(f"A bookkeeper cannot do {wish!r}; choose edit, remove_debtor, {', '.join(_BOOKKEEPING)}.")


def _edit(call: Call, wishes: dict[str, Any]) -> None:
    """Changes the reference, or quantity, price or text of the first line, in any status, as a person may."""
    found = call.books.invoices.get(int(call.parameters.values["Identifier"] or 0))
    if found is None:
        raise Refusal("There is no such invoice.")
    invoice: Invoice = copy.deepcopy(found)
    given = Parameters({name: str(value) for name, value in wishes.items()})
    line = invoice.lines[0]
    line.number = given.decimal("number") or line.number
    line.price_excl = given.decimal("price_excl") or line.price_excl
    line.description = given.text("description") or line.description
    if "reference" in wishes:
        invoice.fields["ReferenceNumber"] = str(wishes["reference"])
    if "comment" in wishes:
        invoice.fields["Comment"] = str(wishes["comment"])
    count(invoice, call.switches.vat_rounding)
    invoice.modified = call.stamp
    call.books.invoices.save(invoice)
