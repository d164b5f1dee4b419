"""`flask tick`, for people who prefer cron to the tick inside the server."""

from __future__ import annotations

import click

from blueprints import formats
from blueprints.home import blueprint
from transfers import ticker


@blueprint.cli.command("tick")
def tick() -> None:
    """One tick of the scheduler: whatever is due today is started, once."""
    for line in ticker.tick(formats.now()):
        click.echo(line)
