"""The areas of the application, one folder per menu entry, and what every page needs around it."""

from __future__ import annotations

from typing import Any

from flask import g
from werkzeug.local import LocalProxy

AREAS = ("home", "auth", "register", "reports", "finance", "manage", "imports", "settings")


def page_context() -> dict[str, Any]:
    """What the base template shows on every page. Asked for only when a template uses it, so a fragment costs no query."""
    return {"header": LocalProxy(_header)} if g.get("user") else {}


def _header() -> Any:
    from blueprints.home.queries import header_state

    if "header" not in g:
        g.header = header_state(g.user)
    return g.header
