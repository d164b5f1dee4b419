"""Forms of the connections. The second one is made for the package that it belongs to: its products, its VAT codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, HiddenField, PasswordField, RadioField, SelectField, StringField, ValidationError
from wtforms.validators import Length

from blueprints import formats
from blueprints.formats import AmountField
from blueprints.settings.connection_actions import LONGEST_KEY, LONGEST_URL
from blueprints.settings.connection_queries import PackagePage, item_label, proposals
from connectors.wefact.persona import PERSONAS
from invoicing.plan import INVOICE_PER, LINES_PER, LONGEST_REFERENCE

IMPORT_MODES = [("new", _l("Only new")), ("update", _l("Also update"))]
INVOICE_PER_NAMES = {"customer": _l("customer"), "project": _l("project"), "customer_reference": _l("customer and reference")}
LINES_PER_NAMES = {
    "activity": _l("activity"),
    "entry": _l("entry"),
    "user": _l("user"),
    "project": _l("project"),
    "day": _l("day"),
    "single": _l("one line for everything"),
    "project_activity": _l("project and activity"),
    "user_activity": _l("user and activity"),
}
MOST_PERCENTAGE_BP = 10_000


class ConnectionForm(FlaskForm):
    """Which package, where it is, and its key. The key is never shown again."""

    subscription = RadioField(_l("Subscription"), choices=[(vendor, formats.VENDORS[vendor]) for vendor in PERSONAS])
    api_key = PasswordField(_l("API key"), [Length(max=LONGEST_KEY, message=_l("This is longer than a key can be; copy the key alone."))])
    url = StringField(_l("URL"), [Length(max=LONGEST_URL, message=_l("This URL is too long; use at most 300 characters."))])

    def validate_api_key(self, field: Field) -> None:
        if any(not character.isprintable() for character in (field.data or "").strip()):
            raise ValidationError(_("A key is one line of text; copy it again."))


class DefaultsForm(FlaskForm):
    """What the invoice dialog begins with, and the nightly import."""

    subscription = HiddenField()
    version = HiddenField()
    default_item = SelectField(_l("Default product"), validate_choice=False)
    trip_item = SelectField(_l("Item for trips"), validate_choice=False)
    nightly = BooleanField(_l("Import customers every night"))
    import_mode = SelectField(_l("Import mode"), choices=IMPORT_MODES)
    invoice_per = SelectField(_l("One invoice per"), choices=[(one, INVOICE_PER_NAMES[one]) for one in INVOICE_PER])
    lines_per = SelectField(_l("Lines per"), choices=[(one, LINES_PER_NAMES[one]) for one in LINES_PER])
    reference_template = StringField(
        _l("Reference"), [Length(max=LONGEST_REFERENCE, message=_l("A reference has at most 50 characters; shorten it."))]
    )
    sending = RadioField(_l("When an invoice is made"))
    write_number_back = BooleanField(_l("Take over the number that a new customer gets there"))

    def vat_fields(self) -> list[Field]:
        """The fields of the VAT table, in the order of the regimes."""
        return [field for field in self if field.name.startswith("vat_")]


def defaults_form(page: PackagePage, posted: bool = True) -> DefaultsForm:
    """The second form for this package, filled in as it is stored; what was posted wins, unless that was about another form."""
    fields = {f"vat_{regime.id}": _vat_field(page, regime.name) for regime, _mapping in page.regimes}
    made = type("PackageDefaultsForm", (DefaultsForm,), fields)
    form: DefaultsForm = made(data=_stored(page)) if posted else made(formdata=None, data=_stored(page))
    form.sending.choices = [("draft", _("Leave as draft")), ("send", _("Send via %(package)s", package=page.name))]
    for field in (form.default_item, form.trip_item):
        field.choices = product_choices(page, _("None"), field.data or "")
    return form


def product_choices(page: PackagePage, none: str, chosen: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Code and label of every product; those with a period can be seen but not chosen."""
    choices: list[tuple[str, str, dict[str, Any]]] = [("", none, {})]
    if chosen in page.kept and chosen not in {item.code for item in page.items}:
        gone = _("%(product)s (no longer in %(package)s)", product=page.kept[chosen], package=page.name)
        choices.append((chosen, gone, {}))
    return choices + [(item.code, item_label(item), {"disabled": True} if item.period else {}) for item in page.items]


def _vat_field(page: PackagePage, regime: str) -> Any:
    if page.vendor == "hostfact":
        label = _("VAT percentage in HostFact for %(regime)s", regime=regime)
        return AmountField(label, [_percentage], scale=2)
    label = _("VAT code in WeFact for %(regime)s", regime=regime)
    codes = [(code.code, f"{code.code}, {code.name} ({formats.percentage(code.percentage_bp)})") for code in page.tax_codes]
    known = {code for code, _label in codes}
    gone = [(m.code, _("%(code)s (no longer in WeFact)", code=m.code)) for _r, m in page.regimes if m and m.code and m.code not in known]
    return SelectField(label, choices=[("", _("Choose a code")), *codes, *dict(gone).items()])


def _percentage(_form: Any, field: Field) -> None:
    if field.data is not None and not 0 <= field.data <= MOST_PERCENTAGE_BP:
        raise ValidationError(_("A percentage lies between 0 and 100."))


def _stored(page: PackagePage) -> dict[str, Any]:
    row = page.connection
    codes = {item.id: item.code for item in page.items} | dict(page.kept_ids)
    values: dict[str, Any] = {
        "subscription": row.vendor,
        "version": str(row.version),
        "default_item": codes.get(row.default_item_id or 0, ""),
        "trip_item": codes.get(row.trip_item_id or 0, ""),
        "sending": "send" if row.send_by_default else "draft",
    }
    for column in ("nightly", "import_mode", "invoice_per", "lines_per", "reference_template", "write_number_back"):
        values[column] = getattr(row, column)
    proposed = proposals(page)
    for regime, mapping in page.regimes:
        if page.vendor == "hostfact":
            stored: Any = mapping.percentage_bp if mapping else regime.percentage_bp
        else:
            stored = mapping.code if mapping else proposed[regime.id]
        values[f"vat_{regime.id}"] = stored
    return values


def columns(form: DefaultsForm) -> dict[str, Any]:
    """What the form says, by column of the connection."""
    return {
        "nightly": form.nightly.data,
        "import_mode": form.import_mode.data,
        "invoice_per": form.invoice_per.data,
        "lines_per": form.lines_per.data,
        "reference_template": (form.reference_template.data or "").strip(),
        "send_by_default": form.sending.data == "send",
        "write_number_back": form.write_number_back.data,
    }


def vat(form: DefaultsForm, vendor: str) -> dict[int, tuple[str, int | None]]:
    """What the VAT table says: regime id → (code, percentage in basis points)."""
    found: dict[int, tuple[str, int | None]] = {}
    for field in form.vat_fields():
        regime_id = int(field.name.removeprefix("vat_"))
        found[regime_id] = ("", field.data) if vendor == "hostfact" else (field.data or "", None)
    return found


def explain(form: Any, errors: Mapping[str, Sequence[str]]) -> None:
    """Puts sentences under fields after the form itself had nothing to say."""
    for name, sentences in errors.items():
        getattr(form, name).errors = [*getattr(form, name).errors, *sentences]
