"""Passwords: which are good enough, how they are kept, and how an attempt is checked in the same time for everybody."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask_babel import gettext as _

SHORTEST, LONGEST = 12, 128
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
NOBODY = HASHER.hash("no such account, checked all the same")
COMMON = frozenset(
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


def problem(password: str, email: str) -> str:
    """What is wrong with a new password, or nothing. No composition rules: length and not being guessable."""
    if len(password) < SHORTEST:
        return _("Use at least %(n)s characters; a few words in a row are easy to remember.", n=SHORTEST)
    if len(password) > LONGEST:
        return _("Use at most %(n)s characters.", n=LONGEST)
    folded = password.casefold()
    if folded in COMMON or len(set(folded)) < 4 or (email and folded in (email.casefold(), email.split("@")[0].casefold())):
        return _("This password is easy to guess; choose another one.")
    return ""


def hash_password(password: str) -> str:
    return HASHER.hash(password)


def matches(password: str, password_hash: str | None) -> bool:
    """Whether the password is right. Takes as long when there is no account."""
    try:
        HASHER.verify(password_hash or NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def is_outdated(password_hash: str) -> bool:
    return HASHER.check_needs_rehash(password_hash)
