"""Durations and times of day as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import DAY_MINUTES, CheckFailed, format_duration, parse_clock, parse_duration


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("1", "1:00"),
        ("12", "12:00"),
        ("0.5", "0:30"),
        ("0,5", "0:30"),
        ("0;5", "0:30"),
        ("1,25", "1:15"),
        ("2:00", "2:00"),
        ("12m", "0:12"),
        ("123m", "2:03"),
        ("1h", "1:00"),
        ("1h12m", "1:12"),
        ("123", "1:23"),
        ("1234", "12:34"),
        ("03", "3:00"),
        ("0003", "0:03"),
        ("2400", "24:00"),
        (" 1H 12 M ", "1:12"),
        ("1u30m", "1:30"),
        ("75min", "1:15"),
        ("1,5u", "1:30"),
        (",5", "0:30"),
        (":45", "0:45"),
        ("0,333333", "0:20"),
        ("0.0083", "0:00"),
        ("0.0084", "0:01"),
        ("24:00", "24:00"),
        ("24", "24:00"),
        ("24h", "24:00"),
        ("1440m", "24:00"),
        ("0", "0:00"),
    ],
)
def test_accepted(typed: str, shown: str) -> None:
    assert format_duration(parse_duration(typed)) == shown


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("2500", "duration_too_long"),
        ("12:60", "duration_minutes"),
        ("24:01", "duration_too_long"),
        ("2h94m", "duration_minutes"),
        ("8h7", "duration"),
        ("01:010", "duration"),
        ("160", "duration_minutes"),
        ("25", "duration_too_long"),
        ("1441m", "duration_too_long"),
        ("24,01", "duration_too_long"),
        ("12345", "duration"),
        ("2:5", "duration"),
        ("1.", "duration"),
        (".", "duration"),
        (":", "duration"),
        ("", "duration"),
        ("   ", "duration"),
        ("h", "duration"),
        ("-", "duration"),
        ("--1", "duration"),
        ("1:00pm", "duration"),
        ("1e3", "duration"),
        ("١٢", "duration"),
        ("an hour", "duration"),
        ("1\x00", "duration"),
    ],
)
def test_refused(typed: str, code: str) -> None:
    with pytest.raises(CheckFailed) as failure:
        parse_duration(typed)
    assert failure.value.code == code


@pytest.mark.parametrize(("typed", "minutes"), [("-1,1", -66), ("−0:30", -30), ("- 1h", -60), ("-0", 0)])
def test_less_than_zero_needs_the_right(typed: str, minutes: int) -> None:
    assert parse_duration(typed, allow_negative=True) == minutes
    with pytest.raises(CheckFailed, match="may correct hours"):
        parse_duration(typed)


def test_a_refusal_says_what_to_write() -> None:
    with pytest.raises(ValueError, match="“8h7” is not a duration; write 1:15, 1,25, 1h15m or 75m"):
        parse_duration("8h7")


@pytest.mark.parametrize(("minutes", "shown"), [(0, "0:00"), (5, "0:05"), (-66, "-1:06"), (6005, "100:05")])
def test_format(minutes: int, shown: str) -> None:
    assert format_duration(minutes) == shown


@given(st.integers(-DAY_MINUTES, DAY_MINUTES))
def test_what_is_shown_can_be_typed(minutes: int) -> None:
    assert parse_duration(format_duration(minutes), allow_negative=True) == minutes


@given(st.text(max_size=8))
def test_any_text_is_a_duration_within_a_day_or_is_refused(typed: str) -> None:
    try:
        minutes = parse_duration(typed, allow_negative=True)
    except CheckFailed as failure:
        assert failure.code.startswith("duration")
    else:
        assert -DAY_MINUTES <= minutes <= DAY_MINUTES


@pytest.mark.parametrize(
    ("typed", "minutes"),
    [
        ("1:00pm", 13 * 60),
        ("12:00pm", 12 * 60),
        ("12:00am", 0),
        ("12:30 AM", 30),
        ("11:59 p.m.", 23 * 60 + 59),
        ("9", 9 * 60),
        ("930", 9 * 60 + 30),
        ("0930", 9 * 60 + 30),
        ("9.30", 9 * 60 + 30),
        ("9:30", 9 * 60 + 30),
        ("1pm", 13 * 60),
        ("0:00", 0),
        ("24:00", 24 * 60),
    ],
)
def test_time_of_day(typed: str, minutes: int) -> None:
    assert parse_clock(typed) == minutes


@pytest.mark.parametrize("typed", ["", "24:01", "25", "9:60", "9.5", "13:00pm", "0:30am", "noon", "9:3", "-1"])
def test_no_time_of_day(typed: str) -> None:
    with pytest.raises(CheckFailed, match="not a time of day"):
        parse_clock(typed)
