"""Everybody's hours, expenses and trips, and what may be done with them."""

from flask import Blueprint

blueprint = Blueprint("reports", __name__, url_prefix="/reports", cli_group=None)

from blueprints.reports import routes  # noqa: E402, F401
