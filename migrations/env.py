"""Runs migrations on the application's own engine, so that SQLite gets the same driver and pragmas as the pages."""

from __future__ import annotations

from alembic import context
from flask import current_app

import models  # noqa: F401
from models import Instant, Json

database = current_app.extensions["migrate"].db
target = database.metadatas[None]


def render_item(kind: str, item: object, autogen_context: object) -> str | bool:
    if kind == "type" and isinstance(item, Instant):
        return "sa.DateTime()"
    if kind == "type" and isinstance(item, Json):
        return "sa.Text()"
    return False


def run() -> None:
    arguments = dict(current_app.extensions["migrate"].configure_args)
    with database.engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:  # a table that is rebuilt must not take its children along
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.commit()
        context.configure(connection=connection, target_metadata=target, render_item=render_item, **arguments)
        with context.begin_transaction():
            context.run_migrations()
            if sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()):
                raise RuntimeError(f"the migration would leave rows without their parent: {broken[:5]}")
        connection.commit()
        if sqlite:
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
            connection.commit()


run()
