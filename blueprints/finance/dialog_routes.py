"""Addresses of the invoice dialog, which Reports and Unbilled share. Without JavaScript it is a page of its own."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Response, abort, current_app, flash, g, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.datastructures import MultiDict

from blueprints import formats, htmx, rights
from blueprints.finance import blueprint, dialog_actions, dialog_queries
from blueprints.finance.dialog_forms import InvoiceForm
from invoicing import plan
from invoicing.plan import Preview
from models import Connection
from transfers import customers, intents, worker

VENDORS = ("wefact", "hostfact")
DIALOG_URL = "/invoice/<any(wefact, hostfact):vendor>"


def _connection(vendor: str) -> Connection:
    try:
        return dialog_actions.connection_for(vendor)
    except dialog_actions.NotConnected:
        abort(404)


def _form(connection: Connection, values: MultiDict[str, str] | None = None) -> InvoiceForm:
    """The form with what was chosen, else the defaults of the connection."""
    form = InvoiceForm(formdata=values if values else None)
    name = formats.VENDORS[connection.vendor]
    form.send.choices = [("draft", _("Leave as draft")), ("send", _("Send via %(package)s", package=name))]
    form.latest = plan.latest_date(connection.id)
    if not values:
        form.per.data, form.lines.data = connection.invoice_per, connection.lines_per
        form.date.data, form.reference.data = formats.today(), connection.reference_template
        form.send.data = "send" if connection.send_by_default else "draft"
    elif form.send.data not in ("draft", "send"):
        form.send.data = "draft"
    return form


@blueprint.post(DIALOG_URL)
@rights.needs("invoicing")
def invoice_dialog(vendor: str) -> Response:
    """From an Actions menu: keeps what was ticked, has unknown customers looked up, and opens the dialog. Also draws it again."""
    connection = _connection(vendor)
    if "per" in request.form:
        return _again(connection)
    ticked = dialog_queries.posted(request.form)
    if request.form.get("until"):
        chosen, projects = dialog_queries.ids_of(request.form, "customer"), dialog_queries.ids_of(request.form, "project")
        until = formats.parse_day(request.form["until"]) or formats.today()
        dialog_actions.keep(g.login, dialog_queries.unbilled_of(chosen, until, next(iter(projects), None)), instead=True)
    else:
        dialog_actions.keep(g.login, ticked, without=dialog_queries.unticked(request.form))
    form = _form(connection)
    found = dialog_queries.look(connection, dialog_queries.kept(g.login), form.options())
    dialog_actions.look_up(connection, dialog_queries.unknown_customers(found), formats.now())
    worker.wake(current_app)
    if not htmx.wants_fragment():
        return redirect(url_for("finance.invoice_preview", vendor=vendor), code=303)
    return _show(connection, form)


def _again(connection: Connection) -> Response:
    """The dialog with other choices."""
    form = _form(connection, request.form)
    form.validate()
    if htmx.wants_fragment():
        return _show(connection, form)
    return redirect(url_for("finance.invoice_preview", vendor=connection.vendor, **_choices(form)), code=303)


@blueprint.get(DIALOG_URL)
@rights.needs("invoicing")
def invoice_preview(vendor: str) -> Response:
    """The dialog with these choices. Looks only."""
    connection = _connection(vendor)
    form = _form(connection, request.args if "per" in request.args else None)
    form.validate()
    return _show(connection, form, back=request.args)


@blueprint.post(DIALOG_URL + "/customer")
@rights.needs("invoicing")
def decide_customer(vendor: str) -> Response:
    """An answer about a customer, from a button in the preview named decision: `link:12:8123`, `create:12` or `accept:12`."""
    connection = _connection(vendor)
    decision, _colon, rest = request.form.get("decision", "").partition(":")
    customer_id, _colon, remote_id = rest.partition(":")
    if not (customer_id.isascii() and customer_id.isdigit()):
        abort(400)
    try:
        dialog_actions.decide(connection, int(customer_id), decision, remote_id, g.user, formats.now())
    except customers.NotACandidate:
        flash(_("That question has changed meanwhile; look at the new preview."), "warn")
    except customers.LinkTaken:
        flash(_("That debtor belongs to another customer already; choose another one or create a new one."), "warn")
    return _again(connection)


@blueprint.post(DIALOG_URL + "/create")
@rights.needs("invoicing")
def create_invoices(vendor: str) -> Response:
    """Writes the intents of what was previewed. What changed since is refused, and told."""
    connection = _connection(vendor)
    form = _form(connection, request.form)
    token = request.form.get("form_token", "")[:64]
    if (before := intents.batch_of_token(g.user, token)) is not None:
        return htmx.done(url_for("finance.batch", batch_id=before.id))
    if not form.validate():
        return _show(connection, form, status=422)
    refs = dialog_queries.kept(g.login)
    seen = dialog_queries.seen_of(request.form)
    try:
        batch = dialog_actions.create(connection, refs, form.options(), seen, g.login, g.user, formats.now(), token)
    except intents.GroundChanged as error:
        return _show(connection, form, status=409, changes=error.changes)
    except intents.NothingToDo:
        return _show(connection, form, status=422, nothing=True)
    worker.wake(current_app)
    return htmx.done(url_for("finance.batch", batch_id=batch.id))


def _choices(form: InvoiceForm) -> dict[str, Any]:
    return {
        "per": form.per.data,
        "lines": form.lines.data,
        "date": formats.day(form.date.data),
        "reference": form.reference.data or None,
        "text": form.text.data or None,
        "send": form.send.data,
        "shown": request.form.getlist("shown"),
        "make": request.form.getlist("make"),
    }


def _show(connection: Connection, form: InvoiceForm, status: int = 200, **more: Any) -> Response:
    refs = dialog_queries.kept(g.login)
    found: Preview = dialog_queries.look(connection, refs, form.options())
    excluded = _excluded(more.get("back"))
    chosen = [invoice for invoice in found.ready if invoice.key not in excluded]
    values = {
        "section": "reports",
        "connection": connection,
        "package": formats.VENDORS[connection.vendor],
        "form": form,
        "found": found,
        "chosen": chosen,
        "total": dialog_queries.sum_of(chosen),
        "left_out": dialog_queries.left_out(found),
        "looking": dialog_queries.is_looking(found),
        "token": secrets.token_urlsafe(16),
        "counts": _counts(refs),
        "customers": len({invoice.customer.id for invoice in found.invoices}),
        "today": formats.today(),
        "changes": more.get("changes", ()),
        "nothing": more.get("nothing", False),
        "excluded": excluded,
    }
    return htmx.page("invoicing/dialog_page.html", "invoicing/_dialog.html", status, **values)


def _excluded(values: MultiDict[str, str] | None) -> set[str]:
    """Invoices that the person unticked, kept while the preview is drawn again."""
    source = request.form if request.method == "POST" else values
    if not source or "shown" not in source:
        return set()
    return set(source.getlist("shown")) - set(source.getlist("make"))


def _counts(refs: list[tuple[str, int]]) -> str:
    """ "12 hour entries, 3 expenses, 1 trip" in words."""
    kinds = [kind for kind, _id in refs]
    words = [
        (kinds.count("time"), lambda n: ngettext("%(num)s hour entry", "%(num)s hour entries", n)),
        (kinds.count("expense"), lambda n: ngettext("%(num)s expense", "%(num)s expenses", n)),
        (kinds.count("trip"), lambda n: ngettext("%(num)s trip", "%(num)s trips", n)),
    ]
    return ", ".join(word(number) for number, word in words if number)
