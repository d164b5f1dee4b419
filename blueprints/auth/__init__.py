"""Signing in and out, and making the first administrator."""

from flask import Blueprint

blueprint = Blueprint("auth", __name__, cli_group=None)

from blueprints.auth import commands, routes  # noqa: E402, F401
