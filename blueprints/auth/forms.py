"""Forms of the sign-in pages."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, PasswordField, StringField, ValidationError
from wtforms.validators import InputRequired, Length

from blueprints import rights


class SignInForm(FlaskForm):
    email = EmailField(_l("E-mail"), [InputRequired(_l("Fill in your e-mail address.")), Length(max=255)])
    password = PasswordField(_l("Password"), [InputRequired(_l("Fill in your password."))])


class SetUpForm(FlaskForm):
    token = HiddenField()
    company = StringField(_l("Company name"), [InputRequired(_l("Fill in the name of your company.")), Length(max=200)])
    name = StringField(_l("Your name"), [InputRequired(_l("Fill in your name.")), Length(max=200)])
    email = EmailField(_l("E-mail"), [InputRequired(_l("Fill in your e-mail address.")), Length(max=255)])
    password = PasswordField(_l("Password"), [InputRequired(_l("Choose a password."))])

    def validate_password(self, field: PasswordField) -> None:
        if problem := rights.password_problem(field.data or "", self.email.data or ""):
            raise ValidationError(problem)
