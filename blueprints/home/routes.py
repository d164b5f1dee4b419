"""Addresses of the dashboard, the aliases and the health checks."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify, redirect, request, url_for
from sqlalchemy import select

from blueprints import formats, htmx, rights
from blueprints.home import actions, blueprint, queries
from models import db

ALIASES = {
    "/overviews/hours": "reports.hours",
    "/overviews/expenses": "reports.expenses",
    "/overviews/trips": "reports.trips",
    "/overviews/unbilled": "finance.unbilled",
    "/reports/unbilled": "finance.unbilled",
    "/financial/unbilled": "finance.unbilled",
    "/financial/invoices": "finance.invoices",
    "/relations/customers": "manage.customers",
    "/management/activities": "manage.activities",
    "/management/expense-categories": "manage.expense_categories",
    "/app-center": "settings.integrations",
    "/settings/app-center": "settings.integrations",
    "/settings/integrations/wefact": "settings.wefact",
    "/settings/integrations/afas": "settings.afas",
}
"""Names that people know from elsewhere; each leads to the page it means, with its filters."""


def _add_aliases(to: Blueprint) -> None:
    for path, endpoint in ALIASES.items():

        def lead(endpoint: str = endpoint) -> Response:
            return redirect(url_for(endpoint, **request.args.to_dict(flat=False)), code=301)

        to.add_url_rule(path, endpoint="alias" + path.replace("/", "_").replace("-", "_"), view_func=lead)


_add_aliases(blueprint)


@blueprint.get("/")
def dashboard() -> Response:
    return htmx.page("home/dashboard.html", section="home", **queries.dashboard(g.user, formats.today()))


@blueprint.post("/language")
def set_language() -> Response:
    actions.set_language(g.user, request.form.get("language", ""))
    return htmx.done(rights.safe_next(request.form.get("next")))


@blueprint.get("/healthz")
def health() -> Response:
    """Alive: the process answers."""
    return jsonify(status="alive")


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """Ready: the database answers too."""
    db.session.execute(select(1))
    return jsonify(status="ready"), 200
