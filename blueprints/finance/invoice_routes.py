"""Addresses of the invoices, and of what is unbilled."""

from __future__ import annotations

from flask import Response, abort, request, url_for
from flask_babel import gettext as _

from blueprints import formats, htmx, listing, rights
from blueprints.finance import actions, blueprint, filters, invoices, queries, unbilled, wording
from blueprints.finance.routes import page_number, pager, wake


@blueprint.get("/invoices", endpoint="invoices")
@rights.needs("invoicing")
def invoices_page() -> Response:
    asked = filters.read("invoices", request.args)
    page = listing.read(tuple(invoices.SORTS), "-date")
    sums = invoices.sums(asked, formats.today())
    return htmx.page(
        "finance/invoices.html",
        "finance/_invoices.html",
        section="finance",
        filters=asked,
        chips=filters.chips("invoices", asked, filters.names(asked)),
        address=lambda **changes: filters.address("invoices", asked, **changes),
        listing=page,
        pager=page.pager(sums.shown),
        rows=invoices.invoices(asked, page, formats.today()),
        sums=sums,
        drafts=queries.draft_counts(),
        texts=invoices,
        wording=wording,
        is_fragment=htmx.wants_fragment(),
    )


@blueprint.get("/invoices/<int:invoice_id>")
@rights.needs("invoicing")
def invoice(invoice_id: int) -> Response:
    found = invoices.invoice(invoice_id) or abort(404)
    number = page_number("work")
    work = queries.work(found.transfer_id, number) if found.transfer_id else None
    return htmx.page(
        "finance/invoice.html",
        "finance/_there.html",
        section="finance",
        i=found,
        standing=invoices.status_now(found, formats.today()),
        vat=invoices.vat_label(found),
        work=work,
        work_pager=pager(
            work.total if work else 0,
            number,
            queries.WORK_PER_PAGE,
            lambda to: url_for("finance.invoice", invoice_id=invoice_id, work=to) + "#work",
        ),
        checking=invoices.is_being_checked(found, formats.now()),
        history=invoices.history(found),
        texts=invoices,
        wording=wording,
    )


@blueprint.post("/invoices/<int:invoice_id>/check")
@rights.needs("invoicing")
def check_invoice(invoice_id: int) -> Response:
    """Has the package read again: how it stands there, and what is still open."""
    found = invoices.invoice(invoice_id) or abort(404)
    here = url_for("finance.invoice", invoice_id=invoice_id)
    package = found.series
    try:
        actions.check(found.transfer_id or 0, formats.now())
    except actions.Refused as refused:
        return htmx.done(here, str(refused), "bad")
    wake()
    return htmx.done(here, _("%(package)s is asked now.", package=package))


# --- Unbilled -------------------------------------------------------------------------------------------------------------------


@blueprint.get("/unbilled", endpoint="unbilled")
@rights.needs("invoicing")
def unbilled_page() -> Response:
    asked = filters.read("unbilled", request.args)
    page = listing.read(unbilled.SORTS, "-total")
    parts, totals = unbilled.customers(asked, page)
    opened = filters.number(request.args.get("open", ""))
    return htmx.page(
        "finance/unbilled.html",
        "finance/_unbilled.html",
        section="finance",
        filters=asked,
        until=filters.until(asked),
        chips=filters.chips("unbilled", asked, filters.names(asked)),
        listing=page,
        pager=page.pager(totals.customers),
        customers=parts,
        totals=totals,
        opened=opened,
        projects=unbilled.projects(opened, asked) if opened in {part.id for part in parts} else [],
        home=formats.organisation().currency,
        link=listing.link,
        selection=(),
        chosen=0,
        wording=wording,
        is_fragment=htmx.wants_fragment(),
    )


@blueprint.get("/unbilled/<int:customer_id>")
@rights.needs("invoicing")
def unbilled_customer(customer_id: int) -> Response:
    """The line of one customer, with its projects unless it is to be closed."""
    asked = filters.read("unbilled", request.args)
    part = unbilled.one(customer_id, asked) or abort(404)
    is_open = request.args.get("close") is None
    if not htmx.wants_fragment():
        return htmx.done(filters.address("unbilled", asked) + ("&" if asked.query() else "?") + f"open={customer_id}")
    return htmx.fragment(
        "finance/_unbilled_customer.html",
        part=part,
        opened=customer_id if is_open else None,
        projects=unbilled.projects(customer_id, asked) if is_open else [],
        filters=asked,
        until=filters.until(asked),
        home=formats.organisation().currency,
        link=listing.link,
        wording=wording,
    )


@blueprint.post("/unbilled/selection")
@rights.needs("invoicing")
def unbilled_selection() -> Response:
    """What the ticked customers come to. Nothing is kept: the ticks travel with the form."""
    asked = filters.read("unbilled", request.args)
    posted = [filters.number(text) for value in request.form.getlist("customer") for text in value.split(",")]
    ids = sorted({one for one in posted if one})[: listing.PAGE_SIZE]
    return htmx.fragment("finance/_unbilled_selected.html", selection=unbilled.selected(ids, asked), chosen=len(ids), wording=wording)
