"""Addresses of the lists, the selection, the Actions menu and the fields that are edited in place."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, g, request, url_for
from flask_babel import gettext as _

import checks
from blueprints import formats, htmx, listing, rights
from blueprints.reports import actions, blueprint, export, filters, queries, wording
from blueprints.reports.kinds import BY_SOURCE, KINDS, Kind
from invoicing import edits
from invoicing.links import claims

CHANGE_RIGHTS = {
    edits.APPROVE: ("approve",),
    edits.REOPEN: ("approve",),
    edits.WRITE_OFF: ("invoicing", "rates"),
    edits.UNDO_WRITE_OFF: ("invoicing", "rates"),
    edits.MAKE_BILLABLE: ("invoicing", "rates"),
    edits.MAKE_NOT_BILLABLE: ("invoicing", "rates"),
}
"""Any one of these rights will do."""


def _viewer() -> queries.Viewer:
    return queries.Viewer(own=None if rights.may("all_registrations") else g.user.id, rates=rights.may("rates"))


def _kind(name: str) -> Kind:
    return KINDS[name] if name in KINDS else abort(404)


# --- Lists ----------------------------------------------------------------------------------------------------------------------


@blueprint.get("/hours")
def hours() -> Response:
    return _list(KINDS["hours"])


@blueprint.get("/expenses")
def expenses() -> Response:
    return _list(KINDS["expenses"])


@blueprint.get("/trips")
def trips() -> Response:
    return _list(KINDS["trips"])


def _list(kind: Kind) -> Response:
    viewer = _viewer()
    asked = filters.read(request.args, kind, formats.today())
    page = listing.read(tuple(kind.sorts), "-date")
    rows = queries.rows(kind, asked, page, viewer)
    sums = queries.totals(kind, asked, viewer)
    kept = actions.kept(g.login)
    return htmx.page(
        "reports/list.html",
        "reports/_results.html",
        section="reports",
        kind=kind,
        filters=asked,
        chips=filters.chips(kind, asked, queries.names(kind, asked), viewer.own is None),
        period=filters.period_name(asked),
        periods=filters.periods(kind, asked, formats.today()),
        clear=filters.address(kind, filters.everything()),
        listing=page,
        pager=page.pager(sums.rows),
        rows=rows,
        totals=sums,
        others=0 if rows else queries.count(kind, filters.everything(), viewer),
        viewer=viewer,
        kept=frozenset(kept.get(kind.source_type, ())),
        selected=queries.selected(kept, viewer),
        home=formats.organisation().currency,
        here=request.full_path.rstrip("?"),
        wording=wording,
        is_fragment=htmx.wants_fragment(),
    )


@blueprint.get("/<name>/choices/<field>")
def choices(name: str, field: str) -> Response:
    kind = _kind(name)
    if field not in ("customer", "project", "user", "activity") or (field == "user" and not rights.may("all_registrations")):
        abort(404)
    asked = filters.read(request.args, kind, formats.today())
    find = request.args.get("find", "").strip()[: filters.LONGEST_SEARCH].replace("\0", "")
    found = queries.choices(kind, field, asked, find)
    return htmx.page(
        "reports/choices.html",
        "reports/_choices.html" if "find" in request.args else "reports/_choices_menu.html",
        section="reports",
        kind=kind,
        field=field,
        find=find,
        search=filters.search_address(kind, asked, field),
        kept_query=asked.query(),
        back=filters.address(kind, asked),
        most=queries.CHOICES,
        found=[(label, second, filters.address(kind, asked, **{field: row_id})) for row_id, label, second in found],
    )


# --- Selection ------------------------------------------------------------------------------------------------------------------


def _numbers(texts: list[str]) -> list[int]:
    wanted = (part for text in texts for part in text.split(","))
    return [int(part) for part in wanted if part.isascii() and part.isdigit() and len(part) < 10]


def _keep_posted() -> actions.Kept:
    """The selection with the tick boxes of the posted page, which say nothing about rows on other pages."""
    ticked = {name: _numbers(request.form.getlist(name)) for name in BY_SOURCE}
    shown = {name: _numbers(request.form.getlist("shown")) if request.form.get("kind") == name else () for name in BY_SOURCE}
    return actions.keep(g.login, ticked, shown)


def _back() -> str:
    back = request.form.get("back", "")
    return rights.safe_next(back) if back.startswith("/reports/") else url_for("reports.hours")


@blueprint.post("/selection")
def keep_selection() -> Response:
    viewer = _viewer()
    kept: actions.Kept = {}
    try:
        if request.form.get("clear"):
            actions.forget(g.login)
        else:
            kept = _keep_posted()
    except actions.TooMany:
        return htmx.done(_back(), wording.too_many(), "warn")
    if not htmx.wants_fragment():
        return htmx.done(_back())
    return htmx.fragment("reports/_selected.html", selected=queries.selected(kept, viewer), viewer=viewer, wording=wording)


@blueprint.post("/<name>/all")
def select_all(name: str) -> Response:
    kind = _kind(name)
    asked = filters.read(request.args, kind, formats.today())
    expected = (_numbers([request.form.get("expected", "")]) or [0])[0]
    try:
        actions.keep_matching(g.login, kind, asked, _viewer(), expected)
    except actions.TooMany:
        return htmx.done(_back(), wording.too_many(), "warn")
    except actions.Changed as changed:
        return htmx.done(_back(), wording.other_number(expected, changed.now), "warn")
    return htmx.done(_back(), _("Selected: %(what)s.", what=kind.counted(expected)))


# --- Actions --------------------------------------------------------------------------------------------------------------------


@blueprint.post("/change/<change>")
def change_selected(change: str) -> Response:
    if not any(rights.may(right) for right in CHANGE_RIGHTS.get(change, ())):
        abort(404)
    viewer = _viewer()
    try:
        kept = _keep_posted()
    except actions.TooMany:
        return htmx.done(_back(), wording.too_many(), "warn")
    if not kept:
        return htmx.done(_back(), wording.nothing_selected(), "warn")
    back = _back()
    outcomes = actions.change_selected(change, kept, g.user, viewer, formats.now())
    return htmx.done(back, wording.outcome(change, outcomes), "ok" if any(o.changed for o in outcomes.values()) else "warn")


@blueprint.post("/export")
def export_selected() -> Response:
    viewer = _viewer()
    try:
        kept = _keep_posted()
    except actions.TooMany:
        return htmx.done(_back(), wording.too_many(), "warn")
    if not kept:
        return htmx.done(_back(), wording.nothing_selected(), "warn")
    return export.csv_file(kept, viewer, formats.today())


# --- One field ------------------------------------------------------------------------------------------------------------------


def _row_or_404(kind: Kind, row_id: int, viewer: queries.Viewer) -> Any:
    return queries.row(kind, row_id, viewer) or abort(404)


def _field(kind: Kind, values: Any) -> str:
    field = values.get("field", "")
    return field if field in kind.edits else abort(404)


@blueprint.get("/<name>/<int:row_id>/edit")
def edit(name: str, row_id: int) -> Response:
    kind = _kind(name)
    field = _field(kind, request.args)
    row = _row_or_404(kind, row_id, _viewer())
    if row.status in ("invoiced", "reserved"):
        claim = claims(kind.source_type, [row_id]).get(row_id)
        return _explain(wording.held(claim, rights.may("invoicing")) if claim else _("It has just been released; try again."))
    if row.status not in edits.EDITABLE:
        return _explain(wording.closed(row.status))
    return _editor(kind, row_id, field, wording.current(kind, row, field), row.version, "", 200)


@blueprint.get("/<name>/<int:row_id>/row")
def show_row(name: str, row_id: int) -> Response:
    kind = _kind(name)
    viewer = _viewer()
    return _show(kind, row_id, viewer, actions.kept(g.login), focus=request.args.get("field", ""))


@blueprint.post("/<name>/<int:row_id>/edit")
def save(name: str, row_id: int) -> Response:
    kind = _kind(name)
    field = _field(kind, request.form)
    viewer, kept = _viewer(), actions.kept(g.login)
    typed = request.form.get("value", "")
    version = (_numbers([request.form.get("version", "")]) or [0])[0]
    sees_transfers = rights.may("invoicing")
    try:
        actions.change_field(kind, row_id, field, typed, version, g.user, viewer, formats.now())
    except actions.NotThere:
        abort(404)
    except checks.CheckFailed as error:
        return _editor(kind, row_id, field, typed, version, formats.form_error(error.code, error.params), 422)
    except actions.Refused as refused:
        return _editor(kind, row_id, field, typed, version, formats.reason(refused.reason), 422)
    except edits.DayTooLong as error:
        return _editor(kind, row_id, field, typed, version, wording.day_too_long(error.minutes), 422)
    except edits.Held as error:
        return _explain(wording.held(error.claim, sees_transfers), 409)
    except edits.Closed as error:
        return _explain(wording.closed(error.status), 409)
    except edits.Stale as error:
        return _conflict(kind, row_id, field, typed, error.row)
    return _show(kind, row_id, viewer, kept, focus=field, with_totals=True)


def _show(kind: Kind, row_id: int, viewer: queries.Viewer, kept: actions.Kept, focus: str, with_totals: bool = False) -> Response:
    values: dict[str, Any] = {}
    if with_totals:
        asked = filters.read(request.args, kind, formats.today())
        values = {"totals": queries.totals(kind, asked, viewer), "selected": queries.selected(kept, viewer)}
    return htmx.fragment(
        "reports/_changed.html",
        kind=kind,
        row=_row_or_404(kind, row_id, viewer),
        viewer=viewer,
        kept=frozenset(kept.get(kind.source_type, ())),
        focus=focus,
        home=formats.organisation().currency,
        wording=wording,
        **values,
    )


def _in_cell(response: Response) -> Response:
    """What goes back into the cell, where success would have replaced the row."""
    response.headers["HX-Retarget"] = "closest td"
    response.headers["HX-Reswap"] = "innerHTML"
    return response


def _editor(kind: Kind, row_id: int, field: str, value: str, version: int, problem: str, status: int) -> Response:
    query = {key: text for key, text in request.args.items() if key not in ("name", "row_id", "field")}
    return _in_cell(
        htmx.fragment(
            "reports/_edit.html",
            status,
            field=field,
            value=value,
            version=version,
            problem=problem,
            row_id=row_id,
            label=wording.FIELDS[field],
            address=url_for("reports.save", name=kind.name, row_id=row_id, **query),
        )
    )


def _explain(sentence: str, status: int = 200) -> Response:
    return _in_cell(htmx.fragment("reports/_locked.html", status, sentence=sentence))


def _conflict(kind: Kind, row_id: int, field: str, typed: str, row: Any) -> Response:
    first = actions.conflict(kind.source_type, row)
    theirs = wording.shown(field, wording.current(kind, _row_or_404(kind, row_id, _viewer()), field))
    query = {key: text for key, text in request.args.items() if key not in ("name", "row_id", "field")}
    return _in_cell(
        htmx.fragment(
            "reports/_conflict.html",
            409,
            row_id=row_id,
            field=field,
            sentence=wording.changed_meanwhile(first.name, formats.clock_time(first.at)),
            theirs=theirs,
            yours=wording.shown(field, typed),
            typed=typed,
            version=row.version,
            label=wording.FIELDS[field],
            address=url_for("reports.save", name=kind.name, row_id=row_id, **query),
            row_address=url_for("reports.show_row", name=kind.name, row_id=row_id, field=field),
        )
    )
