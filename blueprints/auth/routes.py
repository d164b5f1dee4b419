"""Addresses for signing in."""

from __future__ import annotations

from flask import Response, abort, flash, g, redirect, request, session, url_for
from flask_babel import gettext as _

from blueprints import formats, htmx, rights
from blueprints.auth import actions, blueprint
from blueprints.auth.forms import SetUpForm, SignInForm


@blueprint.route("/login", methods=["GET", "POST"])
def sign_in() -> Response:
    form = SignInForm()
    if g.user is not None and request.method == "GET":
        return redirect(rights.safe_next(request.args.get("next")), code=303)
    refused = False
    if form.validate_on_submit():
        try:
            actions.sign_in(form.email.data, form.password.data, request.remote_addr or "-", formats.now())
        except actions.SignInRefused:
            refused = True
        else:
            return redirect(rights.safe_next(request.args.get("next")), code=303)
    organisation = formats.organisation()
    return htmx.page(
        "auth/sign_in.html", form=form, refused=refused, has_users=actions.has_users(), company=organisation.name if organisation else ""
    )


@blueprint.post("/logout")
def sign_out() -> Response:
    actions.sign_out(g.login, g.user, formats.now())
    session.clear()
    flash(_("You are signed out."), "ok")
    return redirect(url_for("auth.sign_in"), code=303)


@blueprint.route("/setup", methods=["GET", "POST"])
def set_up() -> Response:
    form = SetUpForm()
    token = form.token.data if request.method == "POST" else request.args.get("token", "")
    if not actions.is_setup_token(token or ""):
        abort(404)
    form.token.data = token
    if form.validate_on_submit():
        actions.set_up(form.company.data, form.name.data, form.email.data, form.password.data, formats.now())
        return redirect(url_for("home.dashboard"), code=303)
    return htmx.page("auth/set_up.html", form=form, status=422 if form.errors else 200)
