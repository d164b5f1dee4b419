"""`flask transfers …` and `flask invoice …`: the ledger and the month's end, for scripts."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from blueprints import formats
from blueprints.finance import blueprint, month_end, queries
from blueprints.finance.month_end import Result, Unknown, money, only_looking
from models import Transfer, db
from transfers import connections, ledger, worker

STATES = tuple(ledger.MOVES)
PAGE = 500

transfers = AppGroup("transfers", help="Transfers to accounting packages.")
blueprint.cli.add_command(transfers)


def _print(row: dict[str, Any]) -> None:
    """One line, also where a name holds a character that some programs take for a line's end."""
    click.echo(json.dumps(row))


# --- Transfers ------------------------------------------------------------------------------------------------------------------


@transfers.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only transfers in this state.")
def list_transfers(state: str | None) -> None:
    """One JSON line per transfer, oldest first. Amounts are decimal text, moments are UTC."""
    last = 0
    while True:
        with only_looking():
            query = select(Transfer).options(joinedload(Transfer.connection), joinedload(Transfer.customer))
            query = query.where(Transfer.id > last, *([Transfer.state == state] if state else []))
            rows = [_transfer(row) for row in db.session.scalars(query.order_by(Transfer.id).limit(PAGE))]
        for row in rows:
            _print(row)
        if len(rows) < PAGE:
            return
        last = rows[-1]["id"]


@transfers.command("show")
@click.argument("transfer_id", metavar="ID", type=click.IntRange(min=1, max=2**31 - 1))
def show_transfer(transfer_id: int) -> None:
    """One transfer as one JSON line, with every call that was made for it; keys are never in it."""
    with only_looking():
        found = queries.transfer(transfer_id)
        if found is None:
            raise click.ClickException(f"there is no transfer {transfer_id}; see: transfers list")
        _print(_transfer(found.transfer) | {"calls": [_call(call) for call in queries.calls(transfer_id)]})


def _transfer(row: Transfer) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "connection": row.connection.vendor if row.connection else None,
        "customer": row.customer.number if row.customer else None,
        "state": row.state,
        "reason": row.reason,
        "marker": row.marker,
        "attempt": row.attempt,
        "remote_id": row.remote_id,
        "remote_number": row.remote_number,
        "net": money(row.net_cents),
        "vat": money(row.vat_cents),
        "gross": money(row.gross_cents),
        "due_at": _moment(row.due_at),
        "created_at": _moment(row.created_at),
        "updated_at": _moment(row.updated_at),
    }


def _call(call: Any) -> dict[str, Any]:
    return {
        "id": call.id,
        "operation": call.operation,
        "writes": call.writes,
        "outcome": call.outcome,
        "http_status": call.http_status,
        "milliseconds": call.milliseconds,
        "opened_at": _moment(call.opened_at),
        "closed_at": _moment(call.closed_at),
        "request": call.request,
        "response": call.response,
    }


def _moment(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


@transfers.command("work")
@click.option("--once", is_flag=True, help="Until nothing is due now, then end.")
def work(once: bool) -> None:
    """Do the worker's work alone: everything that is due, as it becomes due, until told to stop.

    With --once it ends when nothing is due any more. Waiting for the pace of a package counts as due and is waited for;
    settle times, leases and later attempts do not, what its own results set free does.
    """
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    if once:
        clock = app.extensions.get("clock") or worker.utc_now
        worker.work_once(worker.new_context(app.extensions["settings"], time.sleep, clock))
        return
    _work_until_stopped(worker.WorkerThread(app))


def _work_until_stopped(thread: worker.WorkerThread) -> None:
    """Works until SIGTERM or SIGINT; the call that is out then is waited for."""
    stopped = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _number, _frame: stopped.set())
    thread.start()
    while not stopped.wait(1):
        if not thread.is_alive():
            raise click.ClickException("the worker ended by itself; its log says why")
    thread.stop(worker.GRACE.total_seconds())


# --- Invoice --------------------------------------------------------------------------------------------------------------------


