"""What a person changes about the pages themselves."""

from __future__ import annotations

from blueprints.formats import LANGUAGES
from models import User, db


def set_language(user: User, language: str) -> None:
    """The person's own language; anything but a known one is left alone."""
    if language in LANGUAGES:
        user.language = language
        db.session.commit()
