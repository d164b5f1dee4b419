"""Addresses of the company, its people, one's own account and the audit log."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, g, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from blueprints import formats, htmx, listing, rights
from blueprints.settings import actions, blueprint, queries
from blueprints.settings.actions import EmailTaken, LastAdministrator, Missing, Saved, WrongPassword
from blueprints.settings.forms import CompanyForm, NewUserForm, OwnPasswordForm, ProfileForm, ResetPasswordForm, UserForm
from models import User, db

SECTION = "settings"


def _wrong_password() -> str:
    return _("This is not your own password, or there were too many attempts. Try again, or wait a quarter of an hour.")


# --- Company --------------------------------------------------------------------------------------------------------------------


@blueprint.route("/company", methods=["GET", "POST"])
@rights.needs("company")
def company() -> Response:
    row = formats.organisation()
    form = CompanyForm(queries.regime_choices(row.vat_regime_id), obj=row)
    if request.method == "POST" and form.validate():
        saved = actions.save_company(form.values(), g.user, formats.now())
        return htmx.done(url_for("settings.company"), _saved_message(_("Company"), saved))
    return htmx.page("settings/company.html", status=422 if form.errors else 200, section=SECTION, tab="company", form=form, row=row)


def _saved_message(name: str, saved: Saved) -> str:
    if not saved.repriced:
        return _("%(name)s saved.", name=name)
    return ngettext(
        "%(name)s saved. %(num)s unbilled entry got another rate.",
        "%(name)s saved. %(num)s unbilled entries got another rate.",
        saved.repriced,
        name=name,
    )


# --- People ---------------------------------------------------------------------------------------------------------------------


@blueprint.get("/users")
@rights.needs("users")
def users() -> Response:
    asked = listing.read(list(queries.USER_SORTS), "name")
    status = request.args.get("status", "active")
    status = status if status in ("active", "archived", "all") else "active"
    rows, total = queries.users(asked, status)
    return htmx.page(
        "settings/users.html",
        section=SECTION,
        tab="users",
        listing=asked,
        rows=rows,
        pager=asked.pager(total),
        shown=status,
        link=listing.link,
    )


@blueprint.route("/users/new", methods=["GET", "POST"])
@rights.needs("users")
def new_user() -> Response:
    form = NewUserForm()
    del form.active
    if request.method == "POST" and form.validate():
        values = {name: form._fields[name].data for name in ("name", "role", "language", "hourly_rate_e4")}
        try:
            actions.create_user(form.email.data, form.password.data, values, form.current_password.data or "", g.user, formats.now())
        except EmailTaken:
            form.refuse("email", _("Somebody signs in with this address already; change that person instead."))
        except WrongPassword:
            form.refuse("current_password", _wrong_password())
        else:
            return htmx.done(url_for("settings.users"), _("%(name)s can sign in now.", name=form.name.data))
    return _user_page(None, form, None)


@blueprint.route("/users/<int(max=2147483647):user_id>", methods=["GET", "POST"])
@rights.needs("users")
def user(user_id: int) -> Response:
    row = db.session.get(User, user_id) or abort(404)
    form = UserForm(obj=row)
    if request.method == "POST" and form.validate():
        values = {name: form._fields[name].data for name in ("name", "role", "language", "hourly_rate_e4", "active")}
        try:
            saved = actions.save_user(user_id, values, form.current_password.data or "", g.user, formats.now())
        except Missing:
            abort(404)
        except WrongPassword:
            form.refuse("current_password", _wrong_password())
        except LastAdministrator:
            name = "role" if form.role.data != "administrator" else "active"
            form.refuse(name, _("This is the last active administrator; make somebody else administrator first."))
        else:
            return htmx.done(url_for("settings.users"), _user_message(form.name.data, saved))
    return _user_page(row, form, ResetPasswordForm(formdata=None))


def _user_message(name: str, saved: Saved) -> str:
    if saved.signed_out:
        return _("%(name)s saved and signed out everywhere.", name=name)
    return _saved_message(name, saved)


@blueprint.post("/users/<int(max=2147483647):user_id>/password")
@rights.needs("users")
def reset_password(user_id: int) -> Response:
    row = db.session.get(User, user_id) or abort(404)
    form = ResetPasswordForm()
    form.about_email = row.email
    if form.validate():
        try:
            actions.reset_password(user_id, form.password.data, form.confirm_password.data, g.user, formats.now())
        except Missing:
            abort(404)
        except WrongPassword:
            form.refuse("confirm_password", _wrong_password())
        else:
            message = _("%(name)s has a new password and is signed out everywhere.", name=row.name)
            return htmx.done(url_for("settings.users"), message)
    return _user_page(row, UserForm(formdata=None, obj=row), form)


def _user_page(row: User | None, form: UserForm, reset: ResetPasswordForm | None) -> Response:
    refused = form.errors or (reset is not None and reset.errors)
    return htmx.page("settings/user.html", status=422 if refused else 200, section=SECTION, tab="users", row=row, form=form, reset=reset)


# --- One's own account ------------------------------------------------------------------------------------------------------------


@blueprint.get("/security")
def security() -> Response:
    return _security_page(ProfileForm(formdata=None, obj=g.user), OwnPasswordForm(formdata=None))


@blueprint.post("/security/profile")
def save_profile() -> Response:
    form = ProfileForm()
    if form.validate():
        actions.save_profile({"name": form.name.data, "language": form.language.data}, g.user, formats.now())
        return htmx.done(url_for("settings.security"), _("%(name)s saved.", name=form.name.data))
    return _security_page(form, OwnPasswordForm(formdata=None))


@blueprint.post("/security/password")
def change_password() -> Response:
    form = OwnPasswordForm()
    form.about_email = g.user.email
    if form.validate():
        try:
            actions.change_own_password(form.password.data, form.current_password.data, g.login.id, g.user, formats.now())
        except WrongPassword:
            form.refuse("current_password", _wrong_password())
        else:
            return htmx.done(url_for("settings.security"), _("Your password is changed; you are signed out everywhere else."))
    return _security_page(ProfileForm(formdata=None, obj=g.user), form)


@blueprint.post("/security/logins/<int(max=2147483647):login_id>/end")
def end_login(login_id: int) -> Response:
    try:
        actions.end_login(login_id, g.user, formats.now())
    except Missing:
        abort(404)
    return htmx.done(url_for("settings.security"), _("That login has ended."))


@blueprint.post("/security/logins/end")
def end_logins() -> Response:
    actions.end_other_logins(g.login.id, g.user, formats.now())
    return htmx.done(url_for("settings.security"), _("You are signed out everywhere else."))


def _security_page(profile: ProfileForm, password: OwnPasswordForm) -> Response:
    refused = profile.errors or password.errors
    return htmx.page(
        "settings/security.html",
        status=422 if refused else 200,
        section=SECTION,
        tab="security",
        profile=profile,
        password=password,
        logins=queries.logins(g.user.id),
        current=g.login.id,
    )


# --- The audit log ----------------------------------------------------------------------------------------------------------------


@blueprint.get("/audit")
@rights.needs("audit")
def audit() -> Response:
    asked = listing.read(["at"], "-at")
    wanted: dict[str, Any] = {name: request.args.get(name, "") for name in ("action", "object", "user")}
    people = queries.people()
    user_id = next((one for one, _name in people if str(one) == wanted["user"]), None)
    rows, total = queries.events(asked, wanted["action"][:60], wanted["object"][:40], user_id)
    return htmx.page(
        "settings/audit.html",
        "settings/_audit.html",
        section=SECTION,
        tab="audit",
        rows=rows,
        pager=asked.pager(total),
        wanted=wanted,
        people=people,
    )
