"""Addresses."""

from __future__ import annotations

from flask import abort

from blueprints.imports import blueprint


@blueprint.get("")
def overview():  # type: ignore[no-untyped-def]
    abort(404)
