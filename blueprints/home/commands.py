"""What whoever has the server types: a tick, getting ready to serve, a check-up, copies of the data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

import click
from flask import current_app
from sqlalchemy import select

from blueprints import formats
from blueprints.home import blueprint, doctor
from models import User, db
from settings import Settings
from transfers import backups, ticker

MARKS = {"ok": "ok     ", "warning": "look   ", "wrong": "WRONG  "}


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings


@blueprint.cli.command("tick")
def tick() -> None:
    """One tick of the scheduler: whatever is due today is started, once."""
    for line in ticker.tick(formats.now()):
        click.echo(line)


@blueprint.cli.command("prepare")
def prepare() -> None:
    """Bring the database to this version, after a backup when it is SQLite, and say what to do next."""
    settings, revision = _settings(), doctor.current_revision()
    if revision is not None and revision not in doctor.known_revisions():
        raise click.ClickException(
            f"the database has schema {revision}, which this version does not know: a newer version wrote it; start that one"
        )
    if revision != doctor.script().get_current_head():
        _migrate(settings, is_empty=revision is None)
    _invite()
    click.echo(f"Uurwerk: serving at {settings.base_url}")


def _migrate(settings: Settings, is_empty: bool) -> None:
    if not is_empty and backups.is_sqlite(db.engine):
        click.echo(f"Uurwerk: the database before this version is kept as {_backup(settings, None, 'before-upgrade')}")
    from flask_migrate import upgrade

    upgrade()
    click.echo("Uurwerk: the database is prepared" if is_empty else "Uurwerk: the database is up to date")


def _invite() -> None:
    if db.session.scalar(select(User.id).limit(1)) is not None:
        return
    click.echo("Uurwerk: nobody can sign in yet; make the first administrator here, once:")
    context = click.get_current_context()
    users = cast("click.Group", current_app.cli.commands["users"])
    context.invoke(users.commands["setup-link"])


@blueprint.cli.command("doctor")
def examine() -> None:
    """Check settings, database, library versions, key file, outgoing address and each connection; exit 1 when something is wrong."""
    levels = set()
    for finding in doctor.examine(_settings(), formats.now()):
        levels.add(finding.level)
        click.echo(f"{MARKS[finding.level]}{finding.about}: {finding.sentence}")
    if "wrong" in levels:
        sys.exit(1)


@blueprint.cli.command("backup")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path | None) -> None:
    """Copy the SQLite database, also while it is in use; without FILE into the data directory, where the newest fourteen stay."""
    click.echo(f"{_backup(_settings(), file, 'uurwerk')}")
    click.echo("The keys of connections are readable only with the installation's own key (secret.key): keep that apart.", err=True)


def _backup(settings: Settings, file: Path | None, label: str) -> Path:
    try:
        return backups.backup(db.engine, settings.data_dir, formats.now(), file, label)
    except backups.NotPossible as error:
        raise click.ClickException(str(error)) from error


@blueprint.cli.command("restore")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask whether it is meant.")
def restore(file: Path, yes: bool) -> None:
    """Put a backup in the place of the database; what stands there now is kept as a backup too."""
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("add --yes to replace the database by this backup")
        click.confirm(f"Replace the database by {file}? What stands there now is kept as a backup.", abort=True)
    settings = _settings()
    try:
        before = backups.restore(db.engine, settings.data_dir, formats.now(), file, doctor.known_revisions())
    except backups.NotPossible as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Restored from {file}." + (f" The database that was there is {before}." if before else ""))
    click.echo(
        "Invoices that were made after this backup are not known here, so their hours look unbilled again. Start with "
        "UURWERK_EXPORTS_ENABLED=0 and compare with the package before anything is invoiced."
    )
