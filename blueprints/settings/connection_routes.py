"""Addresses of the connections: the tiles, the page of WeFact and HostFact, and the plain word about AFAS."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Response, abort, flash, g, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from blueprints import formats, htmx, rights
from blueprints.settings import blueprint
from blueprints.settings import connection_actions as actions
from blueprints.settings import connection_forms as forms
from blueprints.settings import connection_queries as queries
from blueprints.settings.connection_forms import ConnectionForm, DefaultsForm
from blueprints.settings.connection_queries import PackagePage
from connectors.errors import ConnectorError
from connectors.records import CheckStep
from connectors.wefact.persona import PERSONAS, AddressNotUsable
from models import db
from transfers import items

SECTION: dict[str, Any] = {"section": "settings", "tab": "integrations"}


@blueprint.get("/integrations")
@rights.needs("connections")
def integrations() -> Response:
    return htmx.page("settings/integrations.html", tiles=queries.tiles(rights.settings()), **SECTION)


@blueprint.post("/integrations/<vendor>/activate")
@rights.needs("connections")
def activate(vendor: str) -> Response:
    if vendor not in PERSONAS:
        abort(404)
    actions.activate(vendor, g.user, formats.now())
    return htmx.done(_page_of(vendor))


@blueprint.get("/afas")
@rights.needs("connections")
def afas() -> Response:
    return htmx.page("settings/afas.html", **SECTION)


@blueprint.get("/wefact")
@rights.needs("connections")
def wefact() -> Response:
    page = queries.package(rights.settings(), _vendor(request.args.get("subscription", "")))
    return _show(page, fragment="settings/_package.html")


@blueprint.post("/wefact")
@rights.needs("connections")
def test_connection() -> Response:
    """Test and save."""
    form = ConnectionForm()
    vendor = _vendor(form.subscription.data or "")
    if not form.validate_on_submit():
        return _not_saved(vendor, form)
    typed = actions.Typed(form.api_key.data or "", form.url.data or "")
    try:
        tested = actions.test_and_save(rights.settings(), vendor, typed, g.user, formats.now)
    except actions.TooManyTests:
        return _too_many(vendor, form)
    except AddressNotUsable as error:
        forms.explain(form, {"url": [formats.reason(f"url_{error.reason}")]})
        return _not_saved(vendor, form)
    except actions.NeedsKey as error:
        forms.explain(form, {"api_key": [_needs_key(error.reason)]})
        return _not_saved(vendor, form)
    if not tested.result.ok:
        return _not_saved(vendor, form, tested)
    for notice in tested.notices:
        flash(_notice(notice), "ok")
    if tested.lists_problem is not None:
        flash(_lists_problem(tested.lists_problem), "warn")
    return htmx.done(_page_of(vendor), _connected(vendor, tested.counts))


@blueprint.post("/wefact/lists")
@rights.needs("connections")
def refresh_lists() -> Response:
    """Fetch products and VAT codes again; htmx keeps what was chosen meanwhile."""
    vendor = _vendor(request.form.get("subscription", ""))
    try:
        counts = actions.refresh_lists(rights.settings(), vendor, g.user, formats.now)
    except actions.TooManyTests:
        return _lists_failed(vendor, _too_many_sentence())
    except ConnectorError as error:
        return _lists_failed(vendor, _lists_problem(error))
    message = _fetched(counts)
    if not htmx.wants_fragment():
        return htmx.done(_page_of(vendor), message)
    page = queries.package(rights.settings(), vendor)
    return htmx.toast(_show(page, fragment="settings/_package.html"), message)


@blueprint.post("/wefact/defaults")
@rights.needs("connections")
def save_defaults() -> Response:
    vendor = _vendor(request.form.get("subscription", ""))
    page = queries.package(rights.settings(), vendor)
    form = forms.defaults_form(page)
    if not form.validate():
        return _show(page, defaults=form, fragment="settings/_package.html", status=422)
    products = {"default_item_id": form.default_item.data or "", "trip_item_id": form.trip_item.data or ""}
    version = int(form.version.data) if (form.version.data or "").isdecimal() else -1
    try:
        actions.save_defaults(vendor, forms.columns(form), products, forms.vat(form, vendor), version, g.user, formats.now())
    except actions.ProductRefused as error:
        db.session.rollback()
        wrong = "trip_item" if form.default_item.data != error.code else "default_item"
        forms.explain(form, {wrong: [product_refused(error)]})
        return _show(queries.package(rights.settings(), vendor), defaults=form, fragment="settings/_package.html", status=422)
    except actions.ChangedMeanwhile:
        page = queries.package(rights.settings(), vendor)
        page.note = ("bad", _("Not saved: somebody else changed this connection meanwhile. Look at your choices and save again."))
        form.version.data = str(page.connection.version)
        return _show(page, defaults=form, fragment="settings/_package.html", status=409)
    return htmx.done(_page_of(vendor), _("Saved."))


@blueprint.get("/wefact/disconnect")
@rights.needs("connections")
def ask_to_disconnect() -> Response:
    page = queries.package(rights.settings(), _vendor(request.args.get("subscription", "")))
    return htmx.page("settings/disconnect.html", page=page, **SECTION)


@blueprint.post("/wefact/disconnect")
@rights.needs("connections")
def disconnect() -> Response:
    vendor = _vendor(request.form.get("subscription", ""))
    actions.disconnect(vendor, g.user, formats.now())
    message = _("%(package)s is disconnected and its key is gone. Links and history stay.", package=formats.VENDORS[vendor])
    return htmx.done(url_for("settings.integrations"), message)


# --- Between the page and its actions -------------------------------------------------------------------------------------------------


def _vendor(subscription: str) -> str:
    return subscription if subscription in PERSONAS else "wefact"


def _page_of(vendor: str) -> str:
    return url_for("settings.wefact", subscription=vendor if vendor != "wefact" else None)


def _show(
    page: PackagePage, form: ConnectionForm | None = None, defaults: DefaultsForm | None = None, fragment: str = "", status: int = 200
) -> Response:
    if form is None:
        form = ConnectionForm(formdata=None, data={"subscription": page.vendor, "url": page.url})
    values: dict[str, Any] = {"page": page, "form": form, "defaults": defaults or forms.defaults_form(page)}
    return htmx.page("settings/wefact.html", fragment, status=status, **values, **SECTION)


def _not_saved(vendor: str, form: ConnectionForm, tested: actions.Tested | None = None, note: str = "", status: int = 422) -> Response:
    """The page again with everything that was typed but the key, which nobody gets to see twice."""
    db.session.rollback()
    page = queries.package(rights.settings(), vendor)
    if tested is not None:
        page = replace(page, steps=tested.result.steps, tested_now=True, problem="")
        page.refused_address = queries.refused_address(tested.result.steps) or page.refused_address
        note = _test_failed(page, form, queries.failure(tested.result.steps))
    if note:
        page.test_note = note
    return _show(page, form, forms.defaults_form(page, posted=False), fragment="settings/_wefact.html", status=status)


def _test_failed(page: PackagePage, form: ConnectionForm, step: CheckStep | None) -> str:
    sentence = queries.failed_sentence(step) if step else ""
    if not form.api_key.data:
        return sentence
    row = next(row for row in page.rows if row.vendor == page.vendor)
    if row.key_saved:
        return _("%(sentence)s Nothing was saved: the key that was saved before stays in use.", sentence=sentence)
    return _("%(sentence)s Nothing was saved: paste the key again to test again.", sentence=sentence)


def _too_many_sentence() -> str:
    return _("You tested ten times within a minute. Wait a minute, so that the package does not shut us out, and press again.")


def _too_many(vendor: str, form: ConnectionForm) -> Response:
    return _not_saved(vendor, form, note=_too_many_sentence(), status=422 if htmx.wants_fragment() else 429)


def _lists_failed(vendor: str, sentence: str) -> Response:
    page = queries.package(rights.settings(), vendor)
    page.note = ("bad", sentence)
    defaults = forms.defaults_form(page, posted="version" in request.form)
    return _show(page, defaults=defaults, fragment="settings/_package.html", status=422)


def _needs_key(reason: str) -> str:
    if reason == "url_changed":
        return _("The URL changed: paste the key again, because a saved key is never sent to a new address by itself.")
    if reason == "key_unreadable":
        return formats.reason("key_unreadable")
    return _("Paste the API key.")


def _notice(notice: str) -> str:
    if notice == "suffix_removed":
        return _("/apiv2/api.php was left out of the URL: Uurwerk adds it itself.")
    if notice == "https_added":
        return _("https:// was put before the URL.")
    return _("HostFact answered in another folder of that address; the URL was corrected.")


def _lists_problem(error: ConnectorError) -> str:
    sentence = formats.reason(error.reason, error.params, error.detail)
    return _("The products could not be fetched: %(sentence)s", sentence=sentence)


def _connected(vendor: str, counts: items.Counts | None) -> str:
    name = formats.VENDORS[vendor]
    if counts is None:
        return _("%(package)s is connected. Press Refresh list to fetch its products.", package=name)
    return _("%(package)s is connected: %(fetched)s", package=name, fetched=_fetched(counts))


def _fetched(counts: items.Counts) -> str:
    products = ngettext("%(num)s product", "%(num)s products", counts.active)
    if counts.gone:
        return _("%(products)s fetched, %(gone)s no longer there.", products=products, gone=counts.gone)
    return _("%(products)s fetched.", products=products)


def product_refused(error: actions.ProductRefused) -> str:
    """Why a product cannot be chosen."""
    if error.reason == "period":
        return _("%(code)s is sold per period and would make subscriptions; choose a product that is sold once.", code=error.code)
    return _("There is no product %(code)s any more; refresh the list and choose another.", code=error.code)
