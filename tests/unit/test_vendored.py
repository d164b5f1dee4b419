"""Other people's files are the ones we say they are."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

STATIC = Path(__file__).resolve().parents[2] / "static"


def test_each_vendored_file_has_the_checksum_in_the_list() -> None:
    rows = re.findall(r"^\| (\S+\.\w+) \|.*\| ([0-9a-f]{64}) \|$", (STATIC / "VENDORED.md").read_text(), re.MULTILINE)
    assert len(rows) == 3
    for name, expected in rows:
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == expected, name
