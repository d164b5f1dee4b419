"""Addresses of the hours: a week, a day, one entry."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask import Response, abort, g, request, url_for
from flask_babel import format_date, ngettext
from flask_babel import gettext as _

import checks
from blueprints import formats, htmx, rights
from blueprints.register import actions, blueprint, forms, queries, sheet
from blueprints.register.hours import CellChange, Hours
from blueprints.register.permits import Changed, Missing, Refused
from models import Project, TimeEntry, User, db

ID = "<int(max=2147483647):"
ONE_DAY = timedelta(days=1)


def person_asked_for() -> User:
    """Whose page this is; what is not for the signed-in person's eyes does not exist."""
    person = queries.person(request.args.get("user", ""))
    if person is None:
        abort(404)
    return person


def others(person: User) -> int | None:
    """The `user` of an address: left out for one's own pages."""
    return None if person.id == g.user.id else person.id


@blueprint.errorhandler(Missing)
def nothing_here(error: Missing) -> tuple[str, int]:
    return htmx.error_page(404)


# --- The week -------------------------------------------------------------------------------------------------------------------


def _monday() -> date:
    return sheet.read_week(request.args.get("week", "")) or sheet.monday_of(formats.today())


def _week_address(person: User, monday: date) -> str:
    return url_for("register.week", week=sheet.week_name(monday), user=others(person))


def _week_page(person: User, monday: date, week: queries.Sheet, status: int = 200) -> Response:
    shown = formats.parse_day(request.args.get("day", "")) or formats.today()
    return htmx.page(
        "register/week.html",
        section="register",
        status=status,
        person=person,
        people=queries.people(person),
        user=others(person),
        sheet=week,
        name=sheet.week_name(monday),
        shown=shown if shown in week.days else monday,
        title=_week_title(monday),
        day_names=[format_date(day, "EEE") for day in week.days],
        last_week=sheet.week_name(monday - timedelta(days=7)),
        next_week=sheet.week_name(monday + timedelta(days=7)),
        problems=[cell for row in week.rows for cell in row.cells if cell.problem],
    )


def _week_title(monday: date) -> tuple[str, str]:
    sunday = monday + timedelta(days=6)
    first = format_date(monday, "d" if monday.month == sunday.month else "d MMMM" if monday.year == sunday.year else "d MMMM yyyy")
    return (
        _("Week %(number)s", number=monday.isocalendar().week),
        _("%(first)s to %(last)s", first=first, last=format_date(sunday, "d MMMM yyyy")),
    )


@blueprint.get("/week")
@rights.needs("register")
def week() -> Response:
    person, monday = person_asked_for(), _monday()
    return _week_page(person, monday, queries.week_sheet(person.id, monday))


@blueprint.post("/week")
@rights.needs("register")
def save_week() -> Response:
    """The whole grid at once, for a browser without scripts: only what differs from what it was is saved."""
    person, monday = person_asked_for(), _monday()
    typed = {cell: request.form[name] for name in request.form if (cell := sheet.read_cell(name))}
    problems = _save(person, monday, typed)
    if not problems:
        return htmx.done(_week_address(person, monday), _("Saved."))
    week = queries.week_sheet(person.id, monday)
    for name, sentence in problems.items():
        if (row := week.row(name.work)) is not None:
            row.cells[name.day].typed, row.cells[name.day].problem = typed[name], sentence
    return _week_page(person, monday, week, status=422)


def _save(person: User, monday: date, typed: dict[sheet.CellName, str]) -> dict[sheet.CellName, str]:
    """Saves what was typed in cells; gives the sentences of those that were refused."""
    changes, problems = [], {}
    for name, text in typed.items():
        try:
            minutes = forms.read_duration(text) if text.strip() else 0
        except checks.CheckFailed as error:
            problems[name] = formats.form_error(error.code, error.params)
        else:
            if minutes != (name.base.minutes if name.base else 0) or (name.base and not text.strip()):
                changes.append(CellChange(name, minutes))
    if changes:
        refused = actions.save_cells(person.id, monday, changes, g.user, formats.now())
        problems |= {name: error.sentence for name, error in refused.items()}
    return problems


@blueprint.post("/week/cell")
@rights.needs("register")
def save_cell() -> Response:
    """One cell, and the sums that it changes."""
    person, monday = person_asked_for(), _monday()
    name = sheet.read_cell(request.form.get("cell", ""))
    if name is None:
        abort(400)
    text = request.form.get("hours", "")[:200]
    problem = _save(person, monday, {name: text}).get(name, "")
    week = queries.week_sheet(person.id, monday, with_pinned=False)
    row = week.row(name.work)
    cell = row.cells[name.day] if row else queries.Cell(sheet.CellName(name.work, name.day), week.days[name.day])
    if problem:
        cell.typed, cell.problem = text, problem
    return htmx.fragment(
        "register/_cell_saved.html",
        status=422 if problem else 200,
        sheet=week,
        row=row,
        row_ident=str(name.work).replace(".", "-"),
        row_name=row.name if row else queries.row_name(name.work),
        cell=cell,
        user=others(person),
        day_name=format_date(cell.date, "EEE"),
        now=formats.now(),
    )


