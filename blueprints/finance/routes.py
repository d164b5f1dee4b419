"""Addresses of transfers and batches, and what can be done about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, abort, current_app, g, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from blueprints import formats, htmx, listing, rights
from blueprints.finance import actions, batches, blueprint, filters, queries, story, wording
from models import Transfer
from transfers import worker

# --- What every list of Finance shares ------------------------------------------------------------------------------------------


@blueprint.get("/<any(transfers, invoices, unbilled):name>/choices/<any(customer, project):field>")
@rights.needs("invoicing")
def choices(name: str, field: str) -> Response:
    """What a filter can be set to, as links back to the list."""
    if field not in filters.LISTS[name]:
        abort(404)
    asked = filters.read(name, request.args)
    find = request.args.get("find", "").strip()[: filters.LONGEST_SEARCH].replace("\0", "")
    found = [(label, second, filters.address(name, asked, **{field: key})) for key, label, second in filters.choices(field, asked, find)]
    return htmx.page(
        "finance/choices.html",
        "finance/_choices.html",
        section="finance",
        field=field,
        find=find,
        kept_query=asked.query(),
        back=filters.address(name, asked),
        most=filters.CHOICES,
        found=found,
    )


def _ids() -> list[int]:
    """The transfers that a page names, at most as many as a page shows."""
    found = [filters.number(text) for text in request.form.getlist("id")]
    return [one for one in found if one][: listing.PAGE_SIZE]


def _back(otherwise: str) -> str:
    back = request.form.get("back", "")
    return rights.safe_next(back) if back.startswith("/finance/") else otherwise


def page_number(name: str) -> int:
    """The page that a query parameter asks for, the first when it asks for none."""
    return min(filters.number(request.args.get(name, "")) or 1, listing.LAST_PAGE)


def pager(total: int, number: int, size: int, address: Callable[[int], str]) -> dict[str, Any]:
    """The line under a list that stands beside another one on its page, so that each has a page number of its own."""
    last = min(number * size, total)
    return {
        "first": min((number - 1) * size + 1, total),
        "last": last,
        "total": total,
        "previous": address(number - 1) if number > 1 else None,
        "next": address(number + 1) if last < total else None,
    }


def wake() -> None:
    """Lets the worker of this process look at once."""
    worker.wake(current_app)


# --- The list -------------------------------------------------------------------------------------------------------------------


@blueprint.get("/transfers")
@rights.needs("invoicing")
def transfers() -> Response:
    asked = filters.read("transfers", request.args)
    page = listing.read(tuple(queries.SORTS), "-when")
    rows, total = queries.transfers(asked, page)
    return htmx.page(
        "finance/transfers.html",
        "finance/_transfers.html",
        section="finance",
        filters=asked,
        chips=filters.chips("transfers", asked, filters.names(asked)),
        listing=page,
        pager=page.pager(total),
        rows=rows,
        failed=[row.id for row in rows if row.state == "rejected"],
        waiting=[row.id for row in rows if row.state in queries.WAITS],
        wording=wording,
        here=request.full_path.rstrip("?"),
        is_fragment=htmx.wants_fragment(),
    )


@blueprint.post("/transfers/retry")
@rights.needs("invoicing")
def retry_failed() -> Response:
    """Tries again what a page named as failed."""
    outcome = actions.retry_all(_ids(), g.user, formats.now())
    wake()
    said = ngettext("%(num)s transfer is tried again.", "%(num)s transfers are tried again.", outcome.done)
    return _told(outcome, said)


@blueprint.post("/transfers/check")
@rights.needs("invoicing")
def check_waiting() -> Response:
    """Has looked at now what a page named as waiting."""
    outcome = actions.check_all(_ids(), formats.now())
    wake()
    said = ngettext("%(num)s transfer is looked at now.", "%(num)s transfers are looked at now.", outcome.done)
    return _told(outcome, said)


def _told(outcome: actions.Outcome, said: str) -> Response:
    message = wording.outcome(outcome.done, outcome.refusals, said)
    kind = "ok" if not outcome.refusals else "warn" if outcome.done else "bad"
    return htmx.done(_back(url_for("finance.transfers")), message, kind)


# --- One transfer ---------------------------------------------------------------------------------------------------------------


def _page_or_404(transfer_id: int) -> queries.Page:
    return queries.transfer(transfer_id) or abort(404)


def _seen(transfer: Transfer) -> str:
    """What a page was drawn from; another one means that it should be drawn again."""
    return f"{transfer.state}.{transfer.fence}.{transfer.updated_at.timestamp():.6f}"


def _moves(transfer: Transfer, vendor: str | None) -> bool:
    return vendor is not None and transfer.state in ("queued", "creating", "created", "finalising", "uncertain", "checking")


@blueprint.get("/transfers/<int:transfer_id>")
@rights.needs("invoicing")
def transfer(transfer_id: int) -> Response:
    return _show_transfer(_page_or_404(transfer_id))


def _show_transfer(page: queries.Page, problem: str = "", status: int = 200) -> Response:
    found, now = page.transfer, formats.now()
    number = page_number("page")
    work_page = page_number("work")
    work = queries.work(found.id, work_page)
    steps, total = story.steps(found.id, page.vendor, found.currency, wording.listed(work.counts), number)
    return htmx.page(
        "finance/transfer.html",
        status=status,
        section="finance",
        page=page,
        t=found,
        steps=steps,
        pager=pager(total, number, story.STEPS_PER_PAGE, lambda to: url_for("finance.transfer", transfer_id=found.id, page=to)),
        work=work,
        work_pager=pager(
            work.total, work_page, queries.WORK_PER_PAGE, lambda to: url_for("finance.transfer", transfer_id=found.id, work=to) + "#work"
        ),
        next_check=queries.next_check_at(found, now),
        can=_possible(found),
        problem=problem,
        seen=_seen(found),
        moves=_moves(found, page.vendor),
        package=wording.package(page.vendor),
        wording=wording,
        exports_enabled=rights.settings().exports_enabled,
    )


def _possible(found: Transfer) -> set[str]:
    """What can be done about a transfer now; typed by hand is only looked at."""
    if found.connection_id is None:
        return set()
    can = {"check"} if found.state in queries.WAITS or (found.state == "done" and found.kind == "invoice") else set()
    if found.state == "queued" and not found.attempt:
        can.add("cancel")
    if found.state == "rejected":
        can.add("retry")
    if found.state == "done" and found.remote_state in ("removed", "credited"):
        can.add("unlink")
    if found.state == "attention":
        can.add("look_again")
        can |= {"accept"} if found.reason == "totals_differ" and found.remote_id else set()
        can |= {"name"} if found.kind == "invoice" else set()
        can |= {"nothing"} if not found.remote_id or found.reason == "document_gone" else set()
    return can


@blueprint.get("/transfers/<int:transfer_id>/state")
@rights.needs("invoicing")
def transfer_state(transfer_id: int) -> Response:
    """Asked by an open page: nothing while it stands as it was drawn, else the browser draws it again."""
    found = _page_or_404(transfer_id).transfer
    if request.args.get("seen") == _seen(found):
        return Response(status=204)
    return Response(status=204, headers={"HX-Refresh": "true"})


@blueprint.get("/transfers/<int:transfer_id>/calls/<int:call_id>")
@rights.needs("invoicing")
def transfer_call(transfer_id: int, call_id: int) -> Response:
    """One call in full: what was asked and what came back, without any key."""
    call = queries.call(transfer_id, call_id) or abort(404)
    return htmx.page(
        "finance/call.html", section="finance", call=call, title=story.call_title(call.operation), transfer_id=transfer_id, wording=wording
    )


def _act(transfer_id: int, action: Callable[[], None], said: str) -> Response:
    """Does it, wakes the worker, and goes back to the page; a refusal is told there."""
    here = url_for("finance.transfer", transfer_id=transfer_id)
    try:
        action()
    except actions.Refused as refused:
        return htmx.done(_back(here), str(refused), "bad")
    wake()
    return htmx.done(_back(here), said)


@blueprint.post("/transfers/<int:transfer_id>/check")
@rights.needs("invoicing")
def check_transfer(transfer_id: int) -> Response:
    page = _page_or_404(transfer_id)
    said = _("%(package)s is asked now.", package=wording.package(page.vendor))
    return _act(transfer_id, lambda: actions.check(transfer_id, formats.now()), said)


@blueprint.post("/transfers/<int:transfer_id>/retry")
@rights.needs("invoicing")
def retry_transfer(transfer_id: int) -> Response:
    _page_or_404(transfer_id)
    said = _("It is tried again, with the same reference.")
    return _act(transfer_id, lambda: actions.retry(transfer_id, g.user, formats.now()), said)


@blueprint.post("/transfers/<int:transfer_id>/cancel")
@rights.needs("invoicing")
def cancel_transfer(transfer_id: int) -> Response:
    _page_or_404(transfer_id)
    said = _("Cancelled before anything was sent. The work may be invoiced again.")
    return _act(transfer_id, lambda: actions.cancel(transfer_id, g.user, formats.now()), said)


@blueprint.get("/transfers/<int:transfer_id>/unlink")
@rights.needs("invoicing")
def confirm_unlink(transfer_id: int) -> Response:
    """What unlinking means, before it is done."""
    page = _page_or_404(transfer_id)
    return htmx.page(
        "finance/unlink.html",
        "finance/_unlink.html",
        section="finance",
        t=page.transfer,
        work=queries.work(transfer_id),
        package=wording.package(page.vendor),
        wording=wording,
    )


@blueprint.post("/transfers/<int:transfer_id>/unlink")
@rights.needs("invoicing")
def unlink_transfer(transfer_id: int) -> Response:
    _page_or_404(transfer_id)
    said = _("Unlinked. The work may be invoiced again; the transfer stays here.")
    return _act(transfer_id, lambda: actions.unlink(transfer_id, g.user, formats.now()), said)


# --- Decisions ------------------------------------------------------------------------------------------------------------------


@blueprint.post("/transfers/<int:transfer_id>/look-again")
@rights.needs("invoicing")
def look_again(transfer_id: int) -> Response:
    _page_or_404(transfer_id)
    return _decide(transfer_id, lambda: actions.look_again(transfer_id, g.user, formats.now()), _("It is looked at again."))


@blueprint.post("/transfers/<int:transfer_id>/accept-totals")
@rights.needs("invoicing")
def accept_totals(transfer_id: int) -> Response:
    _page_or_404(transfer_id)
    said = _("Their totals are taken; it goes on.")
    return _decide(transfer_id, lambda: actions.accept_their_totals(transfer_id, g.user, formats.now()), said)


@blueprint.post("/transfers/<int:transfer_id>/this-one")
@rights.needs("invoicing")
def this_is_the_one(transfer_id: int) -> Response:
    _page_or_404(transfer_id)
    named = request.form.get("remote_id", "")
    said = _("That document is read and compared now.")
    return _decide(transfer_id, lambda: actions.this_is_the_one(transfer_id, named, g.user, formats.now()), said)


@blueprint.post("/transfers/<int:transfer_id>/nothing-there")
@rights.needs("invoicing")
def nothing_there(transfer_id: int) -> Response:
    _page_or_404(transfer_id)
    typed, why = request.form.get("marker", ""), request.form.get("why", "")
    said = _("The work may be invoiced again.")
    return _decide(transfer_id, lambda: actions.nothing_there(transfer_id, typed, why, g.user, formats.now()), said)


def _decide(transfer_id: int, decision: Callable[[], None], said: str) -> Response:
    """A refused decision keeps what was typed: the page comes back with it."""
    try:
        decision()
    except actions.Refused as refused:
        return _show_transfer(_page_or_404(transfer_id), problem=str(refused), status=422)
    wake()
    return htmx.done(url_for("finance.transfer", transfer_id=transfer_id), said)


# --- Batches --------------------------------------------------------------------------------------------------------------------


@blueprint.get("/batches/<int:batch_id>")
@rights.needs("invoicing")
def batch(batch_id: int) -> Response:
    found = batches.find(batch_id) or abort(404)
    label = request.args.get("state", "")
    label = label if label in batches.ORDER else ""
    number = page_number("page")
    shown: Any = batches.page(found, label, number, formats.now(), rights.settings().exports_enabled)
    return htmx.page(
        "finance/batch.html",
        "finance/_batch.html",
        section="finance",
        batch=found,
        page=shown,
        label=label,
        labels={key: str(formats.TRANSFER_STATES[states[0]]) for key, states in wording.LABELS.items()} | {"skipped": _("Skipped")},
        pager=pager(shown.shown_total, number, batches.ROWS_PER_PAGE, lambda to: _batch_address(batch_id, label, to)),
        package=wording.package(shown.vendor),
        here=_batch_address(batch_id, label, number),
        filter_address=lambda state: _batch_address(batch_id, state, 1),
        wording=wording,
    )


def _batch_address(batch_id: int, label: str, number: int) -> str:
    return url_for("finance.batch", batch_id=batch_id, state=label or None, page=number if number > 1 else None)


@blueprint.post("/batches/<int:batch_id>/retry")
@rights.needs("invoicing")
def retry_batch(batch_id: int) -> Response:
    """Tries every failed invoice of the batch again, on whichever page it stands."""
    found = batches.find(batch_id) or abort(404)
    shown = batches.page(found, "", 1, formats.now(), True)
    outcome = actions.retry_all(shown.failed_ids, g.user, formats.now())
    wake()
    said = ngettext("%(num)s transfer is tried again.", "%(num)s transfers are tried again.", outcome.done)
    return _told_batch(batch_id, outcome, said)


@blueprint.post("/batches/<int:batch_id>/check")
@rights.needs("invoicing")
def check_batch(batch_id: int) -> Response:
    """Has every waiting invoice of the batch looked at now."""
    found = batches.find(batch_id) or abort(404)
    shown = batches.page(found, "", 1, formats.now(), True)
    outcome = actions.check_all(shown.waiting_ids, formats.now())
    wake()
    said = ngettext("%(num)s transfer is looked at now.", "%(num)s transfers are looked at now.", outcome.done)
    return _told_batch(batch_id, outcome, said)


def _told_batch(batch_id: int, outcome: actions.Outcome, said: str) -> Response:
    message = wording.outcome(outcome.done, outcome.refusals, said)
    kind = "ok" if not outcome.refusals else "warn" if outcome.done else "bad"
    return htmx.done(url_for("finance.batch", batch_id=batch_id), message, kind)
