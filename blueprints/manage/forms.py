"""Forms of Manage: customers, projects, activities, expense categories, vehicles, VAT. Fields are named after the columns they fill."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, Form, HiddenField, SelectField, ValidationError
from wtforms.validators import Optional, Regexp
from wtforms.widgets import TextArea

import checks
from billing.rounding import INTERVALS_MINUTES
from blueprints import formats
from blueprints.formats import AmountField, CheckedField, DayField

LANGUAGE_CHOICES = [("nl", _l("Dutch")), ("en", _l("English"))]
DIRECTION_CHOICES = [("nearest", _l("To the nearest")), ("up", _l("Up")), ("down", _l("Down"))]
SCOPE_CHOICES = [
    ("entry", _l("Each entry")),
    ("user_activity_day", _l("Each user, activity and day together")),
    ("line", _l("Each invoice line")),
]
BASIS_CHOICES = [("exact", _l("Exact minutes")), ("displayed", _l("Hours with two decimals, as shown"))]
LONGEST_TERM_DAYS = 365


def line(most: int) -> Callable[[str], str]:
    """The check of a field that holds one line of text."""
    return partial(checks.one_line, most=most)


def text(most: int) -> Callable[[str], str]:
    """The check of a field that holds text of several lines."""
    return partial(checks.plain_text, most=most)


def whole_or_none(value: Any) -> int | None:
    """What a choice between numbers and "nothing" means."""
    return None if value in ("", None) else int(value)


def text_or_none(value: Any) -> str | None:
    return value or None


def between(low: int, high: int, sentence: Any) -> Callable[[Form, Field], None]:
    """A validator for figures that may be left empty."""

    def check(_form: Form, field: Field) -> None:
        if field.data is not None and not low <= field.data <= high:
            raise ValidationError(sentence)

    return check


def filled(sentence: Any) -> Callable[[Form, Field], None]:
    """A validator that adds its sentence only where no other problem was found."""

    def check(_form: Form, field: Field) -> None:
        if not field.data and not field.errors:
            raise ValidationError(sentence)

    return check


def countries(current: str, empty: str = "") -> list[tuple[str, str]]:
    """Every country with its name in the person's language, in the order of those names; one an import brought stays."""
    locale = get_locale()
    names = locale.territories if locale else {}
    codes = checks.COUNTRIES | ({current} if current else set())
    found = sorted(((code, names.get(code, code)) for code in codes), key=lambda pair: pair[1])
    return [("", empty), *found] if empty else found


def interval_choices(nothing: Any) -> list[tuple[str, Any]]:
    minutes = [(str(n), _("%(n)s minutes", n=n)) for n in INTERVALS_MINUTES if n > 1]
    return [("", nothing), ("0", _("Not rounded")), *minutes]


def shown(field: Field) -> str:
    """What a field says to a person: the label of a choice, yes or no, or its text."""
    if isinstance(field, SelectField):
        return next((str(choice[1]) for choice in field.iter_choices() if choice[2]), "")
    if isinstance(field, BooleanField):
        return _("yes") if field.data else _("no")
    return str(field._value())


class RecordForm(FlaskForm):
    """A form over one row of a table."""

    def values(self) -> dict[str, Any]:
        """The columns this form fills."""
        return {
            name: field.data
            for name, field in self._fields.items()
            if name not in ("csrf_token", "version") and not name.startswith("item_")
        }

    def refuse(self, name: str, sentence: str) -> None:
        """Puts a problem that only the database could see beside its field."""
        field = self._fields[name]
        field.errors = [*field.errors, sentence]

    def differences(self, theirs: RecordForm) -> list[tuple[str, str, str]]:
        """Field by field where this form says something else: label, theirs, ours."""
        pairs = ((field, theirs._fields[name]) for name, field in self._fields.items() if name in theirs._fields)
        return [
            (str(mine.label.text), shown(other), shown(mine))
            for mine, other in pairs
            if not isinstance(mine, HiddenField) and shown(mine) != shown(other)
        ]


class RoundingFields:
    """A rounding rule that goes before the one a level higher; without an interval there is none."""

    rounding_minutes = SelectField(_l("Round hours to"), coerce=whole_or_none)
    rounding_direction = SelectField(_l("Direction"), coerce=text_or_none, choices=DIRECTION_CHOICES)
    rounding_scope = SelectField(_l("Rounded per"), coerce=text_or_none, choices=SCOPE_CHOICES)

    def values(self) -> dict[str, Any]:
        values: dict[str, Any] = super().values()  # type: ignore[misc]
        if values["rounding_minutes"] is None:
            values["rounding_direction"] = values["rounding_scope"] = None
        return values


