"""The areas of the application, one folder per menu entry, and what every page needs around it."""

from __future__ import annotations

from typing import Any

from flask import g

AREAS = ("home", "auth", "register", "reports", "finance", "manage", "imports", "settings")


def page_context() -> dict[str, Any]:
    """What the base template shows on every page."""
    from blueprints.home.queries import header_state

    return {"header": header_state(g.user)} if g.get("user") else {}
