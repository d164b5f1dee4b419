"""A clock that a test or a person at the control page can move."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """Tells an aware UTC instant; it runs with the wall clock until it is frozen or moved."""

    def __init__(self, read: Callable[[], datetime] | None = None) -> None:
        self._read = read or (lambda: datetime.now(UTC))
        self._shift = timedelta()
        self._frozen_at: datetime | None = None

    def now(self) -> datetime:
        base = self._frozen_at if self._frozen_at is not None else self._read()
        return (base + self._shift).astimezone(UTC)

    def advance(self, seconds: float) -> None:
        """Moves the clock by so many seconds, without waiting; negative goes back."""
        self._shift += timedelta(seconds=seconds)

    def freeze(self, at: datetime | None = None) -> None:
        """Stops the clock, at the given aware instant or at the present one; `advance` still moves it."""
        self._frozen_at, self._shift = (at or self.now()), timedelta()

    def run(self) -> None:
        """Lets the clock run with the wall clock again, keeping what it tells now."""
        now = self.now()
        self._frozen_at, self._shift = None, timedelta()
        self._shift = now - self._read()
