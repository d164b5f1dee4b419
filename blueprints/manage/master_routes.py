"""Addresses of what the others choose from: activities, expense categories, vehicles, VAT rates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, abort, g, request, url_for
from flask_babel import gettext as _
from wtforms import Field, SelectField

from blueprints import formats, htmx, listing, rights
from blueprints.formats import AmountField, CheckedField
from blueprints.manage import actions, blueprint, queries
from blueprints.manage.actions import CodeRefused, ItemRefused, Missing, RegimeNeeded, Saved
from blueprints.manage.forms import (
    ActivityForm,
    ExpenseCategoryForm,
    RecordForm,
    VatRegimeForm,
    VehicleForm,
    between,
    line,
    whole_or_none,
    with_fields,
)
from blueprints.manage.routes import saved_message, status_filter, without_filter
from models import Activity, Connection, ExpenseCategory, VatRegime, Vehicle, db

ITEM_LABELS: dict[str, Callable[[], str]] = {
    "wefact": lambda: _("WeFact product"),
    "hostfact": lambda: _("HostFact product"),
    "afas": lambda: _("AFAS item"),
}


# --- The item of an activity or expense category ----------------------------------------------------------------------------------


def _item_fields(connections: list[Connection], local_type: str, local_id: int | None) -> tuple[dict[str, Field], dict[str, Any]]:
    """A choice of items per connected package, and what is chosen now."""
    items, chosen = queries.items([row.id for row in connections], local_type, local_id)
    fields, data = {}, {}
    for row in connections:
        choices = [("", _("The default of %(package)s", package=formats.VENDORS[row.vendor]))]
        choices += [_item_choice(item, row.vendor, chosen.get(row.id)) for item in items[row.id]]
        fields[f"item_{row.vendor}"] = SelectField(ITEM_LABELS[row.vendor](), choices=choices, coerce=whole_or_none)
        data[f"item_{row.vendor}"] = chosen.get(row.id)
    return fields, data


def _item_choice(item: Any, vendor: str, chosen: int | None) -> tuple[Any, ...]:
    package = formats.VENDORS[vendor]
    values = {"code": item.code, "name": item.name, "vat": formats.percentage(item.vat_percentage_bp), "package": package}
    if not item.active:
        return (str(item.id), _("%(code)s %(name)s, no longer in %(package)s", **values))
    if item.period:
        off = {} if item.id == chosen else {"disabled": True}
        return (str(item.id), _("%(code)s %(name)s, is a subscription in %(package)s", **values), off)
    if item.vat_percentage_bp is None:
        return (str(item.id), f"{item.code} {item.name}")
    return (str(item.id), _("%(code)s %(name)s, %(vat)s VAT", **values))


def _refuse_item(form: RecordForm, error: ItemRefused) -> None:
    package = formats.VENDORS[error.vendor]
    if error.reason == "period":
        sentence = _(
            "%(item)s has a period in %(package)s: every invoice line with it would start a subscription there. Choose a product without one.",
            item=error.item,
            package=package,
        )
    else:
        sentence = _("This one is no longer in %(package)s; choose another, or refresh the list under Settings.", package=package)
    form.refuse(f"item_{error.vendor}", sentence)


def _connected() -> list[Connection]:
    return [row for row in queries.connections() if row.state == "connected"]


def _linked_list(table: Any, local_type: str, tab: str) -> Response:
    asked = listing.read(["name", "code"], "name")
    connections = queries.connections()
    q, status, without = queries.search_text(request.args.get("q", "")), status_filter(), without_filter(connections)
    rows, total = queries.linked_rows(table, local_type, asked, q, status, without)
    return htmx.page(
        f"manage/{tab}.html",
        f"manage/_{tab}.html",
        section="manage",
        tab=tab,
        listing=asked,
        rows=rows,
        pager=asked.pager(total),
        q=q,
        shown=status,
        connections=connections,
        without=without,
        item_labels={vendor: label() for vendor, label in ITEM_LABELS.items()},
        is_fragment=htmx.wants_fragment(),
    )


def _linked_page(
    table: Any,
    form_class: type[RecordForm],
    object_type: str,
    tab: str,
    row_id: int | None,
    save: Callable[..., Saved],
) -> Response:
    """The page of one activity or expense category, and what a post to it does."""
    row = (db.session.get(table, row_id) or abort(404)) if row_id is not None else None
    connections = _connected()
    fields, chosen = _item_fields(connections, object_type, row_id)
    form = with_fields(form_class, fields)(obj=row, data=chosen)
    if not rights.may("rates"):
        form._fields.pop("hourly_rate_e4", None)
    if request.method == "POST" and form.validate():
        items = {connection.id: form._fields[f"item_{connection.vendor}"].data for connection in connections}
        try:
            saved = save(row_id, form.values(), items, g.user, formats.now())
        except Missing:
            abort(404)
        except ItemRefused as error:
            _refuse_item(form, error)
        else:
            return htmx.done(url_for(f"manage.{tab}"), saved_message(form._fields["name"].data, saved))
    return htmx.page(
        f"manage/{object_type}.html",
        status=422 if form.errors else 200,
        section="manage",
        tab=tab,
        row=row,
        form=form,
        item_fields=[form._fields[name] for name in fields],
        history=queries.history(object_type, row_id) if row_id is not None else [],
    )


@blueprint.get("/activities")
@rights.needs("master_data")
def activities() -> Response:
    return _linked_list(Activity, "activity", "activities")


@blueprint.route("/activities/new", methods=["GET", "POST"], defaults={"activity_id": None}, endpoint="new_activity")
@blueprint.route("/activities/<int(max=2147483647):activity_id>", methods=["GET", "POST"])
@rights.needs("master_data")
def activity(activity_id: int | None) -> Response:
    return _linked_page(Activity, ActivityForm, "activity", "activities", activity_id, actions.save_activity)


@blueprint.get("/expense-categories")
@rights.needs("master_data")
def expense_categories() -> Response:
    return _linked_list(ExpenseCategory, "expense_category", "expense_categories")


@blueprint.route("/expense-categories/new", methods=["GET", "POST"], defaults={"category_id": None}, endpoint="new_expense_category")
@blueprint.route("/expense-categories/<int(max=2147483647):category_id>", methods=["GET", "POST"])
@rights.needs("master_data")
def expense_category(category_id: int | None) -> Response:
    return _linked_page(
        ExpenseCategory, ExpenseCategoryForm, "expense_category", "expense_categories", category_id, actions.save_expense_category
    )


# --- Vehicles -------------------------------------------------------------------------------------------------------------------


@blueprint.get("/vehicles")
@rights.needs("master_data")
def vehicles() -> Response:
    asked = listing.read(["name"], "name")
    rows, total = queries.vehicles(asked, status_filter())
    return htmx.page(
        "manage/vehicles.html",
        section="manage",
        tab="vehicles",
        listing=asked,
        rows=[row for (row,) in rows],
        pager=asked.pager(total),
        shown=status_filter(),
        is_fragment=False,
    )


@blueprint.route("/vehicles/new", methods=["GET", "POST"], defaults={"vehicle_id": None}, endpoint="new_vehicle")
@blueprint.route("/vehicles/<int(max=2147483647):vehicle_id>", methods=["GET", "POST"])
@rights.needs("master_data")
def vehicle(vehicle_id: int | None) -> Response:
    row = (db.session.get(Vehicle, vehicle_id) or abort(404)) if vehicle_id is not None else None
    form = VehicleForm(obj=row)
    if request.method == "POST" and form.validate():
        try:
            saved = actions.save_vehicle(vehicle_id, form.values(), g.user, formats.now())
        except Missing:
            abort(404)
        return htmx.done(url_for("manage.vehicles"), saved_message(form.name.data, saved))
    history = queries.history("vehicle", vehicle_id) if vehicle_id is not None else []
    return htmx.page(
        "manage/vehicle.html",
        status=422 if form.errors else 200,
        section="manage",
        tab="vehicles",
        row=row,
        form=form,
        history=history,
    )


# --- VAT ------------------------------------------------------------------------------------------------------------------------


@blueprint.get("/vat")
@rights.needs("master_data")
def vat() -> Response:
    return htmx.page("manage/vat.html", section="manage", tab="vat", regimes=queries.regimes(), connections=queries.connections())


@blueprint.route("/vat/<int(max=2147483647):regime_id>", methods=["GET", "POST"])
@rights.needs("master_data")
def vat_regime(regime_id: int) -> Response:
    row = db.session.get(VatRegime, regime_id) or abort(404)
    connections = queries.connections()
    fields, data = _mapping_fields(row, connections)
    form = with_fields(VatRegimeForm, fields)(obj=row, data=data)
    if request.method == "POST" and form.validate():
        mappings = {connection.id: form._fields[f"item_{connection.vendor}"].data for connection in connections}
        try:
            saved = actions.save_regime(regime_id, form.values(), mappings, g.user, formats.now())
        except Missing:
            abort(404)
        except CodeRefused as error:
            package = formats.VENDORS[str(error)]
            form.refuse(f"item_{error}", _("%(package)s has no such VAT code; choose one from the list.", package=package))
        except RegimeNeeded:
            form.refuse("active", _("This is the VAT of the company itself; choose another one under Settings, Company first."))
        else:
            return htmx.done(url_for("manage.vat"), saved_message(form._fields["name"].data, saved))
    return htmx.page(
        "manage/vat_regime.html",
        status=422 if form.errors else 200,
        section="manage",
        tab="vat",
        row=row,
        form=form,
        mapping_fields=[form._fields[name] for name in fields],
        history=queries.history("vat_regime", regime_id),
    )


def _mapping_fields(regime: VatRegime, connections: list[Connection]) -> tuple[dict[str, Field], dict[str, Any]]:
    """What the regime is called in each package: a code where the package has codes, else a percentage."""
    codes = queries.tax_codes([row.id for row in connections])
    mappings = queries.vat_mappings(regime.id)
    fields: dict[str, Field] = {}
    data: dict[str, Any] = {}
    for row in connections:
        name, package, mapping = f"item_{row.vendor}", formats.VENDORS[row.vendor], mappings.get(row.id)
        if row.vendor == "hostfact":
            limits = [between(0, 10_000, _("Enter a percentage from 0 to 100."))]
            fields[name] = AmountField(_("Percentage in %(package)s", package=package), limits, scale=2)
            data[name] = mapping.percentage_bp if mapping else None
        elif codes[row.id]:
            choices = [
                ("", _("None")),
                *((code.code, f"{code.code} {code.name} {formats.percentage(code.percentage_bp)}") for code in codes[row.id]),
            ]
            if mapping and mapping.code and mapping.code not in dict(choices):
                choices.append((mapping.code, _("%(code)s, no longer in %(package)s", code=mapping.code, package=package)))
            fields[name] = SelectField(_("VAT code in %(package)s", package=package), choices=choices)
            data[name] = mapping.code if mapping else ""
        else:
            fields[name] = CheckedField(_("VAT code in %(package)s", package=package), line(20))
            data[name] = mapping.code if mapping else ""
    return fields, data