@blueprint.route("/week/row", methods=["GET", "POST"])
@rights.needs("register")
def add_row() -> Response:
    person, monday = person_asked_for(), _monday()
    form = forms.RowForm()
    if form.validate_on_submit():
        try:
            actions.add_row(person.id, monday, form.project_id or 0, form.activity_id or 0, g.user)
        except Refused as error:
            show(form, error)
        else:
            return htmx.done(_week_address(person, monday))
    _offer_work(form, person, monday, monday + timedelta(days=6))
    return htmx.page(
        "register/add_row.html",
        "register/_add_row.html",
        section="register",
        status=422 if form.errors else 200,
        form=form,
        person=person,
        user=others(person),
        title=_week_title(monday),
        name=sheet.week_name(monday),
        choice_address=url_for("register.choice", week=sheet.week_name(monday), user=others(person)),
        back=_week_address(person, monday),
    )


@blueprint.post("/week/row/remove")
@rights.needs("register")
def remove_row() -> Response:
    person, monday = person_asked_for(), _monday()
    cell = sheet.read_cell(f"h.{request.form.get('row', '')}.0")
    if cell is None:
        abort(400)
    actions.remove_row(person.id, monday, cell.work, g.user)
    return htmx.done(_week_address(person, monday))


@blueprint.post("/week/copy")
@rights.needs("register")
def copy_rows() -> Response:
    person, monday = person_asked_for(), _monday()
    count = actions.copy_rows(person.id, monday, g.user)
    message = ngettext("%(num)s row copied from last week.", "%(num)s rows copied from last week.", count)
    return htmx.done(_week_address(person, monday), message if count else _("Last week has no rows that are not here already."))


# --- A day, an entry --------------------------------------------------------------------------------------------------------------


@blueprint.route("/day", methods=["GET", "POST"])
@rights.needs("register")
def day() -> Response:
    person = person_asked_for()
    shown = formats.parse_day(request.args.get("date", "")) or formats.today()
    form = forms.HoursForm(date=shown)
    if form.validate_on_submit():
        try:
            actions.add_hours(person.id, _hours(form), g.user, formats.now(), once=form.once.data or "")
        except Refused as error:
            show(form, error)
        else:
            return htmx.done(
                _day_address(person, forms.filled(form.date.data)), _("%(hours)s added.", hours=formats.hours(form.duration.data))
            )
    _offer_work(form, person, shown, shown)
    entries = queries.day_entries(person.id, shown)
    return htmx.page(
        "register/day.html",
        section="register",
        status=422 if form.errors else 200,
        form=form,
        person=person,
        people=queries.people(person),
        user=others(person),
        day=shown,
        title=format_date(shown, "EEEE d MMMM yyyy"),
        entries=entries,
        total=sum(entry.minutes for entry in entries),
        week=sheet.week_name(sheet.monday_of(shown)),
        yesterday=shown - ONE_DAY,
        tomorrow=shown + ONE_DAY,
        choice_address=choice_address(person, shown),
        changed=None,
    )


def _day_address(person: User, day: date) -> str:
    return url_for("register.day", date=formats.day(day), user=others(person))


@blueprint.route(f"/hours/{ID}entry_id>", methods=["GET", "POST"])
@rights.needs("register")
def edit_hours(entry_id: int) -> Response:
    entry = queries.entry(entry_id)
    form = forms.HoursForm(**_values_of(entry))
    status, changed = 200, None
    if form.validate_on_submit():
        try:
            actions.change_hours(entry_id, form.version.data or 0, _hours(form), g.user, formats.now())
        except Refused as error:
            show(form, error)
        except Changed as error:
            form.version.raw_data, form.version.data, changed, status = None, error.version, error, 409
        else:
            return htmx.done(_back(form, entry.user, forms.filled(form.date.data)), _("Saved."))
    _offer_work(form, entry.user, entry.date, entry.date, entry.activity_id)
    return htmx.page(
        "register/hours.html",
        "register/_hours.html",
        section="register",
        status=422 if form.errors else status,
        form=form,
        entry=entry,
        changed=changed,
        lock=queries.lock_sentence("time", entry.id, entry.status),
        user=others(entry.user),
        choice_address=choice_address(entry.user, entry.date),
        back=_back(form, entry.user, entry.date),
    )


