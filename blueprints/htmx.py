"""One address, two shapes: the whole page, or the fragment that htmx asked for. Routes never read the headers themselves."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, flash, g, make_response, redirect, render_template, request
from flask_babel import gettext as _

from blueprints import formats
from connectors.errors import ConnectorError


def wants_fragment() -> bool:
    """Whether htmx asks for a part: not when the browser rebuilds a page from its history."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true" and headers.get("HX-History-Restore-Request") != "true" and headers.get("HX-Boosted") != "true"
    )


def page(template: str, fragment: str | None = None, status: int = 200, **values: Any) -> Response:
    """The page, or only its fragment (a template that the page includes) when htmx asked."""
    name = fragment if fragment and wants_fragment() else template
    return make_response(render_template(name, **values), status)


def fragment(template: str, status: int = 200, **values: Any) -> Response:
    """A part on its own, for an address that has no page."""
    return make_response(render_template(template, **values), status)


def done(location: str, message: str = "", kind: str = "ok") -> Response:
    """After a write: back to a page, with a message. Plain forms get a 303, htmx gets HX-Location's plain cousin HX-Redirect."""
    if message:
        flash(message, kind)
    if wants_fragment():
        return Response(status=204, headers={"HX-Redirect": location})
    return redirect(location, code=303)


def toast(response: Response, message: str, kind: str = "ok") -> Response:
    """Adds a message to a fragment; app.js shows it. Headers carry ASCII only, so the text travels as escaped JSON."""
    response.headers["HX-Trigger"] = json.dumps({"toast": {"message": message, "kind": kind}})
    return response


def error_page(code: int, key: str = "") -> tuple[str, int]:
    """The page for an error, or for htmx a short text that becomes a message."""
    values = formats.error_page(code, key)
    if request.headers.get("HX-Request") == "true":
        return render_template("_alert.html", **values), code
    return render_template("error.html", signed_in=bool(g.get("user")), **values), code


def connector_alert(error: ConnectorError) -> tuple[str, int]:
    """Another system failed while a page was waiting for it."""
    values = {
        "code": 502,
        "title": _("No answer from the accounting package"),
        "text": formats.reason(error.reason, error.params, error.detail),
    }
    if request.headers.get("HX-Request") == "true":
        return render_template("_alert.html", **values), 502
    return render_template("error.html", signed_in=bool(g.get("user")), **values), 502
