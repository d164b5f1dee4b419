"""The dashboard, the addresses that older names lead to, and the ones that machines ask whether we live."""

from flask import Blueprint

blueprint = Blueprint("home", __name__, cli_group=None)

from blueprints.home import commands, routes  # noqa: E402, F401