# --- Customers ------------------------------------------------------------------------------------------------------------------


class CustomerForm(RoundingFields, RecordForm):
    """Everything of a customer. Numbers and addresses are checked; `kept` holds what an import flagged, which may stay as it is."""

    version = HiddenField()
    name = CheckedField(_l("Name"), line(300))
    number = CheckedField(_l("Customer number"), checks.customer_number)
    contact_first_name = CheckedField(_l("Contact, first name"), line(100))
    contact_last_name = CheckedField(_l("Contact, last name"), line(100))
    vat_number = CheckedField(_l("VAT number"), line(30))
    coc_number = CheckedField(_l("Chamber of commerce number"), line(20))
    prospect = BooleanField(_l("Prospect, not a customer yet"))

    email = CheckedField(_l("E-mail"), line(255))
    phone = CheckedField(_l("Phone"), line(40))
    website = CheckedField(_l("Website"), line(200))
    address = CheckedField(_l("Address"), line(200))
    postal_code = CheckedField(_l("Postal code"), line(20))
    city = CheckedField(_l("City"), line(100))
    country = SelectField(_l("Country"), default="NL")
    invoice_address = CheckedField(_l("Invoice address"), line(200))
    invoice_postal_code = CheckedField(_l("Invoice postal code"), line(20))
    invoice_city = CheckedField(_l("Invoice city"), line(100))
    invoice_country = SelectField(_l("Invoice country"))

    invoice_email = CheckedField(_l("Invoice e-mail"), line(500))
    payment_term_days = AmountField(
        _l("Payment term in days"), [between(0, LONGEST_TERM_DAYS, _l("Enter a number of days from 0 to 365."))], scale=0
    )
    vat_regime_id = SelectField(_l("VAT"), coerce=whole_or_none)
    hourly_rate_e4 = AmountField(_l("Hourly rate"))
    km_rate_e4 = AmountField(_l("Rate per kilometre"))
    invoice_reference = CheckedField(_l("Invoice reference"), line(100))
    language = SelectField(_l("Language of invoices"), choices=LANGUAGE_CHOICES, default="nl")
    currency = CheckedField(_l("Currency"), checks.currency, [filled(_l("Fill in a currency, like EUR."))], default="EUR")
    iban = CheckedField(_l("IBAN"), line(40))
    bic = CheckedField(_l("BIC"), line(20))
    quantity_basis = SelectField(_l("Amount follows from"), coerce=text_or_none)
    notes = CheckedField(_l("Notes"), text(20_000), widget=TextArea())

    CHECKED: Mapping[str, Callable[[Any, str], str]] = {
        "vat_number": lambda form, text: checks.vat_number(text, form.country.data),
        "coc_number": lambda form, text: checks.coc_number(text, form.country.data),
        "email": lambda form, text: checks.email(text),
        "invoice_email": lambda form, text: ", ".join(checks.emails(text)),
        "postal_code": lambda form, text: checks.postal_code(text, form.country.data),
        "invoice_postal_code": lambda form, text: checks.postal_code(text, form.invoice_country.data or form.country.data),
        "iban": lambda form, text: checks.iban(text),
        "bic": lambda form, text: checks.bic(text),
    }

    def __init__(self, regimes: Iterable[tuple[Any, Any]], kept: Mapping[str, str] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.kept = kept or {}
        self.country.choices = countries(self.country.object_data or "")
        self.invoice_country.choices = countries(self.invoice_country.object_data or "", _("As above"))
        self.vat_regime_id.choices = regimes
        self.rounding_minutes.choices = interval_choices(_("As the company"))
        self.quantity_basis.choices = [("", _("As the company")), *BASIS_CHOICES]

    def validate(self, extra_validators: Any = None) -> bool:
        return super().validate({name: [CustomerForm._check] for name in self.CHECKED} | (extra_validators or {}))

    @staticmethod
    def _check(form: CustomerForm, field: Field) -> None:
        if not field.data or form.kept.get(field.short_name) == field.data:
            return
        try:
            field.data = form.CHECKED[field.short_name](form, field.data)
        except checks.CheckFailed as error:
            raise ValidationError(formats.form_error(error.code, error.params)) from error

    def validate_name(self, field: Field) -> None:
        if field.errors or field.data:
            return
        field.data = " ".join(part for part in (self.contact_first_name.data, self.contact_last_name.data) if part)
        if not field.data:
            raise ValidationError(_("Fill in a name: of the company, or of the contact."))


# --- Projects -------------------------------------------------------------------------------------------------------------------


class ActivityRow(Form):
    """One activity in the table of a project."""

    chosen = BooleanField()
    hourly_rate_e4 = AmountField(_l("Hourly rate"))
    billable = BooleanField()


class MemberRow(Form):
    """One person in the table of a project."""

    chosen = BooleanField()
    hourly_rate_e4 = AmountField(_l("Hourly rate"))
    is_manager = BooleanField()


class ProjectForm(RoundingFields, RecordForm):
    version = HiddenField()
    name = CheckedField(_l("Name"), line(200), [filled(_l("Fill in the name of the project."))])
    code = CheckedField(_l("Code"), line(40))
    customer = CheckedField(_l("Customer"), line(400), [filled(_l("Choose the customer this project is for."))])
    colour = CheckedField(
        _l("Colour"), line(7), [Optional(), Regexp(r"^#[0-9a-fA-F]{6}$", message=_l("Choose a colour, like #2f7d5f."))], default="#2f7d5f"
    )
    starts_on = DayField(_l("Start date"))
    ends_on = DayField(_l("End date"))
    description = CheckedField(_l("Description"), text(20_000), widget=TextArea())
    invoicing_method = SelectField(_l("Invoicing method"), choices=list(formats.METHODS.items()), default="activity")
    hourly_rate_e4 = AmountField(_l("Project rate per hour"))
    reference = CheckedField(_l("Reference"), line(100))
    vat_regime_id = SelectField(_l("VAT"), coerce=whole_or_none)

    def __init__(self, regimes: Iterable[tuple[Any, Any]], **options: Any) -> None:
        super().__init__(**options)
        self.vat_regime_id.choices = regimes
        self.rounding_minutes.choices = interval_choices(_("As the customer"))

    def values(self) -> dict[str, Any]:
        values = super().values()
        del values["customer"]
        return values | {"colour": (values["colour"] or "#2f7d5f").lower()}

    def validate_ends_on(self, field: Field) -> None:
        if field.data and self.starts_on.data and field.data < self.starts_on.data:
            raise ValidationError(_("The end date is before the start date; choose a later one."))


# --- Activities, expense categories, vehicles, VAT --------------------------------------------------------------------------------


class ActivityForm(RecordForm):
    name = CheckedField(_l("Name"), line(200), [filled(_l("Fill in the name of the activity."))])
    code = CheckedField(_l("Code"), line(40))
    hourly_rate_e4 = AmountField(_l("Hourly rate"))
    billable = BooleanField(_l("Billable"), default=True)
    default_for_new_projects = BooleanField(_l("Tick for new projects"))


class ExpenseCategoryForm(RecordForm):
    name = CheckedField(_l("Name"), line(200), [filled(_l("Fill in the name of the expense category."))])
    code = CheckedField(_l("Code"), line(40))
    unit = CheckedField(_l("Unit"), line(20))
    unit_price_e4 = AmountField(_l("Usual price per unit"))
    purchase_vat_bp = AmountField(_l("Purchase VAT in per cent"), [between(0, 10_000, _l("Enter a percentage from 0 to 100."))], scale=2)
    sales_treatment = SelectField(
        _l("On the invoice"),
        choices=[("recharge", _l("Charged on, with our VAT")), ("pass_through", _l("Passed through as paid, outside VAT"))],
        default="recharge",
    )
    markup_bp = AmountField(_l("Mark-up in per cent"), [between(0, 100_000, _l("Enter a percentage from 0 to 1000."))], scale=2)
    billable = BooleanField(_l("Billable"), default=True)

    def values(self) -> dict[str, Any]:
        values = super().values()
        return values | {"markup_bp": values["markup_bp"] or 0}


class VehicleForm(RecordForm):
    name = CheckedField(_l("Name"), line(100), [filled(_l("Fill in a name, such as make and model."))])
    plate = CheckedField(_l("Number plate"), line(20))
    owner = SelectField(_l("Owner"), choices=[("company", _l("Company")), ("private", _l("Private"))], default="company")


class VatRegimeForm(RecordForm):
    name = CheckedField(_l("Name"), line(100), [filled(_l("Fill in the name of the VAT rate."))])
    active = BooleanField(_l("Active"))


def with_fields(form: type[RecordForm], fields: Mapping[str, Field]) -> type[RecordForm]:
    """The same form with a field for each connected package."""
    return type(form.__name__, (form,), dict(fields))
