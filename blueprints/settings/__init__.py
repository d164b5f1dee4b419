"""Company, users, connections, security and the audit log."""

from flask import Blueprint

blueprint = Blueprint("settings", __name__, url_prefix="/settings", cli_group=None)

from blueprints.settings import commands, connection_routes, routes  # noqa: E402, F401
