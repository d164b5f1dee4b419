"""Addresses of customers and projects, and what every kind of record has: archive, restore, delete."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, g, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import joinedload

from blueprints import formats, htmx, listing, rights
from blueprints.manage import actions, blueprint, queries
from blueprints.manage.actions import InUse, Member, Missing, NumberTaken, OwnActivity, Saved, Stale
from blueprints.manage.forms import ActivityRow, CustomerForm, MemberRow, ProjectForm, RecordForm
from models import Customer, Project, db

STATUSES = ("active", "archived", "all")

KINDS = {
    "customers": ("customer", "customers", "manage.customers"),
    "projects": ("project", "projects", "manage.projects"),
    "activities": ("activity", "master_data", "manage.activities"),
    "expense-categories": ("expense_category", "master_data", "manage.expense_categories"),
    "vehicles": ("vehicle", "master_data", "manage.vehicles"),
}
"""Part of the address: object type, right, list."""


@blueprint.context_processor
def page_functions() -> dict[str, Any]:
    """What every template here may call: the address of the same list with another filter, from its first page."""
    return {"filter_link": lambda **changes: listing.link(page=None, **changes)}


def status_filter() -> str:
    status = request.args.get("status", "active")
    return status if status in STATUSES else "active"


def without_filter(connections: list[Any]) -> int | None:
    """The connection that rows have no link with, when the filter asks for one."""
    return next((row.id for row in connections if row.vendor == request.args.get("without")), None)


def saved_message(name: str, saved: Saved) -> str:
    """What a save did, with the unbilled work that got another rate."""
    if not saved.repriced:
        return _("%(name)s saved.", name=name)
    return ngettext(
        "%(name)s saved. %(num)s unbilled entry got another rate.",
        "%(name)s saved. %(num)s unbilled entries got another rate.",
        saved.repriced,
        name=name,
    )


def version_of(form: RecordForm) -> int | None:
    text = form._fields["version"].data or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def conflict_of(form: RecordForm, theirs: RecordForm, object_type: str, row: Any) -> dict[str, Any]:
    """Somebody was first: who, when, and what differs. The form now carries the new version, so that saving it keeps ours."""
    form._fields["version"].data = str(row.version)
    form._fields["version"].raw_data = None
    last = next(iter(queries.history(object_type, row.id)), None)
    return {"last": last, "rows": form.differences(theirs)}


# --- Customers ------------------------------------------------------------------------------------------------------------------


@blueprint.get("/customers")
@rights.needs("customers")
def customers() -> Response:
    asked = listing.read(list(queries.CUSTOMER_SORTS), "name")
    connections = queries.connections()
    q, country = queries.search_text(request.args.get("q", "")), request.args.get("country", "")
    status, without = status_filter(), without_filter(connections)
    rows, total = queries.customers(asked, q, status, country, without, rights.may("rates"))
    return htmx.page(
        "manage/customers.html",
        "manage/_customers.html",
        section="manage",
        tab="customers",
        listing=asked,
        rows=rows,
        pager=asked.pager(total),
        q=q,
        shown=status,
        country=country,
        countries=queries.customer_countries(),
        connections=connections,
        without=without,
        is_fragment=htmx.wants_fragment(),
    )


@blueprint.get("/customers/options")
@rights.needs("projects")
def customer_options() -> Response:
    """What a customer field offers while somebody types in it."""
    q = queries.search_text(request.args.get("customer", ""))
    return htmx.fragment("manage/_customer_options.html", options=queries.customer_options(q))


@blueprint.route("/customers/new", methods=["GET", "POST"])
@rights.needs("customers")
def new_customer() -> Response:
    form = _customer_form(None)
    if request.method == "POST" and form.validate():
        try:
            saved = actions.save_customer(None, None, form.values(), g.user, formats.now())
        except NumberTaken as error:
            form.refuse("number", _number_taken(error))
        else:
            return htmx.done(url_for("manage.customer", customer_id=saved.id), _("%(name)s added.", name=form.name.data))
    return _customer_page(None, form)


@blueprint.route("/customers/<int(max=2147483647):customer_id>", methods=["GET", "POST"])
@rights.needs("customers")
def customer(customer_id: int) -> Response:
    row = db.session.get(Customer, customer_id) or abort(404)
    form = _customer_form(row)
    if request.method == "POST" and form.validate():
        try:
            saved = actions.save_customer(customer_id, version_of(form), form.values(), g.user, formats.now())
        except Missing:
            abort(404)
        except NumberTaken as error:
            form.refuse("number", _number_taken(error))
        except Stale:
            return _customer_page(row, form, conflict_of(form, _customer_form(row, fresh=True), "customer", row))
        else:
            return htmx.done(url_for("manage.customer", customer_id=customer_id), saved_message(form.name.data, saved))
    return _customer_page(row, form)


def _number_taken(error: NumberTaken) -> str:
    return _("This number belongs to %(name)s already; choose another one.", name=str(error))


def _customer_form(row: Customer | None, fresh: bool = False) -> CustomerForm:
    regimes = queries.regime_choices(_("As the company"), row.vat_regime_id if row else None)
    kept = {name: getattr(row, name) for name in row.flags or []} if row else {}
    options: dict[str, Any] = {"formdata": None} if fresh else {}
    form = CustomerForm(regimes, kept, obj=row, **options)
    if not rights.may("rates"):
        del form.hourly_rate_e4, form.km_rate_e4
    return form


def _customer_page(row: Customer | None, form: CustomerForm, conflict: dict[str, Any] | None = None) -> Response:
    beside: dict[str, Any] = {}
    if row is not None:
        beside = {
            "links": queries.customer_links(row.id),
            "projects": queries.customer_projects(row.id),
            "history": queries.history("customer", row.id),
            "unbilled_cents": queries.unbilled_cents([row.id]).get(row.id, 0) if rights.may("rates") else 0,
            "flagged": [form._fields[name].label.text for name in row.flags or [] if name in form._fields],
        }
    status = 409 if conflict else 422 if form.errors else 200
    return htmx.page(
        "manage/customer.html", status=status, section="manage", tab="customers", row=row, form=form, conflict=conflict, **beside
    )


# --- Projects -------------------------------------------------------------------------------------------------------------------


@blueprint.get("/projects")
@rights.needs("projects")
def projects() -> Response:
    asked = listing.read(list(queries.PROJECT_SORTS), "name")
    q, status = queries.search_text(request.args.get("q", "")), status_filter()
    customer_id = request.args.get("customer", type=int)
    of = db.session.get(Customer, customer_id) if customer_id and customer_id < 2**31 else None
    rows, total = queries.projects(asked, q, status, of.id if of else None)
    return htmx.page(
        "manage/projects.html",
        "manage/_projects.html",
        section="manage",
        tab="projects",
        listing=asked,
        rows=rows,
        pager=asked.pager(total),
        q=q,
        shown=status,
        of=of,
        is_fragment=htmx.wants_fragment(),
    )


@blueprint.route("/projects/new", methods=["GET", "POST"])
@rights.needs("projects")
def new_project() -> Response:
    form, tables = _project_form(None)
    if request.method == "GET":
        of = db.session.get(Customer, request.args.get("customer", 0, type=int) % 2**31)
        form.customer.data = queries.label(of) if of else ""
    elif saved := _save_project(None, form, tables):
        return htmx.done(url_for("manage.project", project_id=saved.id), _("%(name)s added.", name=form.name.data))
    return _project_page(None, form, tables)


@blueprint.route("/projects/<int(max=2147483647):project_id>", methods=["GET", "POST"])
@rights.needs("projects")
def project(project_id: int) -> Response:
    row = db.session.get(Project, project_id, options=[joinedload(Project.customer)]) or abort(404)
    form, tables = _project_form(row)
    if request.method == "POST":
        try:
            if saved := _save_project(row, form, tables):
                return htmx.done(url_for("manage.project", project_id=project_id), saved_message(form.name.data, saved))
        except Missing:
            abort(404)
        except Stale:
            theirs, _tables = _project_form(row, fresh=True)
            return _project_page(row, form, tables, conflict_of(form, theirs, "project", row))
    return _project_page(row, form, tables)


Tables = tuple[list[tuple[Any, ActivityRow]], list[tuple[Any, MemberRow]]]


def _project_form(row: Project | None, fresh: bool = False) -> tuple[ProjectForm, Tables]:
    regimes = queries.regime_choices(_("As the customer"), row.vat_regime_id if row else None)
    options: dict[str, Any] = {"formdata": None} if fresh else {}
    form = ProjectForm(regimes, obj=row, **options)
    if row is not None and not isinstance(form.customer.data, str):  # nothing was typed: the row's own customer, as it is shown
        form.customer.data = queries.label(row.customer)
    typed = request.form if request.method == "POST" and not fresh else None
    project_id = row.id if row else None
    activities = [
        (choice, ActivityRow(typed, prefix=f"activity-{choice.id}-", data=_activity_data(choice, row is None)))
        for choice in queries.project_activities(project_id)
    ]
    members = [
        (choice, MemberRow(typed, prefix=f"member-{choice.id}-", data=_member_data(choice)))
        for choice in queries.project_members(project_id)
    ]
    return form, (activities, members)


def _activity_data(choice: queries.Choice, is_new: bool) -> dict[str, Any]:
    if choice.own is None:
        return {"chosen": is_new and choice.usual, "billable": choice.billable}
    return {"chosen": True, "hourly_rate_e4": choice.own.hourly_rate_e4, "billable": choice.own.billable}


def _member_data(choice: queries.Choice) -> dict[str, Any]:
    if choice.own is None:
        return {}
    return {"chosen": True, "hourly_rate_e4": choice.own.hourly_rate_e4, "is_manager": choice.own.is_manager}


def _save_project(row: Project | None, form: ProjectForm, tables: Tables) -> Saved | None:
    """Saves what was typed; None when the form says what is wrong with it. Raises Missing or Stale."""
    right = form.validate()
    for table in tables:
        for _choice, line in table:
            right = (not line.chosen.data or line.validate()) and right
    same = row is not None and form.customer.data == queries.label(row.customer)
    of = row.customer if row is not None and same else queries.customer_named(form.customer.data) if form.customer.data else None
    if form.customer.data and of is None:
        form.refuse("customer", _("No customer is called that, or more than one is; choose one from the list, or type its number."))
    if not right or of is None:
        return None
    try:
        return actions.save_project(
            row.id if row else None,
            version_of(form),
            form.values() | {"customer_id": of.id},
            [OwnActivity(c.id, line.hourly_rate_e4.data, line.billable.data) for c, line in tables[0] if line.chosen.data],
            [Member(c.id, line.hourly_rate_e4.data, line.is_manager.data) for c, line in tables[1] if line.chosen.data],
            g.user,
            formats.now(),
        )
    except InUse:
        form.refuse("customer", _("Work is registered on this project, so it stays with its customer; make a new project instead."))
        return None


def _project_page(row: Project | None, form: ProjectForm, tables: Tables, conflict: dict[str, Any] | None = None) -> Response:
    refused = form.errors or any(line.errors for table in tables for _choice, line in table)
    return htmx.page(
        "manage/project.html",
        status=409 if conflict else 422 if refused else 200,
        section="manage",
        tab="projects",
        row=row,
        form=form,
        activities=tables[0],
        members=tables[1],
        conflict=conflict,
        history=queries.history("project", row.id) if row else [],
    )


# --- Archive, restore, delete ------------------------------------------------------------------------------------------------------


def _kind(kind: str) -> tuple[str, str]:
    object_type, right, back = KINDS.get(kind) or abort(404)
    if not rights.may(right):
        abort(404)
    return object_type, back


def _address(kind: str, object_id: int) -> str:
    return f"{url_for(KINDS[kind][2])}/{object_id}"


@blueprint.post("/<kind>/<int(max=2147483647):object_id>/archive")
def archive(kind: str, object_id: int) -> Response:
    return _set_active(kind, object_id, False)


@blueprint.post("/<kind>/<int(max=2147483647):object_id>/restore")
def restore(kind: str, object_id: int) -> Response:
    return _set_active(kind, object_id, True)


def _set_active(kind: str, object_id: int, active: bool) -> Response:
    object_type, _back = _kind(kind)
    try:
        name = actions.set_active(object_type, object_id, active, g.user, formats.now())
    except Missing:
        abort(404)
    message = _("%(name)s is active again.", name=name) if active else _("%(name)s is archived; nothing of it was lost.", name=name)
    return htmx.done(_address(kind, object_id), message)


@blueprint.get("/<kind>/<int(max=2147483647):object_id>/delete")
def ask_delete(kind: str, object_id: int) -> Response:
    object_type, _back = _kind(kind)
    row = db.session.get(actions.TABLES[object_type], object_id) or abort(404)
    return _delete_page(kind, row, queries.uses(object_type, object_id))


@blueprint.post("/<kind>/<int(max=2147483647):object_id>/delete")
def delete(kind: str, object_id: int) -> Response:
    object_type, back = _kind(kind)
    try:
        name = actions.delete(object_type, object_id, g.user, formats.now())
    except Missing:
        abort(404)
    except InUse as error:
        row = db.session.get(actions.TABLES[object_type], object_id) or abort(404)
        return _delete_page(kind, row, [str(error)], 409)
    return htmx.done(url_for(back), _("%(name)s is deleted.", name=name))


def _delete_page(kind: str, row: Any, used: list[str], status: int = 200) -> Response:
    return htmx.page(
        "manage/delete.html",
        "manage/_delete.html",
        status=status,
        section="manage",
        tab=kind.replace("-", "_"),
        kind=kind,
        row=row,
        used=", ".join(used),
        address=_address(kind, row.id),
        is_dialog=htmx.wants_fragment(),
    )
