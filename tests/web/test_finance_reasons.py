"""Every reason that a transfer or a preview can have is a sentence, with what it needs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from flask import Flask

from billing import vat
from blueprints import formats
from blueprints.finance import wording

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "transfers").glob("*.py"), *(ROOT / "invoicing").glob("*.py")])
RAISED = {"Problem", "CannotRetry", "CannotDecide"}
GIVEN_BY_POSITION = {"_decide": 4, "_skipped": 1}


def _codes() -> set[str]:
    """Every reason code that is written down as text: reason="…", Problem("…"), CannotRetry("…"), CannotDecide("…"), decisions."""
    found = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            texts = [word.value for word in node.keywords if word.arg == "reason"]
            texts += node.args[:1] if name in RAISED else []
            texts += node.args[GIVEN_BY_POSITION[name] : GIVEN_BY_POSITION[name] + 1] if name in GIVEN_BY_POSITION else []
            found |= {text.value for text in texts if isinstance(text, ast.Constant) and isinstance(text.value, str) and text.value}
    return found


def test_the_codes_are_found() -> None:
    assert {"totals_differ", "looked_again", "vat_unmapped", "not_failed", "marker_not_typed", "changed_meanwhile"} <= _codes()


@pytest.mark.parametrize("code", sorted(_codes() | set(getattr(vat.RegimeProblem, "__args__", ()))))
def test_every_code_has_a_sentence_without_gaps(app: Flask, code: str) -> None:
    assert code in formats.REASONS
    asked = set(re.findall(r"%\((\w+)\)", str(formats.REASONS[code])))
    with app.test_request_context():
        said = wording.sentence(code, dict.fromkeys(asked, 3))
    assert "%(" not in said
    assert "_" not in said.replace("UURWERK_", "")
    assert said[0].isupper() or said[0] in "0123456789“"


def test_amounts_states_and_fields_are_words(app: Flask) -> None:
    with app.test_request_context():
        assert wording.sentence("totals_differ", {"ours": 271, "theirs": 272}) == (
            "It came to €\xa02,72 there and to €\xa02,71 here, so nothing was sent on. Decide below which it shall be."
        )
        assert wording.sentence("seen_there", {"state": "partly_paid", "number": "F1"}) == "It stands there as F1: partly paid."
        said = wording.sentence("content_differs", {"field": "unit_price", "line": 2, "ours": "95", "theirs": "96"})
        assert "in line 2 the price is “96”, not “95”" in said
        assert "belongs to another invoice" in wording.sentence("invoice_number_taken", {"number": "F1"})
        assert "The last time: The accounting package is not available now." in wording.sentence("gave_up", {"last": "unavailable"})
        assert len(wording.sentence("rejected", {"detail": "x" * 10_000})) < 500


def test_what_uurwerk_does_by_itself_is_not_asked_of_the_reader(app: Flask) -> None:
    with app.test_request_context():
        assert wording.told("uncertain", "reset") == (
            "The connection broke off before an answer came. It may have arrived there, so it is looked up before anything else is done."
        )
        assert wording.told("checking", "read_timeout") == "No answer came in time. It is tried again by itself."
        assert wording.told("queued", "too_many").endswith("Uurwerk tries again by itself.")
        assert wording.told("attention", "reset") == formats.reason("reset")
