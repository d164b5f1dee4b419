"""Addresses of expenses, their receipts, and trips."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from io import BytesIO
from typing import Any

from flask import Response, g, request, send_file, url_for
from flask_babel import gettext as _

from blueprints import formats, htmx, listing, rights
from blueprints.register import actions, blueprint, forms, queries, queries_costs, receipts
from blueprints.register.costs import Spent, Travelled
from blueprints.register.permits import Changed, Refused
from blueprints.register.receipts import Upload
from blueprints.register.routes import ID, choice_address, offer_costs, others, person_asked_for, show
from models import Expense, Trip, User

LISTS = {"expense": "register.expenses", "trip": "register.trips"}


def _list_address(kind: str, person: User) -> str:
    return url_for(LISTS[kind], user=others(person))


def _list_page(kind: str, template: str, read: Callable[[int, listing.Listing], queries_costs.CostList]) -> Response:
    person = person_asked_for()
    asked = listing.read(queries_costs.SORTS, "-date")
    found = read(person.id, asked)
    return htmx.page(
        template,
        section="register",
        person=person,
        people=queries.people(person),
        user=others(person),
        listing=asked,
        lines=found.lines,
        pager=asked.pager(found.total),
        kind=kind,
    )


def _submit(form: forms.CostForm, save: Callable[[], None]) -> tuple[bool, int, Changed | None]:
    """Saves a checked form; gives whether it was saved, else the status and what somebody else did meanwhile."""
    if not form.validate_on_submit():
        return False, 422 if form.errors else 200, None
    try:
        save()
    except Refused as error:
        show(form, error)
        return False, 422, None
    except Changed as error:
        form.version.raw_data, form.version.data = None, error.version
        return False, 409, error
    return True, 200, None


def _delete(kind: str, row: Expense | Trip, what: str, delete: Callable[[int, int, User, Any], None]) -> Response:
    """Asks, and then removes."""
    form = forms.WorkForm(version=row.version)
    person, address, problem, status = row.user, _list_address(kind, row.user), "", 200
    if form.validate_on_submit():
        try:
            delete(row.id, form.version.data or 0, g.user, formats.now())
        except Refused as error:
            problem, status = error.sentence, 422
        except Changed as error:
            problem, status = _("Somebody changed this at %(when)s. Look again before you delete it.", when=error.when), 409
            form.version.raw_data, form.version.data = None, error.version
        else:
            return htmx.done(address, _("Deleted: %(what)s.", what=what))
    return htmx.page(
        "register/delete.html",
        "register/_delete.html",
        section="register",
        status=status,
        form=form,
        what=what,
        problem=problem,
        person=person,
        action=request.path,
        back=address,
    )


# --- Expenses -------------------------------------------------------------------------------------------------------------------


@blueprint.get("/expenses")
@rights.needs("register")
def expenses() -> Response:
    return _list_page("expense", "register/expenses.html", queries_costs.expense_list)


@blueprint.route("/expenses/new", methods=["GET", "POST"])
@rights.needs("register")
def add_expense() -> Response:
    person = person_asked_for()
    form = forms.ExpenseForm(date=formats.today(), quantity=10_000)

    def save() -> None:
        actions.add_expense(person.id, _spent(form), _uploads(form), g.user, formats.now(), once=form.once.data or "")

    saved, status, _changed = _submit(form, save)
    if saved:
        return htmx.done(_list_address("expense", person), _("Expense added."))
    return _expense_page(form, person, forms.number_in(form.category.data), status=status)


@blueprint.route(f"/expenses/{ID}expense_id>", methods=["GET", "POST"])
@rights.needs("register")
def edit_expense(expense_id: int) -> Response:
    expense = queries_costs.expense(expense_id)
    person = expense.user
    form = forms.ExpenseForm(**_values_of_expense(expense))

    def save() -> None:
        removed = [number for text in request.form.getlist("remove") if (number := forms.number_in(text)) is not None]
        actions.change_expense(expense_id, form.version.data or 0, _spent(form), _uploads(form), removed, g.user, formats.now())

    saved, status, changed = _submit(form, save)
    if saved:
        return htmx.done(_list_address("expense", person), _("Saved."))
    return _expense_page(form, person, expense.category_id, expense, status=status, changed=changed)


def _expense_page(
    form: forms.ExpenseForm,
    person: User,
    category_id: int | None,
    expense: Expense | None = None,
    status: int = 200,
    changed: Changed | None = None,
) -> Response:
    day = form.date.data or formats.today()
    offer_costs(form, person, day)
    form.category.choices = ({} if category_id else {"": _("Choose a category")}) | queries_costs.category_choices(category_id)
    _offer_vat(form, category_id, expense)
    return htmx.page(
        "register/expense.html",
        section="register",
        status=status,
        form=form,
        person=person,
        user=others(person),
        expense=expense,
        changed=changed,
        receipts=queries_costs.receipts(expense.id) if expense else [],
        most_bytes=receipts.LARGEST_BYTES,
        lock=queries.lock_sentence("expense", expense.id, expense.status) if expense else "",
        choice_address=choice_address(person, day, "costs"),
        back=_list_address("expense", person),
    )


def _offer_vat(form: forms.ExpenseForm, category_id: int | None, expense: Expense | None = None) -> None:
    category = queries_costs.category(category_id)
    told = formats.percentage(category.purchase_vat_bp) if category and category.purchase_vat_bp else ""
    first = _("As the category says: %(percentage)s", percentage=told) if told else _("As the category says")
    form.purchase_vat.choices = {"": first} | queries_costs.purchase_vat_choices(expense.purchase_vat_bp if expense else None)


@blueprint.get("/expenses/amounts")
@rights.needs("register")
def expense_amounts() -> Response:
    """The price and the VAT of another category."""
    form = forms.ExpenseForm(request.args, meta={"csrf": False})
    category = queries_costs.category(forms.number_in(request.args.get("category")))
    form.unit_price.raw_data, form.unit_price.data = None, category.unit_price_e4 if category else None
    form.purchase_vat.data = ""
    _offer_vat(form, category.id if category else None)
    return htmx.fragment("register/_expense_amounts.html", form=form)


@blueprint.route(f"/expenses/{ID}expense_id>/delete", methods=["GET", "POST"])
@rights.needs("register")
def delete_expense(expense_id: int) -> Response:
    expense = queries_costs.expense(expense_id)
    paid = formats.money(queries_costs.cents_of(expense.quantity_e4, expense.unit_price_e4))
    what = _(
        "%(amount)s, %(category)s for %(customer)s on %(day)s",
        amount=paid,
        category=expense.category.name,
        customer=expense.customer.name,
        day=formats.day(expense.date),
    )
    return _delete("expense", expense, what, actions.delete_expense)


@blueprint.get(f"/expenses/{ID}expense_id>/receipts/{ID}receipt_id>")
@rights.needs("register")
def receipt(expense_id: int, receipt_id: int) -> Response:
    """A receipt as a file to keep; a browser never shows it as a page of this site."""
    found = queries_costs.receipt(expense_id, receipt_id)
    answer = send_file(BytesIO(found.content), mimetype=found.content_type, as_attachment=True, download_name=found.filename)
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer


def _values_of_expense(expense: Expense) -> dict[str, Any]:
    return {
        "project": f"p{expense.project_id}" if expense.project_id else f"c{expense.customer_id}",
        "category": str(expense.category_id),
        "date": expense.date,
        "quantity": expense.quantity_e4,
        "unit_price": expense.unit_price_e4,
        "vat_included": expense.vat_included,
        "purchase_vat": "none" if expense.purchase_vat_bp is None else str(expense.purchase_vat_bp),
        "billable": "yes" if expense.billable else "no",
        "reimbursable": expense.reimbursable,
        "note": expense.note,
        "version": expense.version,
    }


def _spent(form: forms.ExpenseForm) -> Spent:
    vat = form.purchase_vat.data or ""
    return Spent(
        project_id=form.project_id,
        customer_id=form.customer_id,
        category_id=form.category_id or 0,
        date=forms.filled(form.date.data),
        quantity_e4=forms.filled(form.quantity.data),
        unit_price_e4=form.unit_price.data,
        vat_included=form.vat_included.data,
        purchase_vat_bp=forms.percentage_in(vat),
        vat_by_category=not vat,
        note=form.note.data,
        billable=forms.billable_choice(form.billable),
        reimbursable=form.reimbursable.data,
    )


def _uploads(form: forms.ExpenseForm) -> list[Upload]:
    """The files that were sent, read no further than the largest that is accepted. Raises Refused."""
    sent = [file for file in form.receipts.data or () if getattr(file, "filename", "")]
    return [receipts.accept(file.filename, file.read(receipts.LARGEST_BYTES + 1)) for file in sent]


# --- Trips ----------------------------------------------------------------------------------------------------------------------


@blueprint.get("/trips")
@rights.needs("register")
def trips() -> Response:
    return _list_page("trip", "register/trips.html", queries_costs.trip_list)


@blueprint.route("/trips/new", methods=["GET", "POST"])
@rights.needs("register")
def add_trip() -> Response:
    person = person_asked_for()
    form = forms.TripForm(date=formats.today(), kind="business")
    saved, status, _changed = _submit(
        form, lambda: actions.add_trip(person.id, _travelled(form), g.user, formats.now(), once=form.once.data or "")
    )
    if saved:
        return htmx.done(_list_address("trip", person), _("Trip added."))
    return _trip_page(form, person, form.date.data, status=status)


@blueprint.route(f"/trips/{ID}trip_id>", methods=["GET", "POST"])
@rights.needs("register")
def edit_trip(trip_id: int) -> Response:
    trip = queries_costs.trip(trip_id)
    person = trip.user
    form = forms.TripForm(**_values_of_trip(trip))
    saved, status, changed = _submit(
        form, lambda: actions.change_trip(trip_id, form.version.data or 0, _travelled(form), g.user, formats.now())
    )
    if saved:
        return htmx.done(_list_address("trip", person), _("Saved."))
    return _trip_page(form, person, form.date.data, trip, status=status, changed=changed)


def _trip_page(
    form: forms.TripForm, person: User, day: date | None, trip: Trip | None = None, status: int = 200, changed: Changed | None = None
) -> Response:
    day = day or formats.today()
    offer_costs(form, person, day)
    form.vehicle.choices = {"": _("No vehicle")} | queries_costs.vehicle_choices(trip.vehicle_id if trip else None)
    return htmx.page(
        "register/trip.html",
        section="register",
        status=status,
        form=form,
        person=person,
        user=others(person),
        trip=trip,
        changed=changed,
        lock=queries.lock_sentence("trip", trip.id, trip.status) if trip else "",
        choice_address=choice_address(person, day, "costs"),
        back=_list_address("trip", person),
    )


@blueprint.route(f"/trips/{ID}trip_id>/delete", methods=["GET", "POST"])
@rights.needs("register")
def delete_trip(trip_id: int) -> Response:
    trip = queries_costs.trip(trip_id)
    what = _(
        "the trip from %(origin)s to %(destination)s on %(day)s",
        origin=trip.origin,
        destination=trip.destination,
        day=formats.day(trip.date),
    )
    return _delete("trip", trip, what, actions.delete_trip)


def _values_of_trip(trip: Trip) -> dict[str, Any]:
    return {
        "project": f"p{trip.project_id}" if trip.project_id else f"c{trip.customer_id}",
        "date": trip.date,
        "origin": trip.origin,
        "destination": trip.destination,
        "distance": trip.distance_km10,
        "is_return": trip.is_return,
        "vehicle": str(trip.vehicle_id or ""),
        "kind": trip.kind,
        "billable": "yes" if trip.billable else "no",
        "note": trip.note,
        "version": trip.version,
    }


def _travelled(form: forms.TripForm) -> Travelled:
    return Travelled(
        project_id=form.project_id,
        customer_id=form.customer_id,
        vehicle_id=forms.number_in(form.vehicle.data),
        date=forms.filled(form.date.data),
        origin=form.origin.data,
        destination=form.destination.data,
        distance_km10=forms.filled(form.distance.data),
        is_return=form.is_return.data,
        kind=form.kind.data,
        note=form.note.data,
        billable=forms.billable_choice(form.billable),
    )
