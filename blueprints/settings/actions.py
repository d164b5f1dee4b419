"""What people change about the company, each other and themselves. Only these commit; each writes an audit row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

import audit
from blueprints import rights
from invoicing.rates import reprice_unbilled
from models import LoginSession, Organisation, Throttle, User, db

CONFIRM_WINDOW = timedelta(minutes=15)
CONFIRM_ATTEMPTS = 10


class Missing(ValueError):
    """There is no such person or login."""


class EmailTaken(ValueError):
    """Somebody signs in with this address already."""


class LastAdministrator(ValueError):
    """Nobody would be left who may manage people."""


class WrongPassword(ValueError):
    """The person's own password was not right, or there were too many attempts."""


@dataclass(frozen=True, slots=True)
class Saved:
    """How many unbilled rows got another rate, and whether the person was signed out everywhere."""

    repriced: int = 0
    signed_out: bool = False


# --- Company --------------------------------------------------------------------------------------------------------------------


def save_company(values: Mapping[str, Any], by: User, now: datetime) -> Saved:
    """Changes the company; another rate per kilometre counts for unbilled trips."""
    company = db.session.get_one(Organisation, 1)
    changes = _apply(company, values)
    if not changes:
        return Saved()
    repriced = reprice_unbilled(now=now) if "km_rate_e4" in changes else 0
    audit.record(by, "organisation_changed", "organisation", 1, now, changes=changes)
    db.session.commit()
    return Saved(repriced)


# --- People ---------------------------------------------------------------------------------------------------------------------


def create_user(email: str, password: str, values: Mapping[str, Any], current_password: str, by: User, now: datetime) -> int:
    """Adds a person and gives their id. Raises WrongPassword or EmailTaken."""
    _confirm(by, current_password, now)
    email = email.strip().casefold()
    user = User(email=email, password_hash=rights.hash_password(password), created_at=now, **values)
    db.session.add(user)
    try:
        db.session.flush()
    except IntegrityError as error:
        db.session.rollback()
        raise EmailTaken from error
    audit.record(by, "user_created", "user", user.id, now, email=email, role=user.role)
    user_id = user.id
    db.session.commit()
    return user_id


def save_user(user_id: int, values: Mapping[str, Any], current_password: str, by: User, now: datetime) -> Saved:
    """Changes a person; another role, or no longer being active, signs them out everywhere at once.

    Raises Missing, LastAdministrator, or WrongPassword when the role changes without one's own password.
    """
    user = _person(user_id)
    if values["role"] != user.role:
        _confirm(by, current_password, now)
    if user.role == "administrator" and user.active and (values["role"] != "administrator" or not values["active"]):
        _keep_an_administrator(user_id)
    changes = _apply(user, values)
    if not changes:
        return Saved()
    signed_out = "role" in changes or ("active" in changes and not user.active)
    if signed_out:
        rights.end_logins(user_id)
    repriced = reprice_unbilled(now=now, user_id=user_id) if "hourly_rate_e4" in changes else 0
    audit.record(by, "user_changed", "user", user_id, now, name=user.name, changes=changes)
    db.session.commit()
    return Saved(repriced, signed_out)


def reset_password(user_id: int, password: str, current_password: str, by: User, now: datetime) -> None:
    """Gives a person another password and signs them out everywhere. Raises Missing or WrongPassword."""
    user = _person(user_id)
    _confirm(by, current_password, now)
    _set_password(user, password, by, now, keep_login=None)


def _keep_an_administrator(but: int) -> None:
    # Locked, so that two administrators cannot retire each other at the same moment.
    others = select(User.id).where(User.role == "administrator", User.active, User.password_hash.is_not(None)).with_for_update()
    if not [one for one in db.session.scalars(others) if one != but]:
        db.session.rollback()
        raise LastAdministrator


# --- One's own account ------------------------------------------------------------------------------------------------------------


def save_profile(values: Mapping[str, Any], by: User, now: datetime) -> None:
    """One's own name and language."""
    if changes := _apply(by, values):
        audit.record(by, "user_changed", "user", by.id, now, name=by.name, changes=changes)
        db.session.commit()


def change_own_password(password: str, current_password: str, login_id: int, by: User, now: datetime) -> None:
    """One's own password; every other login of this person ends. Raises WrongPassword."""
    _confirm(by, current_password, now)
    _set_password(by, password, by, now, keep_login=login_id)


def end_login(login_id: int, by: User, now: datetime) -> None:
    """Ends one login of one's own. Raises Missing."""
    login = db.session.get(LoginSession, login_id)
    if login is None or login.user_id != by.id:
        raise Missing
    db.session.delete(login)
    audit.record(by, "login_ended", "user", by.id, now)
    db.session.commit()


def end_other_logins(login_id: int, by: User, now: datetime) -> None:
    """Ends every login of one's own but this one."""
    rights.end_logins(by.id, keep=login_id)
    audit.record(by, "login_ended", "user", by.id, now, others=True)
    db.session.commit()


def _set_password(user: User, password: str, by: User, now: datetime, keep_login: int | None) -> None:
    user.password_hash = rights.hash_password(password)
    rights.end_logins(user.id, keep_login)
    audit.record(by, "password_changed", "user", user.id, now)
    db.session.commit()


def _confirm(by: User, current_password: str, now: datetime) -> None:
    """A signed-in browser that was left alone must not be enough: the person's own password is asked again."""
    key = f"confirm:{by.id}"
    recent = select(func.count()).select_from(Throttle).where(Throttle.key == key, Throttle.at > now - CONFIRM_WINDOW)
    right = rights.password_matches(current_password, by.password_hash)
    if (db.session.scalar(recent) or 0) >= CONFIRM_ATTEMPTS:
        raise WrongPassword
    if not right:
        db.session.add(Throttle(key=key, at=now))
        audit.record(by, "confirmation_failed", "user", by.id, now)
        db.session.commit()
        raise WrongPassword
    db.session.execute(delete(Throttle).where(Throttle.key == key))


def _person(user_id: int) -> User:
    user = db.session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None:
        raise Missing
    return user


def _apply(row: Any, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Sets what differs and tells it as column to (old, new)."""
    changes = {}
    for name, value in values.items():
        old = getattr(row, name)
        if old != value:
            setattr(row, name, value)
            changes[name] = [old, value]
    return changes
