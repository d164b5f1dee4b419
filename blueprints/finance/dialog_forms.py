"""The form of the invoice dialog."""

from __future__ import annotations

from datetime import date

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectField, StringField, TextAreaField, ValidationError
from wtforms.validators import InputRequired, Length

from blueprints import formats
from invoicing.plan import LONGEST_REFERENCE, Options

PER = [("customer", _l("customer")), ("project", _l("project")), ("customer_reference", _l("customer and reference"))]
LINES = [
    ("activity", _l("activity")),
    ("entry", _l("entry")),
    ("user", _l("user")),
    ("project", _l("project")),
    ("day", _l("day")),
    ("project_activity", _l("project and activity")),
    ("user_activity", _l("user and activity")),
    ("single", _l("single line")),
]


class InvoiceForm(FlaskForm):
    """What may be chosen for one press on "Create invoices". `latest` is the date of the last invoice that was sent."""

    per = SelectField(_l("One invoice per"), choices=PER)
    lines = SelectField(_l("Lines per"), choices=LINES)
    date = formats.DayField(_l("Invoice date"), [InputRequired(_l("Fill in the invoice date."))])
    reference = StringField(_l("Reference"), [Length(max=LONGEST_REFERENCE, message=_l("A reference has at most %(max)d characters."))])
    text = TextAreaField(_l("Text on the invoice"), [Length(max=1000, message=_l("Use at most %(max)d characters."))])
    send = RadioField(_l("What happens there"))

    latest: date | None = None

    def validate_date(self, field: formats.DayField) -> None:
        if field.data is None:
            return
        if field.data > formats.today():
            raise ValidationError(formats.reason("date_in_future", {"today": formats.day(formats.today())}))
        if self.latest and field.data < self.latest:
            raise ValidationError(formats.reason("date_before_last", {"last": formats.day(self.latest)}))

    def options(self) -> Options:
        """The choices as the plan takes them."""
        return Options(
            per=self.per.data,
            lines=self.lines.data,
            on=self.date.data or formats.today(),
            reference=(self.reference.data or "").strip(),
            text=(self.text.data or "").strip(),
            send=self.send.data == "send",
        )
