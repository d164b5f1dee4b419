"""Registering hours, expenses and trips."""

from flask import Blueprint

blueprint = Blueprint("register", __name__, url_prefix="/register", cli_group=None)

from blueprints.register import routes, routes_costs  # noqa: E402, F401
