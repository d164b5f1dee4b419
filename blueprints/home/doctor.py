"""What `flask doctor` looks at. Reads only, and calls nobody: the connections are told as they were left."""

from __future__ import annotations

import os
import platform
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import current_app
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from blueprints import formats
from connectors.errors import NotSent
from models import Connection, Transfer, User, db
from settings import WEFACT_URL, Settings
from transfers import backups, connections

DEFAULT_SECONDS = {"settle": {"wefact": 600, "afas": 1200}, "call": {"wefact": 60, "afas": 120}}
STALE_BACKUP = timedelta(days=2)

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. Levels: ok, warning, wrong."""

    level: str
    about: str
    sentence: str


def examine(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Everything, one finding after the other; what needs the database stops where the database does."""
    yield from _about_settings(settings)
    yield _about_key(settings)
    yield Finding("ok", "Python", platform.python_version())
    if backups.is_sqlite(db.engine):
        yield _about_sqlite()
    schema = _about_schema()
    yield schema
    if schema.level == "wrong":
        return
    yield from _about_backups(settings, now)
    yield from _about_people()
    yield from _about_pace(settings)
    yield from _about_connections(settings)


def _about_settings(settings: Settings) -> Iterator[Finding]:
    if settings.is_plain_http_elsewhere:
        yield Finding("warning", "Address", f"{settings.base_url} is not encrypted; put https in front and set UURWERK_BASE_URL")
    else:
        yield Finding("ok", "Address", settings.base_url)
    if settings.is_https and not settings.trusted_proxies:
        yield Finding("warning", "Proxy", "https without UURWERK_TRUSTED_PROXIES: every visitor seems to come from the proxy")
    mode = stat.S_IMODE(settings.data_dir.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        yield Finding("warning", "Data directory", f"others may look into {settings.data_dir}; run: chmod 700 {settings.data_dir}")
    else:
        yield Finding("ok", "Data directory", str(settings.data_dir))
    yield Finding("ok", "Time", f"{settings.timezone}, nightly work at {settings.nightly_at} in a new company")
    if settings.worker == "off":
        yield Finding("ok", "Worker", "off here (UURWERK_WORKER): somebody else must run `flask --app app transfers work`")
    if not settings.exports_enabled:
        yield Finding("warning", "Sending", "nothing is sent to packages (UURWERK_EXPORTS_ENABLED=0)")


def _about_key(settings: Settings) -> Finding:
    file = settings.data_dir / "secret.key"
    if not file.exists():
        return Finding("ok", "Key", "from UURWERK_SECRET_KEY; keep a copy apart from the backups")
    mode = stat.S_IMODE(file.stat().st_mode)
    if os.environ.get("UURWERK_SECRET_KEY"):
        return Finding("ok", "Key", f"from UURWERK_SECRET_KEY; {file} is not used")
    return Finding("ok", "Key", f"{file}, mode {mode:04o}; keep a copy apart from the backups")


def _about_sqlite() -> Finding:
    with db.engine.connect() as connection:
        version = str(connection.scalar(text("SELECT sqlite_version()")))
        journal = str(connection.scalar(text("PRAGMA journal_mode"))).upper()
    if journal == "WAL":
        return Finding("ok", "SQLite", f"{version}, WAL")
    return Finding("ok", "SQLite", f"{version}, rollback journal: this library's WAL is not safe (older than 3.51.3, or 3.52.0)")


# --- Schema ---------------------------------------------------------------------------------------------------------------------


def script() -> ScriptDirectory:
    """The migrations of this version."""
    from alembic.script import ScriptDirectory  # only for these commands: a serving process saves 10 MB without it

    return ScriptDirectory(str(Path(current_app.root_path) / "migrations"))


def known_revisions() -> set[str]:
    return {revision.revision for revision in script().walk_revisions()}


def current_revision() -> str | None:
    """Where the database stands; None when it is empty."""
    with db.engine.connect() as connection:
        from alembic.migration import MigrationContext

        return MigrationContext.configure(connection).get_current_revision()


def _about_schema() -> Finding:
    database = db.engine.url.render_as_string(hide_password=True)
    try:
        revision = current_revision()
    except SQLAlchemyError as error:
        return Finding("wrong", "Database", f"{database} cannot be reached: {getattr(error, 'orig', error)}")
    if revision is None:
        return Finding("wrong", "Database", f"{database} is empty; `./run serve` prepares it")
    if revision == script().get_current_head():
        return Finding("ok", "Database", f"{database}, schema {revision}")
    if revision in known_revisions():
        return Finding(
            "wrong", "Database", f"{database} has schema {revision}, older than this version; `./run serve` brings it up to date"
        )
    return Finding("wrong", "Database", f"{database} has schema {revision}, which this version does not know: start the newer version")


# --- What stands in the database ------------------------------------------------------------------------------------------------


def _about_backups(settings: Settings, now: datetime) -> Iterator[Finding]:
    if not backups.is_sqlite(db.engine):
        yield Finding("ok", "Backups", "PostgreSQL: with pg_dump, outside Uurwerk")
        return
    last = backups.newest(settings.data_dir)
    if last is None:
        yield Finding("warning", "Backups", "there is none in the data directory; `./run backup` makes one")
        return
    made_at = datetime.fromtimestamp(last.stat().st_mtime, now.tzinfo)
    level = "warning" if now - made_at > STALE_BACKUP else "ok"
    yield Finding(level, "Backups", f"the last one is {last}, of {made_at:%Y-%m-%d %H:%M} UTC")


def _about_people() -> Iterator[Finding]:
    people = db.session.scalar(select(func.count()).select_from(User).where(User.active)) or 0
    if people:
        yield Finding("ok", "People", f"{people} may sign in")
    else:
        yield Finding(
            "warning", "People", "nobody can sign in yet; `flask --app app users setup-link` gives the link for the first administrator"
        )


def _about_pace(settings: Settings) -> Iterator[Finding]:
    for kind, meaning in (("settle", "wait after a lost answer before looking"), ("call", "longest wait for one answer")):
        for package, default in DEFAULT_SECONDS[kind].items():
            seconds: int = getattr(settings, f"{kind}_seconds_{package}")
            name = f"UURWERK_{kind.upper()}_SECONDS_{package.upper()}"
            if seconds < default:
                yield Finding("warning", "Pace", f"{name} is {seconds}, below {default}: the {meaning} is too short for a real package")


def _about_connections(settings: Settings) -> Iterator[Finding]:
    rows = list(db.session.scalars(select(Connection).order_by(Connection.id)))
    if any(row.state != "off" for row in rows):
        addresses = ", ".join(settings.outgoing_ips)
        sentence = addresses or "not told (UURWERK_OUTGOING_IPS), so the pages cannot say which address a package must let in"
        yield Finding("ok" if addresses else "warning", "Outgoing address", sentence)
    if settings.wefact_url != WEFACT_URL:
        yield Finding("warning", "WeFact", f"calls go to {settings.wefact_url} (UURWERK_WEFACT_URL), not to WeFact itself")
    for row in rows:
        yield _about_connection(settings, row)
    waiting = db.session.scalar(select(func.count()).select_from(Transfer).where(Transfer.state == "attention")) or 0
    if waiting:
        yield Finding("warning", "Transfers", f"{waiting} need attention: Finance, Transfers")


def _about_connection(settings: Settings, row: Connection) -> Finding:
    name = formats.VENDORS[row.vendor]
    if row.state == "off":
        return Finding("ok", name, "off")
    try:
        connections.access(settings, row)
    except NotSent as error:
        level = "warning" if error.reason == "not_configured" else "wrong"
        return Finding(level, name, formats.reason(error.reason, error.params))
    tested = f"; tested {row.checked_at:%Y-%m-%d %H:%M} UTC" if row.checked_at else ""
    if row.state == "failing":
        params: dict[str, Any] = dict(row.problem_params)
        return Finding("wrong", name, f"failing: {formats.reason(row.problem, params, str(params.get('detail', '')))}{tested}")
    return Finding("ok", name, f"{row.state}{tested}")
