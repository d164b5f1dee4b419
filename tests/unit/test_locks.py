"""The lock files: they answer to what `requirements*.in` asks, carry a hash for everything, and name no host."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("requirements", "requirements-postgresql", "requirements-dev")
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?==(?P<version>[^ ;\\]+)(?P<marker> ; [^\\]*)?", re.MULTILINE)


def asked(name: str) -> list[Requirement]:
    """What an .in file wants, with what it includes."""
    found: list[Requirement] = []
    for line in (ROOT / f"{name}.in").read_text(encoding="utf-8").splitlines():
        wanted = line.partition(" #")[0].strip()
        if wanted.startswith("-r "):
            found += asked(wanted.removeprefix("-r ").strip().removesuffix(".in"))
        elif wanted and not wanted.startswith("#"):
            found.append(Requirement(wanted))
    return found


def pinned(name: str) -> dict[str, set[str]]:
    """Package to its versions in a lock file: several where a marker decides."""
    found: dict[str, set[str]] = {}
    for match in PIN.finditer((ROOT / f"{name}.txt").read_text(encoding="utf-8")):
        found.setdefault(canonicalize_name(match["name"]), set()).add(match["version"])
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_lock_gives_what_is_asked(name: str) -> None:
    versions = pinned(name)
    wanted = asked(name)
    assert wanted
    missing = [str(one) for one in wanted if canonicalize_name(one.name) not in versions]
    assert missing == [], "write the lock anew: ./run lock"
    old = [str(one) for one in wanted if not all(one.specifier.contains(Version(v)) for v in versions[canonicalize_name(one.name)])]
    assert old == [], "write the lock anew: ./run lock"


@pytest.mark.parametrize("name", NAMES)
def test_everything_in_the_lock_has_a_hash(name: str) -> None:
    text = (ROOT / f"{name}.txt").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)
    bare = [block.splitlines()[0] for block in blocks if block.strip() and not re.search(r"--hash=sha256:[0-9a-f]{64}", block)]
    assert bare == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ending", ["in", "txt"])
def test_no_host_and_no_path_stands_in_it(name: str, ending: str) -> None:
    """Where packages come from is the business of whoever installs them."""
    text = (ROOT / f"{name}.{ending}").read_text(encoding="utf-8")
    assert not re.search(r"https?://|file:|--(extra-)?index-url|--find-links|--trusted-host|@ /", text.replace("postgresql://", ""))


def test_each_lock_agrees_with_the_smaller_one() -> None:
    """`./run` counts packages as installed when a larger lock was; then they must be the same."""
    small, middle, large = (pinned(name) for name in NAMES)
    assert {name: versions for name, versions in small.items() if middle.get(name) != versions} == {}
    assert {name: versions for name, versions in middle.items() if large.get(name) != versions} == {}


def test_what_runs_stays_small() -> None:
    """Every run-time package earns its place with a line that says what it is for."""
    lines = [line for line in (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    explained = [index for index, line in enumerate(lines) if "#" in line]
    unexplained = [lines[index] for index in range(len(lines)) if index not in explained and "pysqlite3" not in lines[index]]
    assert unexplained == []
