"""`flask users …`: people, for whoever has the server and no browser."""

from __future__ import annotations

import json
import sys

import click
from flask.cli import AppGroup
from sqlalchemy import select

import checks
from blueprints import formats, rights
from blueprints.auth import actions, blueprint
from blueprints.rights import ROLES
from models import User, db

users = AppGroup("users", help="People who sign in.")
blueprint.cli.add_command(users)


def _read_password(from_stdin: bool, email: str) -> str:
    password = sys.stdin.readline().rstrip("\r\n") if from_stdin else click.prompt("Password", hide_input=True, confirmation_prompt=True)
    if problem := rights.password_problem(password, email):
        raise click.ClickException(problem)
    return str(password)


@users.command("create")
@click.argument("email")
@click.option("--role", type=click.Choice(sorted(ROLES)), default="user", show_default=True)
@click.option("--name", default="", help="Shown beside the hours; the e-mail address when left out.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
def create(email: str, role: str, name: str, password_stdin: bool) -> None:
    """Add a person who may sign in."""
    try:
        email = checks.email(email)
    except checks.CheckFailed as error:
        raise click.ClickException(str(error)) from error
    password = _read_password(password_stdin, email)
    try:
        user = actions.create_user(email, name, role, password, formats.now(), by=None)
    except actions.UserExists as error:
        raise click.ClickException(f"{error} exists already; use: users reset-password {error}") from error
    db.session.commit()
    click.echo(f"{user.email} can sign in as {user.role}")


@users.command("reset-password")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
def reset_password(email: str, password_stdin: bool) -> None:
    """Give a person a new password and sign them out everywhere."""
    user = actions.find_user(email)
    if user is None:
        raise click.ClickException(f"nobody has the address {email}; see: users list")
    actions.set_password(user, _read_password(password_stdin, user.email), formats.now(), by=None)
    db.session.commit()
    click.echo(f"{user.email} has a new password")


@users.command("list")
def list_users() -> None:
    """One JSON line per person."""
    for user in db.session.scalars(select(User).order_by(User.email)):
        click.echo(json.dumps({"email": user.email, "name": user.name, "role": user.role, "active": user.active}, ensure_ascii=False))


@users.command("setup-link")
def setup_link() -> None:
    """The one-time link for the first administrator; nothing once there is a user."""
    if token := actions.make_setup_token():
        from blueprints.rights import settings

        click.echo(f"{settings().base_url}/setup?token={token}")
