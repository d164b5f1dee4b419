"""Who is signed in, by which password, and what that person may do. Checked in Python, before any data reaches a template."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import Response, abort, current_app, g, redirect, request, session, url_for
from flask_babel import gettext as _
from sqlalchemy import delete, select, update

from blueprints import formats
from models import LoginSession, User, db, read_only

P = ParamSpec("P")
R = TypeVar("R")

IDLE = timedelta(hours=8)
LONGEST = timedelta(days=7)
TOUCH_EVERY = timedelta(minutes=1)

PUBLIC = {"static", "auth.sign_in", "auth.set_up", "home.health", "home.ready"}
"""Addresses that answer without signing in."""

RIGHTS = {
    "register": "own hours, expenses and trips",
    "all_registrations": "everybody's hours, expenses and trips",
    "approve": "approve and reopen",
    "rates": "see rates and amounts",
    "customers": "customers",
    "projects": "projects",
    "master_data": "activities, expense categories, vehicles, VAT",
    "invoicing": "invoices and transfers",
    "connections": "connections to accounting packages",
    "import": "imports",
    "users": "users",
    "company": "company settings",
    "audit": "the audit log",
}
ROLES: dict[str, frozenset[str]] = {
    "administrator": frozenset(RIGHTS),
    "project_manager": frozenset({"register", "all_registrations", "approve", "rates", "customers", "projects", "invoicing"}),
    "team_manager": frozenset({"register", "all_registrations", "approve"}),
    "user": frozenset({"register"}),
}


def may(right: str, user: User | None = None) -> bool:
    """Whether the person (by default the one signed in) has a right."""
    person = user or g.get("user")
    return person is not None and right in ROLES.get(person.role, frozenset())


def needs(right: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A view that only people with this right may open; for others it does not exist."""

    def wrap(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if not may(right):
                abort(404)
            return view(*args, **kwargs)

        guarded.right = right  # type: ignore[attr-defined]
        return guarded

    return wrap


def load_user() -> Response | None:
    """Finds who is signed in; sends everybody else to the sign-in page."""
    g.user = g.login = None
    if request.endpoint == "static":
        return None
    if token := session.get("login"):
        _find(token, formats.now())
    if g.user is not None or request.endpoint in PUBLIC:
        return None
    back = request.full_path.rstrip("?") if request.method == "GET" and request.path != "/" else None
    if request.headers.get("HX-Request") == "true":
        here = urlsplit(request.headers.get("HX-Current-URL", "")).path
        return Response(status=401, headers={"HX-Redirect": url_for("auth.sign_in", next=here or None)})
    return redirect(url_for("auth.sign_in", next=back), code=303)


def _find(token: str, now: datetime) -> None:
    row = db.session.execute(
        select(LoginSession, User).join(User, User.id == LoginSession.user_id).where(LoginSession.token_hash == hash_token(token))
    ).first()
    if row is None:
        session.pop("login", None)
        return
    login, user = row
    if not user.active or now - login.seen_at > IDLE or now - login.created_at > LONGEST:
        session.pop("login", None)
        return
    g.user, g.login = user, login
    if now - login.seen_at > TOUCH_EVERY:
        _touch(login.id, now)


def _touch(login_id: int, now: datetime) -> None:
    """In a transaction of its own, so that looking at a page never holds the write lock."""
    db.session.commit()
    token = read_only.set(False)
    try:
        db.session.execute(update(LoginSession).where(LoginSession.id == login_id).values(seen_at=now))
        db.session.commit()
    finally:
        read_only.reset(token)


def hash_token(token: str) -> str:
    """What is kept of a token that only its owner knows."""
    return hashlib.sha256(token.encode()).hexdigest()


def begin_login(user: User, now: datetime) -> None:
    """A new login session with a new cookie. The caller commits."""
    token = secrets.token_urlsafe(32)
    session.clear()
    session.permanent = True
    session["login"] = token
    db.session.add(LoginSession(token_hash=hash_token(token), user_id=user.id, created_at=now, seen_at=now, selection={}))


def end_logins(user_id: int, keep: int | None = None) -> None:
    """Signs a person out everywhere (but for the login `keep`). The caller commits."""
    statement = delete(LoginSession).where(LoginSession.user_id == user_id)
    db.session.execute(statement if keep is None else statement.where(LoginSession.id != keep))


def safe_next(target: str | None) -> str:
    """Where to go after signing in: a path of this site, or the dashboard."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or any(ord(c) < 32 for c in target):
        return url_for("home.dashboard")
    parts = urlsplit(target)
    return url_for("home.dashboard") if parts.scheme or parts.netloc else target


def settings() -> Any:
    """The settings object of this application."""
    return current_app.extensions["settings"]


# --- Passwords: which are good enough, how they are kept, and how an attempt is checked in the same time for everybody -----------------

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 128
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
NOBODY = HASHER.hash("no such account, checked all the same")
COMMON_PASSWORDS = frozenset(
    [
        "123456789012",
        "1234567890123",
        "password1234",
        "password12345",
        "passwordpassword",
        "qwertyuiop12",
        "qwertyuiop123",
        "qwertyuiopas",
        "111111111111",
        "000000000000",
        "abcdefghijkl",
        "abcdefgh1234",
        "welkom123456",
        "welkom012345",
        "wachtwoord12",
        "wachtwoord123",
        "wachtwoord1234",
        "letmein12345",
        "administrator",
        "administrator1",
        "iloveyou1234",
        "qazwsxedcrfv",
        "1q2w3e4r5t6y",
        "zaq12wsxcde3",
        "uurwerk12345",
        "changeme1234",
        "welcome12345",
    ]
)


def password_problem(password: str, email: str) -> str:
    """What is wrong with a new password, or nothing. No composition rules: length and not being guessable."""
    if len(password) < SHORTEST_PASSWORD:
        return _("Use at least %(n)s characters; a few words in a row are easy to remember.", n=SHORTEST_PASSWORD)
    if len(password) > LONGEST_PASSWORD:
        return _("Use at most %(n)s characters.", n=LONGEST_PASSWORD)
    folded = password.casefold()
    if folded in COMMON_PASSWORDS or len(set(folded)) < 4 or (email and folded in (email.casefold(), email.split("@")[0].casefold())):
        return _("This password is easy to guess; choose another one.")
    return ""


def hash_password(password: str) -> str:
    """What is kept of a password."""
    return HASHER.hash(password)


def password_matches(password: str, password_hash: str | None) -> bool:
    """Whether the password is right. Takes as long when there is no account."""
    try:
        HASHER.verify(password_hash or NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def password_is_outdated(password_hash: str) -> bool:
    """Whether a kept password was made with weaker settings than today's."""
    return HASHER.check_needs_rehash(password_hash)
