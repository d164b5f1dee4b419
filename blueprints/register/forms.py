"""Forms of Register."""

from __future__ import annotations

import secrets
from typing import Any, TypeVar

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, IntegerField, MultipleFileField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Optional
from wtforms.widgets import HiddenInput

import checks
from blueprints import formats, rights

T = TypeVar("T")

LONGEST_NOTE = 20_000
LONGEST_PLACE = 200
WIDEST_ID = 10


class DurationField(StringField):
    """A duration as people type it, kept in minutes; empty is None. Less than zero needs the right to correct others' hours."""

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        self.data = None
        if valuelist[0].strip():
            try:
                self.data = read_duration(valuelist[0])
            except checks.CheckFailed as error:
                raise ValueError(formats.form_error(error.code, error.params)) from error

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else checks.format_duration(self.data)


def read_duration(text: str) -> int:
    """The minutes that somebody typed. Raises checks.CheckFailed."""
    return checks.parse_duration(text, allow_negative=rights.may("all_registrations"))


class NoteField(TextAreaField):
    """Free text on several lines."""

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = ""
        if valuelist:
            try:
                self.data = checks.plain_text(valuelist[0], LONGEST_NOTE)
            except checks.CheckFailed as error:
                self.data = valuelist[0]
                raise ValueError(formats.form_error(error.code, error.params)) from error


def choice(label: Any) -> SelectField:
    """A select whose options are put in later; what may be chosen is judged by the action."""
    return SelectField(label, validate_choice=False, choices=[])


def one_line(text: str) -> str:
    """A place or a name. Raises checks.CheckFailed."""
    return checks.one_line(text, LONGEST_PLACE)


def number_in(text: str | None, kind: str = "") -> int | None:
    """The id in a choice such as 12, or p12 with kind p; None when it holds none."""
    digits = (text or "").removeprefix(kind)
    if not digits.isascii() or not digits.isdigit() or len(digits) >= WIDEST_ID or not (text or "").startswith(kind):
        return None
    return int(digits)


class WorkForm(FlaskForm):
    """What every registration asks: for whom it is. `once` makes a repeated post harmless, `version` a late one."""

    are_more = False
    search = StringField(_l("Find a project"))
    project = choice(_l("Project"))
    once = HiddenField(default=lambda: secrets.token_urlsafe(12))
    version = IntegerField(default=0, widget=HiddenInput(), validators=[Optional()])
    next = HiddenField()

    @property
    def project_id(self) -> int | None:
        return number_in(self.project.data, "p")

    @property
    def customer_id(self) -> int | None:
        """The customer that was chosen instead of a project."""
        return number_in(self.project.data, "c")


class RowForm(WorkForm):
    activity = choice(_l("Activity"))

    @property
    def activity_id(self) -> int | None:
        return number_in(self.activity.data)

    def validate(self, extra_validators: Any = None) -> bool:
        super().validate(extra_validators)
        if self.project_id is None:
            refuse(self.project, formats.reason("register_choose_project"))
        if self.activity_id is None:
            refuse(self.activity, formats.reason("register_choose_activity"))
        return not self.errors


BILLABLE = [
    SelectChoice("", _l("As agreed for the project")),
    SelectChoice("yes", _l("Billable")),
    SelectChoice("no", _l("Not billable")),
]


class HoursForm(RowForm):
    date = formats.DayField(_l("Date"), [InputRequired(_l("Fill in the day."))])
    duration = DurationField(_l("Duration"), [InputRequired(_l("Fill in how long it took, such as 1:30."))])
    billable = SelectField(_l("Billable"), choices=BILLABLE)
    note = NoteField(_l("Note"))


def as_agreed(word: Any) -> SelectField:
    """A select for billable whose first option leaves it to what was agreed."""
    return SelectField(_l("Billable"), choices=[SelectChoice("", word), *BILLABLE[1:]])


class CostForm(WorkForm):
    """An expense or a trip: for a project, or for a customer only."""

    project = choice(_l("Customer or project"))
    date = formats.DayField(_l("Date"), [InputRequired(_l("Fill in the day."))])
    note = NoteField(_l("Note"))

    def validate(self, extra_validators: Any = None) -> bool:
        super().validate(extra_validators)
        if self.project_id is None and self.customer_id is None:
            refuse(self.project, formats.reason("register_choose_work"))
        return not self.errors


class ExpenseForm(CostForm):
    category = choice(_l("Category"))
    quantity = formats.AmountField(_l("Quantity"), [InputRequired(_l("Fill in how many."))])
    unit_price = formats.AmountField(_l("Price each"))
    vat_included = BooleanField(_l("The price includes VAT"))
    purchase_vat = choice(_l("VAT on the receipt"))
    billable = as_agreed(_l("As the category says"))
    reimbursable = BooleanField(_l("Paid privately, to be paid back"))
    receipts = MultipleFileField(_l("Receipts"))

    @property
    def category_id(self) -> int | None:
        return number_in(self.category.data)

    def validate(self, extra_validators: Any = None) -> bool:
        super().validate(extra_validators)
        if self.category_id is None:
            refuse(self.category, formats.reason("register_choose_category"))
        return not self.errors


TRIP_KINDS = [SelectChoice(code, name) for code, name in formats.TRIP_KINDS.items()]


class TripForm(CostForm):
    origin = formats.CheckedField(_l("From"), one_line, [InputRequired(_l("Fill in where the trip began."))])
    destination = formats.CheckedField(_l("To"), one_line, [InputRequired(_l("Fill in where the trip went."))])
    distance = formats.AmountField(_l("Kilometres, one way"), [InputRequired(_l("Fill in how far it was."))], scale=1)
    is_return = BooleanField(_l("There and back"))
    vehicle = choice(_l("Vehicle"))
    kind = SelectField(_l("Kind"), choices=TRIP_KINDS)
    billable = as_agreed(_l("As agreed for the project"))


def billable_choice(field: SelectField) -> bool | None:
    """Yes, no, or None when the project decides."""
    return {"yes": True, "no": False}.get(field.data)


def percentage_in(text: str) -> int | None:
    """The basis points in a choice such as 2100; None for no VAT. An impossible percentage is none either."""
    basis_points = number_in(text)
    return basis_points if basis_points is not None and basis_points <= 10_000 else None


def filled(value: T | None) -> T:
    """The value of a field that the form has checked to be there."""
    if value is None:
        raise ValueError("the form was not checked")
    return value


def refuse(field: Any, sentence: str) -> None:
    """Puts a sentence at a field of a form that was validated already."""
    field.errors = [*field.errors, sentence]
