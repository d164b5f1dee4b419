"""Customers, projects, activities, expense categories, vehicles and VAT."""

from flask import Blueprint

blueprint = Blueprint("manage", __name__, url_prefix="/manage", cli_group=None)

from blueprints.manage import master_routes, routes  # noqa: E402, F401
