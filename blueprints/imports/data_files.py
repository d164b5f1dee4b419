"""Reads the CSV files of `data load`: row by row, each value checked, each problem told with its file, line and column."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

import checks
from models import canonical_json

FILES = ("customers", "projects", "users", "activities", "entries", "expenses", "trips")

Convert = Callable[[str], Any]
"""From the text in a file to the value; raises Unfit."""

_UNWANTED = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_WHOLE = re.compile("-?[0-9]{1,15}")
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FLAGS = {"0": False, "1": True}


class LoadRefused(Exception):
    """Nothing was loaded; the text is one sentence that says why, with the file, line and column where there is one."""


class Unfit(ValueError):
    """A value that its column cannot hold; the text says what is wrong with it, without a full stop."""


def path_of(folder: Path, name: str) -> Path:
    return folder / f"{name}.csv"


def digest(folder: Path) -> str:
    """One hash over the files that count, under their names. Raises LoadRefused when there are none."""
    found: dict[str, str] = {}
    for path in (path_of(folder, name) for name in FILES):
        if path.exists():
            try:
                with path.open("rb") as file:
                    found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise LoadRefused(f"{path.name} cannot be read: {error.strerror}.") from error
    if not found:
        raise LoadRefused(f"The folder {folder} holds none of {', '.join(f'{name}.csv' for name in FILES)}.")
    return hashlib.sha256(canonical_json(found).encode()).hexdigest()


def rows(path: Path, columns: Mapping[str, Convert]) -> Iterator[tuple[int, list[Any]]]:
    """The line number and converted values of each row, in the order of `columns`; nothing when the file is absent or empty.

    Raises LoadRefused. Other columns of the file are ignored, and so are empty lines.
    """
    if not path.exists():
        return
    line = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header: list[str] = []
            converters: list[tuple[int, Convert]] = []
            for row in reader:
                line = reader.line_num
                if not row:
                    continue
                if not header:
                    header, converters = row, _converters(path, line, row, columns)
                    continue
                if len(row) != len(header):
                    raise LoadRefused(f"{path.name}, line {line}: there are {len(row)} values under {len(header)} columns.")
                try:
                    yield line, [convert(row[index]) for index, convert in converters]
                except Unfit:
                    raise _located(path, line, header, row, converters) from None
    except UnicodeDecodeError as error:
        raise LoadRefused(f"{path.name}, after line {line}: the file is not UTF-8 text.") from error
    except csv.Error as error:
        raise LoadRefused(f"{path.name}, after line {line}: the file is not proper CSV ({error}).") from error
    except OSError as error:
        raise LoadRefused(f"{path.name} cannot be read: {error.strerror}.") from error


def _converters(path: Path, line: int, header: list[str], columns: Mapping[str, Convert]) -> list[tuple[int, Convert]]:
    names = [name.strip().casefold() for name in header]
    for name in columns:
        if names.count(name) != 1:
            problem = "is missing" if name not in names else "stands there more than once"
            raise LoadRefused(f"{path.name}, line {line}: the column {name} {problem}.")
    return [(names.index(name), convert) for name, convert in columns.items()]


def _located(path: Path, line: int, header: list[str], row: list[str], converters: Iterable[tuple[int, Convert]]) -> LoadRefused:
    """The refusal for the first value of this row that does not fit."""
    for index, convert in converters:
        try:
            convert(row[index])
        except Unfit as error:
            return LoadRefused(f"{path.name}, line {line}, column {header[index].strip()}: {error}.")
    raise AssertionError("a value that did not fit now does")


# --- What a column holds ----------------------------------------------------------------------------------------------------------


def shown(text: str) -> str:
    """What was read, short enough for a sentence."""
    text = words(text)
    return f"“{text[:40]}…”" if len(text) > 40 else f"“{text}”"


def words(text: str) -> str:
    """Text on one line, without what no database can hold."""
    return checks.one_line(text, len(text))


def note(text: str) -> str:
    """Text as it was written; the careful look is only for text with something odd in it."""
    return checks.plain_text(text, len(text)) if _UNWANTED.search(text) else text.strip()


def filled(text: str) -> str:
    """Words of any length, at least one."""
    return words(text) or _unfit("it is empty")


def short(most: int) -> Convert:
    """At most so many characters, or none."""

    def convert(text: str) -> str:
        kept = words(text)
        return kept if len(kept) <= most else _unfit(f"{shown(kept)} is {len(kept)} characters long; use at most {most}")

    return convert


def name(most: int) -> Convert:
    """At most so many characters, and at least one."""
    fitting = short(most)
    return lambda text: fitting(filled(text))


def whole(least: int, most: int) -> Convert:
    """A whole number within bounds."""

    @lru_cache(maxsize=4096)
    def convert(text: str) -> int:
        if not _WHOLE.fullmatch(text.strip()) or not least <= int(text) <= most:
            _unfit(f"{shown(text)} is not a whole number from {least} up to {most}")
        return int(text)

    return convert


def optional(convert: Convert) -> Convert:
    """The same, or None where nothing is filled in."""
    return lambda text: convert(text) if text.strip() else None


def flag(text: str) -> bool:
    found = _FLAGS.get(text.strip())
    return _unfit(f"{shown(text)} is neither 0 nor 1") if found is None else found


@lru_cache(maxsize=4096)
def day(text: str) -> date:
    if not _DAY.fullmatch(text.strip()):
        _unfit(f"{shown(text)} is not a date such as 2025-11-30")
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise Unfit(f"{shown(text)} is not a day of the calendar") from error


def email(text: str) -> str:
    try:
        return checks.email(text).casefold()
    except checks.CheckFailed as error:
        raise Unfit(f"{shown(text)} is not an e-mail address") from error


def among(folder: Path, name: str, known: Mapping[str, Any]) -> Convert:
    """An id of another file, as what it stands for here."""
    absent = "" if path_of(folder, name).exists() else f", because {name}.csv is not in the folder"

    def convert(text: str) -> Any:
        try:
            return known[text.strip()]
        except KeyError:
            raise Unfit(f"there is no {shown(text)} in {name}{absent}") from None

    return convert


def _unfit(sentence: str) -> NoReturn:
    raise Unfit(sentence)