@blueprint.cli.command("invoice")
@click.argument("vendor", type=click.Choice(["wefact", "hostfact", "afas"]))
@click.option("--until", metavar="DATE", help="The last day that counts, as 2026-11-30 or 30-11-2026; today when left out.")
@click.option("--customer", "numbers", metavar="NUMBER", multiple=True, help="Only this customer; may be repeated.")
@click.option("--hours", "hours", metavar="IDS", help="Only these hours, by id with commas between; not together with --customer.")
@click.option("--send", is_flag=True, help="Have the package mail the invoices; without it they stay drafts there.")
@click.option("--preview", is_flag=True, help="Only say what would be done; lines then have no transfer.")
@click.option("--wait", metavar="SECONDS", type=click.IntRange(min=0), default=0, help="Follow the running worker until all is at rest.")
def invoice(vendor: str, until: str | None, numbers: Sequence[str], hours: str | None, send: bool, preview: bool, wait: int) -> None:
    """Queue invoices for everything unbilled: hours, expenses and trips, with the defaults of the connection.

    It makes no invoice itself. A running worker does, in the server or as `transfers work`; --wait follows it.
    Customers that are not linked yet are looked up in the package first, for half a minute or as long as --wait says.
    A customer whose question is not answered (which record there it is) is left out as attention; answer it in the preview
    of the invoice dialog and run this again. What was queued before is never queued twice.

    \b
    Prints one JSON line per invoice: customer, name, transfer, outcome (a state, or skipped), reason, remote_number,
    net, vat, gross (decimal text), currency, rows. Nothing to invoice: no line.
    Exit status: 0 all queued or done, 1 somebody must look, 2 wrong use.
    """
    if vendor == "afas":
        raise click.ClickException("AFAS Profit arrives with a later version of Uurwerk; nothing was queued.")
    if hours and numbers:
        raise click.UsageError("--hours names the hours already; leave --customer out.")
    day = _day(until)
    try:
        wanted = _wanted(day, numbers, hours)
    except Unknown as error:
        raise click.UsageError(str(error)) from error
    connection = connections.by_vendor(vendor)
    if connection.state != "connected":
        name = formats.VENDORS[vendor]
        raise click.ClickException(
            f"{name} is not connected, or its connection fails; look under Settings, Integrations. Nothing was queued."
        )
    results: list[Result] = []
    if wanted.refs or wanted.left:
        results = _run(connection, wanted, send, preview, wait)
    for result in results:
        _print(result.as_json(with_transfer=not preview))
    if any(result.outcome not in month_end.GOOD for result in results):
        sys.exit(1)


def _day(text: str | None) -> Any:
    if text is None:
        return None
    found = formats.parse_day(text)
    if found is None:
        raise click.BadParameter(f"“{text}” is not a date; write it like 2026-11-30.", param_hint="--until")
    return found


def _wanted(until: Any, numbers: Sequence[str], hours: str | None) -> month_end.Wanted:
    with only_looking():
        if hours is not None:
            parts = [part.strip() for part in hours.split(",") if part.strip()]
            if not parts or not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
                raise Unknown("--hours wants ids with commas between, such as 12,15.")
            return month_end.hours([int(part) for part in parts], until)
        ids = month_end.customers_numbered(numbers) if numbers else None
        return month_end.everything(until or formats.today(), ids)


def _run(connection: Any, wanted: month_end.Wanted, send: bool, preview: bool, wait: int) -> list[Result]:
    settings = current_app.extensions["settings"]
    clock = current_app.extensions.get("clock") or worker.utc_now
    context = worker.new_context(settings, time.sleep, clock)
    month_end.look_up(connection, wanted.refs, context, max(wait, month_end.LOOK_UP_SECONDS))
    options = month_end.options_of(connection, send, formats.today())
    if preview:
        return month_end.preview(connection, wanted, options)
    batch_id, results = month_end.create(connection, wanted, options, formats.now())
    if not settings.exports_enabled:
        click.echo("Sending is switched off on this installation (UURWERK_EXPORTS_ENABLED=0); what is queued waits.", err=True)
    if batch_id is None or not wait:
        return results
    month_end.follow(batch_id, wait, context)
    return month_end.stands(batch_id, wanted)
