"""`flask data load`: the records of years, from files."""

from __future__ import annotations

import json
from pathlib import Path

import click
from flask.cli import AppGroup

from blueprints import formats
from blueprints.imports import blueprint, data_load
from blueprints.imports.data_files import LoadRefused

data = AppGroup("data", help="Records in bulk.")
blueprint.cli.add_command(data)


@data.command("load")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def load(folder: Path) -> None:
    """Load customers, projects, users, activities, entries, expenses and trips from the CSV files in FOLDER.

    All of it is loaded or none of it, and the counts are printed as one line of JSON.
    """
    try:
        counts = data_load.load(folder.resolve(), formats.now())
    except LoadRefused as refused:
        raise click.ClickException(f"{refused} Nothing was loaded.") from refused
    click.echo(json.dumps(counts))
