"""Importing customers from an accounting package."""

from flask import Blueprint

blueprint = Blueprint("imports", __name__, url_prefix="/settings/import", cli_group=None)

from blueprints.imports import commands, data_commands, routes  # noqa: E402, F401
