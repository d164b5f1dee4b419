"""Invoices and transfers."""

from flask import Blueprint

blueprint = Blueprint("finance", __name__, url_prefix="/finance", cli_group=None)

from blueprints.finance import commands, dialog_routes, invoice_routes, routes  # noqa: E402, F401