@blueprint.route(f"/hours/{ID}entry_id>/delete", methods=["GET", "POST"])
@rights.needs("register")
def delete_hours(entry_id: int) -> Response:
    entry = queries.entry(entry_id)
    form = forms.WorkForm(version=entry.version, next=request.args.get("next", ""))
    what = _(
        "%(hours)s of %(activity)s for %(customer)s on %(day)s",
        hours=formats.hours(entry.duration_minutes),
        activity=entry.activity.name,
        customer=entry.customer.name,
        day=formats.day(entry.date),
    )
    person, on, problem, status = entry.user, entry.date, "", 200
    if form.validate_on_submit():
        try:
            actions.delete_hours(entry_id, form.version.data or 0, g.user, formats.now())
        except Refused as error:
            problem, status = error.sentence, 422
        except Changed as error:
            problem, status = _("Somebody changed this at %(when)s. Look again before you delete it.", when=error.when), 409
            form.version.raw_data, form.version.data = None, error.version
        else:
            return htmx.done(_back(form, person, on), _("Deleted: %(what)s.", what=what))
    return htmx.page(
        "register/delete.html",
        "register/_delete.html",
        section="register",
        status=status,
        form=form,
        what=what,
        problem=problem,
        action=url_for("register.delete_hours", entry_id=entry_id),
        back=_back(form, person, on),
    )


def _values_of(entry: TimeEntry) -> dict[str, object]:
    return {
        "project": f"p{entry.project_id}" if entry.project_id else "",
        "activity": str(entry.activity_id),
        "date": entry.date,
        "duration": entry.duration_minutes,
        "billable": "yes" if entry.billable else "no",
        "note": entry.note,
        "version": entry.version,
        "next": request.args.get("next", ""),
    }


def _hours(form: forms.HoursForm) -> Hours:
    return Hours(
        project_id=form.project_id or 0,
        activity_id=form.activity_id or 0,
        date=forms.filled(form.date.data),
        minutes=forms.filled(form.duration.data),
        note=form.note.data,
        billable=forms.billable_choice(form.billable),
    )


def _back(form: forms.WorkForm, person: User, day: date) -> str:
    """Where a form was opened from, else the day of the entry."""
    return rights.safe_next(form.next.data) if form.next.data else _day_address(person, day)


# --- What the forms of Register share ---------------------------------------------------------------------------------------------


def show(form: forms.WorkForm, error: Refused) -> None:
    """Puts a refusal at the field it is about, or above the form."""
    field = form[error.field] if error.field and error.field in form else form.project
    forms.refuse(field, error.sentence)


def _offer_work(form: forms.RowForm, person: User, first: date, last: date, kept_activity: int | None = None) -> None:
    """Fills the selects of a form with what this person may choose."""
    choices = queries.project_choices(person.id, first, last, (form.search.data or "")[:100], form.project.data or "")
    form.project.choices = choices.groups if form.project_id else {"": _("Choose a project")} | choices.groups
    form.are_more = choices.are_more or bool(form.search.data)
    project = db.session.get(Project, form.project_id) if form.project_id else None
    form.activity.choices = {"": _("Choose an activity")} | queries.activity_choices(project.id if project else None, kept_activity)


@blueprint.get("/choice")
@rights.needs("register")
def choice() -> Response:
    """The selects of a form again, after a search or another project."""
    person = person_asked_for()
    first = formats.parse_day(request.args.get("date", "")) or _monday()
    last = first if request.args.get("date") else first + timedelta(days=6)
    if request.args.get("for") == "costs":
        form: forms.WorkForm = forms.CostForm(request.args, meta={"csrf": False})
        offer_costs(form, person, first)
    else:
        form = forms.RowForm(request.args, meta={"csrf": False})
        _offer_work(form, person, first, last)
    kept: dict[str, Any] = {name: request.args.get(name) for name in ("week", "date", "for")}
    address = url_for("register.choice", user=others(person), **kept)
    return htmx.fragment("register/_work.html", form=form, choice_address=address)


def choice_address(person: User, day: date, kind: str | None = None) -> str:
    """Where the selects of a form come from again."""
    values: dict[str, Any] = {"date": formats.day(day), "user": others(person), "for": kind}
    return url_for("register.choice", **values)


def offer_costs(form: forms.WorkForm, person: User, day: date) -> None:
    """Fills the select of an expense or a trip: projects of this person, and customers."""
    search, chosen = (form.search.data or "")[:100], form.project.data or ""
    projects = queries.project_choices(person.id, day, day, search, chosen)
    customers = queries.customer_choices(search, chosen)
    form.project.choices = ({} if chosen else {"": _("Choose a customer or project")}) | projects.groups | customers.groups
    form.are_more = projects.are_more or customers.are_more or bool(search)
