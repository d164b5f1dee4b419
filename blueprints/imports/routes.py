"""Addresses of Settings, Import."""

from __future__ import annotations

from flask import Response, abort, current_app, flash, g, redirect, request, url_for
from flask_babel import gettext as _

from blueprints import formats, htmx, listing, rights
from blueprints.imports import actions, blueprint, export, queries
from blueprints.imports.forms import ImportForm
from models import Connection, ImportRun
from transfers import imports, worker

RUNS_PER_PAGE = 20
ROWS_PER_PAGE = 50
CHANGES_PER_PAGE = 25


@blueprint.get("")
@rights.needs("import")
def overview() -> Response:
    """Where to import from, and the imports so far."""
    packages = queries.packages()
    wanted = request.args.get("source", "")
    chosen = next((one for one in packages if one.vendor == wanted), packages[0] if packages else None)
    return _overview(packages, chosen, ImportForm(mode=chosen.import_mode if chosen else "update"))


def _overview(packages: list[Connection], chosen: Connection | None, form: ImportForm, status: int = 200) -> Response:
    asked = listing.read(("started",), "-started", RUNS_PER_PAGE)
    runs, total = queries.runs(asked.offset, asked.size)
    return htmx.page(
        "imports/overview.html",
        status=status,
        section="settings",
        packages=packages,
        chosen=chosen,
        form=form,
        runs=runs,
        underway=queries.working(runs),
        pager=asked.pager(total),
        words=queries,
        outcome=actions.outcome,
    )


@blueprint.post("")
@rights.needs("import")
def start() -> Response:
    """Asks for a preview."""
    packages = queries.packages()
    chosen = next((one for one in packages if one.vendor == request.form.get("source", "")), None)
    form = ImportForm()
    if chosen is None:
        return htmx.done(url_for("imports.overview"), _("Choose a connected package to import from."), "bad")
    if not form.validate_on_submit():
        return _overview(packages, chosen, form, status=422)
    vendor = chosen.vendor
    try:
        run_id = actions.start(vendor, form.mode.data, formats.now(), user=g.user)
    except (imports.RunUnderway, imports.NotConnected) as refused:
        place = url_for("imports.run", run_id=refused.run_id) if isinstance(refused, imports.RunUnderway) else url_for("imports.overview")
        return htmx.done(place, actions.refusal(vendor, refused), "bad")
    worker.wake(current_app)
    return htmx.done(url_for("imports.run", run_id=run_id))


@blueprint.get("/<int:run_id>")
@rights.needs("import")
def run(run_id: int) -> Response:
    """An import: how far it is, its preview, or its result."""
    one = _found(run_id)
    counts = queries.counts(one) if one.state in ("preview", "done", "failed") else dict.fromkeys(queries.TABS, 0)
    tab = request.args.get("show", "")
    if tab not in queries.TABS:
        tab = next((name for name in queries.TABS if counts[name]), "create")
    asked = listing.read(("number",), "number", CHANGES_PER_PAGE if tab == "update" else ROWS_PER_PAGE)
    return htmx.page(
        "imports/run.html",
        "imports/_run.html",
        section="settings",
        run=one,
        package=formats.VENDORS[one.connection.vendor],
        counts=counts,
        tab=tab,
        lines=queries.lines(one, tab, asked.offset, asked.size) if counts[tab] else [],
        pager=asked.pager(counts[tab]),
        may_start=one.state == "preview" and queries.is_latest(one),
        words=queries,
        outcome=actions.outcome(one),
    )


@blueprint.post("/<int:run_id>/choices")
@rights.needs("import")
def choose(run_id: int) -> Response:
    """Keeps what was chosen on this page of questions."""
    _found(run_id)
    actions.choose(run_id, _choices())
    if htmx.wants_fragment():
        return Response(status=204)
    flash(_("Your choices are kept. Nothing is imported yet."), "ok")
    return redirect(url_for("imports.run", run_id=run_id, show="review", page=request.args.get("page")), code=303)


@blueprint.post("/<int:run_id>/start")
@rights.needs("import")
def apply(run_id: int) -> Response:
    """Puts the preview into effect."""
    vendor = _found(run_id).connection.vendor
    here = url_for("imports.run", run_id=run_id)
    try:
        actions.apply(run_id, _choices(), g.user, formats.now())
    except (imports.PreviewStale, imports.RunUnderway, imports.NotConnected) as refused:
        return htmx.done(here, actions.refusal(vendor, refused), "bad")
    worker.wake(current_app)
    return htmx.done(here)


@blueprint.get("/<int:run_id>/failed.csv")
@rights.needs("import")
def failed(run_id: int) -> Response:
    """The rows that did not come in, with the reason."""
    one = _found(run_id)
    name = f"{one.connection.vendor}-import-{one.id}-failed.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(export.csv_text(queries.failed_rows(run_id)), mimetype="text/csv", headers=headers)


def _found(run_id: int) -> ImportRun:
    one = queries.run(run_id)
    if one is None:
        abort(404)
    return one


def _choices() -> dict[int, str]:
    """What was chosen on a page of questions: `choice-12=link`. Whether it fits the question is looked at later."""
    prefix = "choice-"
    named = {key.removeprefix(prefix): request.form.get(key, "") for key in request.form if key.startswith(prefix)}
    return {int(key): value for key, value in named.items() if key.isascii() and key.isdigit() and len(key) < 12}
