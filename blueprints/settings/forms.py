"""Forms of the company, its people, and one's own account."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from zoneinfo import available_timezones

from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, Form, PasswordField, SelectField, ValidationError
from wtforms.validators import InputRequired

import checks
from billing.rounding import INTERVALS_MINUTES
from blueprints import formats, rights
from blueprints.formats import AmountField, CheckedField

LANGUAGE_CHOICES = [("nl", _l("Dutch")), ("en", _l("English"))]
DIRECTION_CHOICES = [("nearest", _l("To the nearest")), ("up", _l("Up")), ("down", _l("Down"))]
SCOPE_CHOICES = [
    ("entry", _l("Each entry")),
    ("user_activity_day", _l("Each user, activity and day together")),
    ("line", _l("Each invoice line")),
]
BASIS_CHOICES = [("exact", _l("Exact minutes")), ("displayed", _l("Hours with two decimals, as shown"))]
LONGEST_TERM_DAYS = 365


def _line(most: int) -> Callable[[str], str]:
    return partial(checks.one_line, most=most)


def _clock(text: str) -> str:
    """A time of day as 03:30."""
    minutes = checks.parse_clock(text) % checks.DAY_MINUTES
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _checked(check: Callable[[str], Any], field: Field) -> None:
    """Puts the value in the one spelling its check gives, or says what is wrong with it."""
    if not field.data:
        return
    try:
        field.data = check(field.data)
    except checks.CheckFailed as error:
        raise ValidationError(formats.form_error(error.code, error.params)) from error


# --- Company --------------------------------------------------------------------------------------------------------------------


class CompanyForm(FlaskForm):
    """The one company. Fields are named after the columns they fill."""

    name = CheckedField(_l("Company name"), _line(200))
    vat_number = CheckedField(_l("VAT number"), _line(30))
    coc_number = CheckedField(_l("Chamber of commerce number"), _line(20))
    email = CheckedField(_l("E-mail"), checks.email)
    phone = CheckedField(_l("Phone"), _line(40))
    address = CheckedField(_l("Address"), _line(200))
    postal_code = CheckedField(_l("Postal code"), _line(20))
    city = CheckedField(_l("City"), _line(100))
    country = SelectField(_l("Country"))
    iban = CheckedField(_l("IBAN"), checks.iban)
    bic = CheckedField(_l("BIC"), checks.bic)

    vat_regime_id = SelectField(_l("VAT"), coerce=int)
    payment_term_days = AmountField(_l("Payment term in days"), scale=0)
    km_rate_e4 = AmountField(_l("Rate per kilometre"))
    language = SelectField(_l("Language of invoices"), choices=LANGUAGE_CHOICES)

    rounding_minutes = SelectField(_l("Round hours to"), coerce=int)
    rounding_direction = SelectField(_l("Direction"), choices=DIRECTION_CHOICES)
    rounding_scope = SelectField(_l("Rounded per"), choices=SCOPE_CHOICES)
    quantity_basis = SelectField(_l("Amount follows from"), choices=BASIS_CHOICES)

    approve_hours = BooleanField(_l("Hours"))
    approve_expenses = BooleanField(_l("Expenses"))
    approve_trips = BooleanField(_l("Trips"))

    timezone = CheckedField(_l("Time zone"), _line(64))
    nightly_at = CheckedField(_l("Nightly import at"), _clock)

    def __init__(self, regimes: list[tuple[int, str]], **options: Any) -> None:
        super().__init__(**options)
        locale = get_locale()
        names = locale.territories if locale else {}
        self.country.choices = sorted(((code, names.get(code, code)) for code in checks.COUNTRIES), key=lambda pair: pair[1])
        self.vat_regime_id.choices = regimes
        self.rounding_minutes.choices = [(0, _("Not rounded")), *((n, _("%(n)s minutes", n=n)) for n in INTERVALS_MINUTES if n > 1)]

    def values(self) -> dict[str, Any]:
        """The columns this form fills."""
        return {name: field.data for name, field in self._fields.items() if name != "csrf_token"}

    def validate_name(self, field: Field) -> None:
        if not field.data and not field.errors:
            raise ValidationError(_("Fill in the name of your company."))

    def validate_vat_number(self, field: Field) -> None:
        _checked(lambda text: checks.vat_number(text, self.country.data), field)

    def validate_coc_number(self, field: Field) -> None:
        _checked(lambda text: checks.coc_number(text, self.country.data), field)

    def validate_postal_code(self, field: Field) -> None:
        _checked(lambda text: checks.postal_code(text, self.country.data), field)

    def validate_payment_term_days(self, field: Field) -> None:
        if not field.errors and (field.data is None or not 0 <= field.data <= LONGEST_TERM_DAYS):
            raise ValidationError(_("Enter a number of days from 0 to 365."))

    def validate_timezone(self, field: Field) -> None:
        if field.data not in available_timezones():
            raise ValidationError(_("“%(text)s” is not a time zone; write it like Europe/Amsterdam.", text=(field.data or "")[:60]))

    def validate_nightly_at(self, field: Field) -> None:
        if not field.data and not field.errors:
            raise ValidationError(_("Fill in a time of day, like 03:30."))


# --- People ---------------------------------------------------------------------------------------------------------------------


def _good_password(form: Form, field: Field) -> None:
    if problem := rights.password_problem(field.data or "", form.about_email):
        raise ValidationError(problem)


class _AboutSomebody(FlaskForm):
    about_email = ""
    """The address of the person whose password this form sets; it is no password itself."""

    def refuse(self, name: str, sentence: str) -> None:
        """Puts a problem that only the database could see beside its field."""
        field = self._fields[name]
        field.errors = [*field.errors, sentence]


class UserForm(_AboutSomebody):
    """A person as an administrator sees them. `current_password` is the administrator's own."""

    name = CheckedField(_l("Name"), _line(200))
    role = SelectField(_l("Role"), choices=list(formats.ROLE_NAMES.items()), default="user")
    language = SelectField(_l("Language"), coerce=lambda value: value or None)
    hourly_rate_e4 = AmountField(_l("Hourly rate"))
    active = BooleanField(_l("May sign in"), default=True)
    current_password = PasswordField(_l("Your own password"))

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.language.choices = language_choices()

    def validate_name(self, field: Field) -> None:
        if not field.data and not field.errors:
            raise ValidationError(_("Fill in a name."))


class NewUserForm(UserForm):
    email = CheckedField(_l("E-mail"), checks.email)
    password = PasswordField(_l("First password"), [_good_password])

    def validate_email(self, field: Field) -> None:
        self.about_email = field.data or ""
        if not field.data and not field.errors:
            raise ValidationError(_("Fill in the e-mail address that this person signs in with."))


class ResetPasswordForm(_AboutSomebody):
    password = PasswordField(_l("New password"), [_good_password])
    confirm_password = PasswordField(_l("Your own password"), [InputRequired(_l("Fill in your own password."))])


# --- One's own account ------------------------------------------------------------------------------------------------------------


class ProfileForm(FlaskForm):
    name = CheckedField(_l("Name"), _line(200))
    language = SelectField(_l("Language"), coerce=lambda value: value or None)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.language.choices = language_choices()

    def validate_name(self, field: Field) -> None:
        if not field.data and not field.errors:
            raise ValidationError(_("Fill in your name."))


class OwnPasswordForm(_AboutSomebody):
    current_password = PasswordField(_l("Current password"), [InputRequired(_l("Fill in your current password."))])
    password = PasswordField(_l("New password"), [_good_password])


def language_choices() -> list[tuple[str, Any]]:
    return [("", _("As the browser")), *LANGUAGE_CHOICES]
