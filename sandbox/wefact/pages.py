"""The control page: what stands in the books, and the levers to make things go wrong."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sandbox.wefact.actions import ROUTES
from sandbox.wefact.faults import KINDS
from sandbox.wefact.records import CREDIT, DRAFT, EXPIRED, PAID, PARTLY_PAID, SENT, Invoice, JournalEntry
from sandbox.wefact.switches import FIELDS, for_persona
from sandbox.wefact.values import money, unpadded

if TYPE_CHECKING:
    from sandbox.wefact.server import Sandbox

_SHOWN = 50
_STATUS = {
    DRAFT: "draft",
    SENT: "sent",
    PARTLY_PAID: "partly paid",
    PAID: "paid",
    CREDIT: "credit invoice",
    EXPIRED: "expired",
}
STYLE = """
:root{--ink:#1f2933;--soft:#66788a;--line:#dde3ea;--paper:#fff;--ground:#f4f6f8;--mark:#b54708;--go:#175cd3}
*{box-sizing:border-box}body{margin:0;font:14px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground)}
.banner{background:#fef0c7;color:#7a2e0e;padding:.5rem 1.5rem;border-bottom:1px solid #fedf89;font-weight:600}
header{padding:1.25rem 1.5rem .25rem}h1{font-size:1.4rem;margin:0}h2{font-size:1rem;margin:0 0 .6rem}
header p{margin:.2rem 0;color:var(--soft)}code{font-size:.92em;background:#eef1f4;padding:.1em .35em;border-radius:4px}
main{display:grid;grid-template-columns:minmax(0,2fr) minmax(320px,1fr);gap:1rem;padding:1rem 1.5rem 3rem}
@media(max-width:1000px){main{grid-template-columns:1fr}}
section{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:1rem;margin-bottom:1rem;overflow-x:auto}
table{border-collapse:collapse;width:100%}th{font-weight:600;color:var(--soft);text-align:left;font-size:12px}
td,th{padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}tr:last-child td{border-bottom:0}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.soft{color:var(--soft)}.bad{color:#b42318}
.pill{display:inline-block;border-radius:99px;padding:0 .6em;font-size:12px;background:#eef1f4;white-space:nowrap}
.s2,.s3{background:#d1e9ff}.s4{background:#d1fadf}.s8,.s9{background:#fee4e2}
button{font:inherit;font-size:12px;border:1px solid var(--line);background:#fff;border-radius:6px;padding:.1rem .55rem;cursor:pointer}
button:hover{border-color:var(--go);color:var(--go)}button.main{background:var(--go);border-color:var(--go);color:#fff}
form.inline{display:inline}input,select{font:inherit;font-size:13px;padding:.15rem .35rem;border:1px solid var(--line);border-radius:6px}
label{display:flex;justify-content:space-between;gap:.75rem;align-items:center;padding:.25rem 0;border-bottom:1px solid var(--line)}
label small{display:block;color:var(--soft);line-height:1.3}label.off{background:#fffaeb}label input:not([type=checkbox]){width:8.5rem}
.message{background:#fee4e2;margin:0 1.5rem;padding:.5rem 1rem;border-radius:8px}summary{cursor:pointer;font-weight:600}
"""


def overview(sandbox: Sandbox, message: str = "") -> str:
    """The whole page; everything that came from outside is escaped."""
    refusal = f'<p class="message">{escape(message)}</p>' if message else ""
    title = f"{sandbox.persona.title} sandbox"
    now = sandbox.clock.now().astimezone(ZoneInfo(sandbox.books.zone)).strftime("%Y-%m-%d %H:%M:%S")
    left = _invoices(sandbox) + _mails(sandbox) + _debtors(sandbox) + _products(sandbox) + _journal(sandbox)
    right = _faults(sandbox) + _clock(now) + _switches(sandbox)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style></head><body>'
        '<div class="banner">SANDBOX - nothing here is real</div>'
        f"<header><h1>{title}</h1><p>API <code>{escape(sandbox.url)}</code> "
        f"key <code>{escape(sandbox.api_key)}</code> "
        f'<a href="/state.json">state.json</a></p></header>{refusal}'
        f"<main><div>{left}</div><div>{right}</div></main></body></html>"
    )


def _table(heads: tuple[str, ...], rows: list[str], nothing: str) -> str:
    if not rows:
        return f'<p class="soft">{nothing}</p>'
    return f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{''.join(rows)}</table>"


def _cells(*values: Any) -> str:
    return "".join(f"<td>{escape(str(value))}</td>" for value in values)


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _button(do: str, label: str, **fields: Any) -> str:
    hidden = "".join(f'<input type="hidden" name="{name}" value="{escape(str(value))}">' for name, value in fields.items())
    return f'<form class="inline" method="post" action="/bookkeeper">{hidden}<button name="do" value="{do}">{label}</button></form> '


def _invoices(sandbox: Sandbox) -> str:
    latest = list(sandbox.books.invoices)[-_SHOWN:][::-1]
    rows = [_invoice(invoice) for invoice in latest]
    heads = ("Invoice", "Debtor", "Status", "Lines", "Totals", "As the bookkeeper")
    return _section(f"Invoices ({len(sandbox.books.invoices)})", _table(heads, rows, "No invoices yet."))


def _invoice(invoice: Invoice) -> str:
    name = _STATUS.get(invoice.status, "?")
    blocked = f' <span class="pill">{escape(invoice.sub_status)}</span>' if invoice.sub_status else ""
    lines = "<br>".join(
        f"{escape(unpadded(line.number) + line.number_suffix)} × {unpadded(line.price_excl)} "
        f"{escape(line.description[:80])} <span class='soft'>{escape(line.product_code)} "
        f"{escape(line.tax_code)} {unpadded(line.tax_percentage)}%</span>"
        for line in invoice.lines[:8]
    )
    more = f"<br><span class='soft'>and {len(invoice.lines) - 8} more</span>" if len(invoice.lines) > 8 else ""
    reference = f"<br><span class='soft'>ref {escape(invoice['ReferenceNumber'])}</span>" if invoice["ReferenceNumber"] else ""
    comment = f"<br><span class='soft'>{escape(invoice['Comment'][:120])}</span>" if invoice["Comment"] else ""
    return (
        f"<tr><td><b>{escape(invoice.code)}</b><br><span class='soft'>id {invoice.identifier} · {invoice.date}</span>"
        f"{reference}{comment}</td><td>{escape(invoice.debtor_code)}<br>{escape(invoice['CompanyName'] or invoice['SurName'])}</td>"
        f'<td><span class="pill s{invoice.status}">{name}</span>{blocked}<br><span class="soft">sent {invoice.sent}×</span></td>'
        f"<td>{lines}{more}</td>"
        f'<td class="n">{money(invoice.amount_excl)}<br>{money(invoice.amount_tax)} VAT<br><b>{money(invoice.amount_incl)}</b>'
        f"<br><span class='soft'>paid {money(invoice.amount_paid)}</span></td><td>{_bookkeeping(invoice)}</td></tr>"
    )


def _bookkeeping(invoice: Invoice) -> str:
    key = {"invoice": invoice.identifier}
    buttons = ""
    if invoice.status == DRAFT:
        blocked = invoice.sub_status == "BLOCKED"
        buttons += _button("send", "send", **key) + _button("delete", "delete draft", **key)
        buttons += _button("unblock", "unblock", **key) if blocked else _button("block", "block", **key)
    if invoice.status in (SENT, PARTLY_PAID):
        buttons += _button("pay", "mark as paid", **key)
    if invoice.status in (PARTLY_PAID, PAID):
        buttons += _button("unpay", "mark as unpaid", **key)
    if invoice.status in (SENT, PARTLY_PAID, PAID):
        buttons += _button("credit", "credit", **key)
    return buttons + (
        f'<details><summary>edit</summary><form method="post" action="/bookkeeper">'
        f'<input type="hidden" name="invoice" value="{invoice.identifier}">'
        f'<label>Reference<input name="reference" value="{escape(invoice["ReferenceNumber"])}"></label>'
        f'<label>Quantity, line 1<input name="number" value="{unpadded(invoice.lines[0].number)}"></label>'
        f'<label>Price, line 1<input name="price_excl" value="{unpadded(invoice.lines[0].price_excl)}"></label>'
        f'<button class="main" name="do" value="edit">Save</button></form></details>'
    )


def _mails(sandbox: Sandbox) -> str:
    mails = sandbox.books.mails
    rows = [f"<tr>{_cells(mail.at, mail.to, mail.subject, mail.channel, f'invoice {mail.invoice}')}</tr>" for mail in mails[-_SHOWN:][::-1]]
    return _section(f"Mail that would have left ({len(mails)})", _table(("At", "To", "Subject", "By", ""), rows, "No mail."))


def _debtors(sandbox: Sandbox) -> str:
    debtors = list(sandbox.books.debtors)
    rows = [
        f"<tr>{_cells(debtor.code, debtor.name, debtor['City'], debtor['EmailAddress'], f'id {debtor.identifier}')}"
        f"<td>{_button('remove_debtor', 'remove', debtor=debtor.identifier)}</td></tr>"
        for debtor in debtors[:_SHOWN]
    ]
    return _section(f"Debtors ({len(debtors)})", _table(("Code", "Name", "City", "E-mail", "", ""), rows, "No debtors."))


def _products(sandbox: Sandbox) -> str:
    rows = [
        f"<tr>{_cells(p.code, p.name, p.key_phrase, unpadded(p.price_excl), p.tax_code, f'{unpadded(p.tax_percentage)}%', p.period)}</tr>"
        for p in list(sandbox.books.products)[:_SHOWN]
    ]
    extra = ""
    if sandbox.books.subscriptions or sandbox.books.stock:
        subscriptions, movements = len(sandbox.books.subscriptions), len(sandbox.books.stock)
        extra = f'<p class="bad">{subscriptions} subscriptions and {movements} stock movements came about by invoice lines.</p>'
    heads = ("Code", "Name", "On the invoice", "Price", "VAT code", "VAT", "Period")
    return _section("Products", _table(heads, rows, "No products.") + extra)


def _journal(sandbox: Sandbox) -> str:
    entries = sandbox.books.journal
    rows = [_entry(entry, sandbox.books.zone) for entry in entries[-_SHOWN:][::-1]]
    return _section(f"Requests ({len(entries)})", _table(("At", "Call", "Answer", "Parameters"), rows, "Nobody called yet."))


def _entry(entry: JournalEntry, zone: str) -> str:
    at = datetime.fromisoformat(entry.at).astimezone(ZoneInfo(zone)).strftime("%H:%M:%S")
    call = entry.call if entry.controller else f"{entry.method} {entry.path}"
    fault = f" <span class='pill s9'>{escape(entry.fault)}</span>" if entry.fault else ""
    sentences = f"<br><span class='bad'>{escape('; '.join(entry.errors))}</span>" if entry.errors else ""
    given = escape(str(entry.parameters)) if entry.parameters else ""
    return (
        f"<tr><td>{at}</td><td>{escape(call)}</td><td>{entry.http_status} {escape(entry.status)}{fault}{sentences}</td>"
        f"<td class='soft'>{given[:600]}</td></tr>"
    )


def _faults(sandbox: Sandbox) -> str:
    waiting = "".join(
        f"<li><code>{escape(fault.action)}</code> {escape(fault.kind)}{f' after {fault.after} calls' if fault.after else ''}</li>"
        for fault in sandbox.switches.faults.waiting
    )
    actions = "".join(f"<option>{controller}/{action}</option>" for controller, actions in ROUTES.items() for action in actions)
    kinds = "".join(f'<option value="{kind}">{kind}: {escape(what)}</option>' for kind, (_, what) in KINDS.items())
    form = (
        '<form method="post" action="/switches">'
        f'<label>Call<select name="fail_action"><option value="*">any call</option>{actions}</select></label>'
        f'<label>What goes wrong<select name="fail_kind" style="max-width:14rem">{kinds}</select></label>'
        '<label>Let so many calls pass first<input name="fail_after" type="number" min="0" value="0"></label>'
        '<label>Seconds (where it matters)<input name="fail_seconds" type="number" min="0" step="any"></label>'
        '<p><button class="main">Queue this fault</button></p></form>'
    )
    return _section("Faults, once each", (f"<ol>{waiting}</ol>" if waiting else '<p class="soft">None waiting.</p>') + form)


def _clock(now: str) -> str:
    form = (
        f'<p>It is <b>{now}</b> here.</p><form method="post" action="/switches"><label>Move on by seconds'
        '<input name="advance_seconds" type="number" value="60"></label><p><button>Move the clock</button></p></form>'
    )
    return _section("Clock", form)


def _switches(sandbox: Sandbox) -> str:
    defaults = for_persona(sandbox.persona.name).as_dict()
    rows = "".join(_switch(name, value, defaults[name]) for name, value in sandbox.switches.as_dict().items())
    form = (
        f'<form method="post" action="/switches">{rows}<p><button class="main">Save the switches</button></p></form>'
        '<form method="post" action="/switches"><button name="reset" value="1">Back to the defaults, no faults, no bans</button></form>'
    )
    return _section("Switches", form)


def _switch(name: str, value: Any, default: Any) -> str:
    known = FIELDS[name].metadata
    if "choices" in known:
        options = "".join(f"<option{' selected' if choice == value else ''}>{choice}</option>" for choice in known["choices"])
        control = f'<select name="{name}">{options}</select>'
    elif isinstance(default, bool):
        control = f'<input type="checkbox" name="{name}" value="1"{" checked" if value else ""}>'
    else:
        kind = "number" if isinstance(default, int) else "text"
        control = f'<input type="{kind}" name="{name}" value="{escape(str(value))}">'
    changed = ' class="off"' if value != default else ""
    return f"<label{changed}><span>{name}<small>{escape(known['note'])}</small></span>{control}</label>"
