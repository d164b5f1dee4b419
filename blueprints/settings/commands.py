"""`flask connections …`: the settings page of a package as JSON, tested and saved the same way."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import select

from blueprints import formats
from blueprints.settings import blueprint
from blueprints.settings import connection_actions as actions
from blueprints.settings import connection_queries as queries
from connectors.errors import ConnectorError
from connectors.wefact.persona import AddressNotUsable
from models import AccountingItem, Connection, db
from transfers import trial

KEYS: dict[str, dict[str, type]] = {
    "wefact": {"api_key": str, "default_product": str, "nightly": bool},
    "hostfact": {"api_key": str, "url": str, "default_product": str, "nightly": bool},
}
COMMAND_SECONDS = 120.0

connections = AppGroup("connections", help="Connections to accounting packages.")
blueprint.cli.add_command(connections)


@connections.command("set")
@click.argument("vendor", type=click.Choice(["wefact", "hostfact", "afas"]))
@click.option("--json-stdin", is_flag=True, required=True, help="Read the settings as one JSON object from standard input.")
def set_connection(vendor: str, json_stdin: bool) -> None:
    """Test a connection and save it; a failed test saves nothing (exit 1), a key of JSON that is not known is wrong use (exit 2)."""
    if vendor == "afas":
        _fail("AFAS Profit arrives with a later version of Uurwerk; nothing was saved.")
    typed = _typed(vendor, _read_json())
    settings = current_app.extensions["settings"]
    try:
        tested = actions.test_and_save(settings, vendor, typed, None, formats.now, trial.Patience(COMMAND_SECONDS))
    except AddressNotUsable as error:
        _fail(formats.reason(f"url_{error.reason}"))
    except actions.NeedsKey as error:
        _fail(_needs_key(error.reason))
    except actions.ProductRefused as error:
        _fail(_product_refused(error))
    except ConnectorError as error:
        _fail(f"The products could not be fetched: {formats.reason(error.reason, error.params, error.detail)}")
    step = queries.failure(tested.result.steps)
    if step is not None:
        _fail(queries.failed_sentence(step))
    if tested.lists_problem is not None:
        click.echo("Saved, but the products could not be fetched now; fetch them on the settings page.", err=True)


@connections.command("list")
def list_connections() -> None:
    """One JSON line per package, without secrets."""
    statement = select(Connection, AccountingItem.code).outerjoin(AccountingItem, AccountingItem.id == Connection.default_item_id)
    for row, code in db.session.execute(statement.order_by(Connection.id)):
        line = {
            "connection": row.vendor,
            "state": row.state,
            "url": row.url,
            "has_key": bool(row.secret_sealed),
            "default_product": code or "",
            "nightly": row.nightly,
            "reason": row.problem,
            "checked_at": row.checked_at.isoformat() if row.checked_at else None,
        }
        click.echo(json.dumps(line, ensure_ascii=False))


def _fail(sentence: str) -> NoReturn:
    """One sentence on standard error, exit 1."""
    db.session.rollback()
    raise click.ClickException(" ".join(sentence.split()))


def _read_json() -> dict[str, Any]:
    try:
        found = json.loads(sys.stdin.buffer.read().decode("utf-8"))
    except ValueError:
        raise click.UsageError("standard input must hold one JSON object") from None
    if not isinstance(found, dict):
        raise click.UsageError("standard input must hold one JSON object")
    return found


def _typed(vendor: str, values: dict[str, Any]) -> actions.Typed:
    known = KEYS[vendor]
    if unknown := sorted(values.keys() - known.keys()):
        raise click.UsageError(f"unknown keys: {', '.join(unknown)}; {vendor} takes {', '.join(known)}")
    for name, value in values.items():
        if not isinstance(value, known[name]):
            raise click.UsageError(f"{name} wants {'true or false' if known[name] is bool else 'text'}")
    row = db.session.scalar(select(Connection.url).where(Connection.vendor == vendor))
    db.session.rollback()
    return actions.Typed(
        api_key=values.get("api_key", ""),
        url=values.get("url", row or ""),
        default_product=values.get("default_product"),
        nightly=values.get("nightly"),
    )


def _needs_key(reason: str) -> str:
    if reason == "url_changed":
        return "The url changed: give api_key again, because a saved key is never sent to a new address by itself."
    if reason == "key_unreadable":
        return formats.reason("key_unreadable")
    return "There is no key yet: give api_key."


def _product_refused(error: actions.ProductRefused) -> str:
    if error.reason == "period":
        return f"{error.code} is sold per period and would make subscriptions; choose a product that is sold once. Nothing was saved."
    return f"There is no product {error.code} in the package; nothing was saved."
