"""The other server's wall clock: the time zone its timestamps and filters are written in (contract wefact 3.2, 18)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

HOME = ZoneInfo("Europe/Amsterdam")


def server_local(server_time: str, minus_hours: int) -> str:
    """The clock an envelope's `date` shows there, so many hours earlier, as a filter wants it: `YYYY-MM-DD HH:MM:SS`.

    Two hours or more also cover a change to or from summer time in between. Raises `ValueError` for no ISO 8601 time.
    """
    return wall(datetime.fromisoformat(server_time.strip()).replace(tzinfo=None) - timedelta(hours=minus_hours))


def home_wall(moment: str) -> datetime:
    """An instant of ours (ISO, UTC when it names no zone) as the clock shows it in the Netherlands, without a zone."""
    instant = datetime.fromisoformat(moment.strip())
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(HOME).replace(tzinfo=None)


def read_wall(text: str) -> datetime | None:
    """A timestamp of theirs, `YYYY-MM-DD HH:MM:SS`; None when it is empty or none."""
    try:
        return datetime.fromisoformat(text.strip()).replace(tzinfo=None)
    except ValueError:
        return None


def wall(moment: datetime) -> str:
    """A wall time as a filter wants it."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")
