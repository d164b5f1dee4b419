"""Forms of Register."""

from __future__ import annotations

import secrets
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, IntegerField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Optional
from wtforms.widgets import HiddenInput

import checks
from blueprints import formats, rights

LONGEST_NOTE = 20_000
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


class RowForm(WorkForm):
    activity = choice(_l("Activity"))

    @property
    def activity_id(self) -> int | None:
        return number_in(self.activity.data)

    def chose_work(self) -> bool:
        """Whether both a project and an activity were chosen; says what is missing."""
        for field, chosen, code in (
            (self.project, self.project_id, "register_choose_project"),
            (self.activity, self.activity_id, "register_choose_activity"),
        ):
            if chosen is None:
                refuse(field, formats.reason(code))
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


def billable_choice(field: SelectField) -> bool | None:
    """Yes, no, or None when the project decides."""
    return {"yes": True, "no": False}.get(field.data)


def refuse(field: Any, sentence: str) -> None:
    """Puts a sentence at a field of a form that was validated already."""
    field.errors = [*field.errors, sentence]
