"""`flask customers import …`: the same run as the button, to its end."""

from __future__ import annotations

import json
import sys
import time

import click
from flask import current_app
from flask.cli import AppGroup

from blueprints import formats
from blueprints.imports import actions, blueprint
from transfers import imports, worker

customers = AppGroup("customers", help="Customers.")
blueprint.cli.add_command(customers)


@customers.command("import")
@click.argument("vendor", type=click.Choice(["wefact", "hostfact", "afas"]))
@click.option("--mode", type=click.Choice(["new", "update"]), default="update", show_default=True, help="Only new ones, or also update.")
@click.option("--full", is_flag=True, help="Read the whole list, not only what changed since the last import.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
def import_customers(vendor: str, mode: str, full: bool, dry_run: bool) -> None:
    """Import the customers of a package, and print the counts as one line of JSON."""
    try:
        run_id = actions.start(vendor, mode, formats.now(), source="command", full=full, preview_only=dry_run)
    except (imports.NotConnected, imports.RunUnderway) as refused:
        raise click.ClickException(actions.refusal(vendor, refused)) from refused
    context = worker.new_context(current_app.extensions["settings"], time.sleep, formats.now)
    run = imports.run_to_end(context, run_id)
    names = ("created", "updated", "unchanged", "conflicts", "skipped", "failed", "calls")
    click.echo(json.dumps({name: getattr(run, name) for name in names}))
    if run.reason:
        click.echo(actions.outcome(run), err=True)
    if run.state == "failed" or run.failed:
        sys.exit(1)
