"""The one choice an import begins with."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice


class ImportForm(FlaskForm):
    mode = SelectField(
        _l("Mode"), choices=[SelectChoice("new", _l("Only new")), SelectChoice("update", _l("Also update"))], default="update"
    )
