"""Copies of a SQLite database: made while it is in use, checked, kept private, and put back into a stopped installation.

PostgreSQL has its own tools for this (pg_dump and pg_restore).
"""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy.engine import Engine

KEEP = 14
"""Backups that stay in the data directory when they have no name of their own."""

FOLDER = "backups"


class NotPossible(Exception):
    """The copy cannot be made or put back; the text says why and what to do."""


def is_sqlite(engine: Engine) -> bool:
    return engine.dialect.name == "sqlite"


def backup(engine: Engine, data_dir: Path, now: datetime, file: Path | None = None, label: str = "uurwerk") -> Path:
    """Copies the database as it is at this moment, readable by its owner alone, and checks the copy.

    Without a file name it goes into `backups` in the data directory, where the newest fourteen stay. Raises NotPossible.
    """
    source = _path_of(engine)
    if not source.exists():
        raise NotPossible(f"there is no database at {source} yet")
    target = file or _new_name(_folder(data_dir), f"{label}-{now:%Y%m%d-%H%M%S}")
    _copy(engine.dialect.dbapi, source, target)
    if file is None:
        for old in sorted(target.parent.glob(f"{label}-*.db"))[:-KEEP]:
            old.unlink()
    return target


def newest(data_dir: Path) -> Path | None:
    """The last backup in the data directory."""
    found = list((data_dir / FOLDER).glob("*.db"))
    return max(found, key=lambda path: path.stat().st_mtime) if found else None


def restore(engine: Engine, data_dir: Path, now: datetime, file: Path, known_revisions: set[str]) -> Path | None:
    """Puts a backup in the place of the database and keeps the database that was there: its path, or None when there was none.

    Raises NotPossible when the installation still runs, or when the file is damaged or written by a newer version; nothing changed then.
    """
    module = engine.dialect.dbapi
    target = _path_of(engine)
    _check_backup(module, file, known_revisions)
    engine.dispose()
    before = None
    if target.exists():
        _make_sure_nobody_uses(module, target)
        before = backup(engine, data_dir, now, label="before-restore")
    waiting = target.with_name(target.name + ".restoring")
    waiting.unlink(missing_ok=True)
    _copy(module, file, waiting)
    for suffix in ("-wal", "-shm", "-journal"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    waiting.replace(target)
    _flush_folder(target.parent)
    return before


def _path_of(engine: Engine) -> Path:
    if not is_sqlite(engine):
        raise NotPossible("this installation keeps its data in PostgreSQL: make copies with pg_dump and put them back with pg_restore")
    return Path(engine.url.database or "").resolve()


def _folder(data_dir: Path) -> Path:
    folder = data_dir / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _new_name(folder: Path, stem: str) -> Path:
    """Two in one second get a number."""
    path, number = folder / f"{stem}.db", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.db"
    return path


def _copy(module: Any, source: Path, target: Path) -> None:
    """An online copy in one file of its own. The target must not exist; it is gone again when the copy fails."""
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise NotPossible(f"{target} exists already; choose another name") from error
    except OSError as error:
        raise NotPossible(f"cannot write {target}: {error.strerror}") from error
    try:
        with contextlib.closing(_open(module, source)) as from_there, contextlib.closing(_open(module, target)) as to_here:
            from_there.backup(to_here)
            to_here.execute("PRAGMA journal_mode = DELETE")
            _quick_check(to_here, target)
    except (module.Error, NotPossible) as error:
        target.unlink(missing_ok=True)
        raise error if isinstance(error, NotPossible) else NotPossible(f"cannot copy {source}: {error}") from error
    with target.open("rb") as written:
        os.fsync(written.fileno())


def _open(module: Any, path: Path) -> Any:
    return module.connect(str(path), timeout=15, isolation_level=None)


def _quick_check(connection: Any, path: Path) -> None:
    answer = connection.execute("PRAGMA quick_check(1)").fetchone()
    if answer is None or answer[0] != "ok":
        raise NotPossible(f"{path} is damaged: {answer[0] if answer else 'no answer'}")


def _check_backup(module: Any, file: Path, known_revisions: set[str]) -> None:
    if not file.is_file():
        raise NotPossible(f"there is no file {file}")
    try:
        with contextlib.closing(_open(module, file)) as connection:
            _quick_check(connection, file)
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except module.Error as error:
        raise NotPossible(f"{file} is not a backup of Uurwerk: {error}") from error
    if revision is None or cast("str", revision[0]) not in known_revisions:
        raise NotPossible(f"{file} was written by another version of Uurwerk than this one; restore it with that version")


def _make_sure_nobody_uses(module: Any, path: Path) -> None:
    """A database in WAL mode gives that mode up only to somebody who is alone with it."""
    with contextlib.closing(module.connect(str(path), timeout=1, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
        except module.OperationalError as error:
            raise NotPossible("the database is in use; stop the server first, and everything else that has it open") from error


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
