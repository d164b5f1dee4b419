"""What a person waits for with a page open: a test of a connection, and its lists. Both end within seconds, whatever is on the other side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from time import monotonic, sleep

from connectors.base import Connector
from connectors.errors import Unavailable
from connectors.records import CheckResult
from settings import Settings
from transfers import items
from transfers.connections import Access, open_connector
from transfers.wire import DatabaseWire

PAGE_SECONDS = 15.0
"""The longest that a page may wait for another company's server (design 4a)."""


class Patience:
    """So many seconds in all. A call takes at most two thirds of what was left when its connector was opened."""

    def __init__(self, seconds: float = PAGE_SECONDS, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._ends = clock() + seconds

    @property
    def left(self) -> float:
        return self._ends - self._clock()

    @property
    def call_seconds(self) -> int:
        return max(1, int(self.left * 2 / 3))


class PatientWire(DatabaseWire):
    """A wire for somebody who waits: it begins no call that could end too late."""

    def __init__(self, to: Access, clock: Callable[[], datetime], patience: Patience) -> None:
        super().__init__(to, clock, self.pause)
        self._patience = patience
        self._call_seconds = patience.call_seconds

    def take(self) -> None:
        self._must_fit(self._call_seconds)
        super().take()

    def pause(self, seconds: float) -> None:
        """Waits between two tries, if there is time for another one. Raises `Unavailable("read_timeout")` when there is not."""
        self._must_fit(seconds + self._call_seconds)
        sleep(seconds)

    def _must_fit(self, seconds: float) -> None:
        if seconds > self._patience.left + 0.5:
            raise Unavailable("read_timeout", "no time left for another call")


def check(settings: Settings, to: Access, clock: Callable[[], datetime], patience: Patience) -> CheckResult:
    """The connection test. No transaction may be open; what fails remotely is a step of the result."""
    return _open(settings, to, clock, patience).check()


def read_lists(settings: Settings, to: Access, clock: Callable[[], datetime], patience: Patience) -> items.Catalogue:
    """Items and VAT codes. No transaction may be open. Raises a `ConnectorError`, `Unavailable("read_timeout")` when it takes too long."""
    return items.read(_open(settings, to, clock, patience))


def _open(settings: Settings, to: Access, clock: Callable[[], datetime], patience: Patience) -> Connector:
    wire = PatientWire(to, clock, patience)
    seconds = min(settings.call_seconds(to.vendor), patience.call_seconds)
    hurried = replace(settings, call_seconds_wefact=seconds, call_seconds_afas=seconds)
    return open_connector(hurried, to, wire, wire.pause)
