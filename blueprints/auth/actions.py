"""Signing in and out, and making people. Each takes values and a clock; only these commit."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select

import audit
from blueprints import rights
from models import LoginSession, Organisation, Throttle, User, db

WINDOW = timedelta(minutes=15)
PER_ACCOUNT, PER_ADDRESS = 10, 50


class SignInRefused(ValueError):
    """Wrong e-mail or password, or too many attempts; the page says the same for both."""


class UserExists(ValueError):
    """Somebody has this e-mail address already."""


def sign_in(email: str, password: str, address: str, now: datetime) -> User:
    """Signs a person in with a new cookie. Raises SignInRefused."""
    keys = (f"account:{email.strip().casefold()}", f"address:{address}")
    if _is_throttled(keys[0], PER_ACCOUNT, now) or _is_throttled(keys[1], PER_ADDRESS, now):
        raise SignInRefused
    user = find_user(email)
    right = rights.password_matches(password, user.password_hash if user else None)
    if user is None or not right or not user.active:
        db.session.add_all([Throttle(key=key, at=now) for key in keys])
        audit.record(user, "sign_in_failed", "user", user.id if user else None, now, address=address)
        db.session.commit()
        raise SignInRefused
    if rights.password_is_outdated(user.password_hash or ""):
        user.password_hash = rights.hash_password(password)
    db.session.execute(delete(Throttle).where((Throttle.key == keys[0]) | (Throttle.at < now - WINDOW)))
    db.session.execute(delete(LoginSession).where(LoginSession.created_at < now - rights.LONGEST))
    rights.begin_login(user, now)
    audit.record(user, "sign_in", "user", user.id, now, address=address)
    db.session.commit()
    return user


def _is_throttled(key: str, limit: int, now: datetime) -> bool:
    count = db.session.scalar(select(func.count()).select_from(Throttle).where(Throttle.key == key, Throttle.at > now - WINDOW))
    return (count or 0) >= limit


def sign_out(login: LoginSession, user: User, now: datetime) -> None:
    db.session.delete(login)
    audit.record(user, "sign_out", "user", user.id, now)
    db.session.commit()


def find_user(email: str) -> User | None:
    return db.session.scalar(select(User).where(User.email == email.strip().casefold()))


def has_users() -> bool:
    return db.session.scalar(select(User.id).limit(1)) is not None


def make_setup_token() -> str | None:
    """A one-time link's token while there is no user yet; a new one makes the old one useless."""
    if has_users():
        return None
    token = secrets.token_urlsafe(24)
    _organisation().setup_token_hash = rights.hash_token(token)
    db.session.commit()
    return token


def is_setup_token(token: str) -> bool:
    organisation = db.session.get(Organisation, 1)
    kept = organisation.setup_token_hash if organisation else None
    return bool(kept) and not has_users() and secrets.compare_digest(kept or "", rights.hash_token(token))


def set_up(company: str, name: str, email: str, password: str, now: datetime) -> User:
    """The first administrator; the link is used up."""
    organisation = _organisation()
    organisation.name = company.strip()
    organisation.setup_token_hash = None
    user = create_user(email, name, "administrator", password, now, by=None)
    rights.begin_login(user, now)
    db.session.commit()
    return user


def create_user(email: str, name: str, role: str, password: str | None, now: datetime, by: User | None) -> User:
    """Adds a person; the caller commits. Raises UserExists."""
    email = email.strip().casefold()
    if find_user(email):
        raise UserExists(email)
    user = User(email=email, name=name.strip() or email, role=role, created_at=now, active=True)
    user.password_hash = rights.hash_password(password) if password else None
    db.session.add(user)
    db.session.flush()
    audit.record(by, "user_created", "user", user.id, now, email=email, role=role)
    return user


def set_password(user: User, password: str, now: datetime, by: User | None, keep_login: int | None = None) -> None:
    """A new password; every other login of this person ends. The caller commits."""
    user.password_hash = rights.hash_password(password)
    rights.end_logins(user.id, keep_login)
    audit.record(by, "password_changed", "user", user.id, now)


def _organisation() -> Organisation:
    organisation = db.session.get(Organisation, 1)
    if organisation is None:
        raise RuntimeError("the database was not migrated: run `flask --app app db upgrade`")
    return organisation
