"""What could not run on this machine, counted by reason at the end; with UURWERK_TEST_REQUIRE=all it is a failure.

Hooks for conftest.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator

import pytest

REQUIRE_ALL = os.environ.get("UURWERK_TEST_REQUIRE") == "all"


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why it was skipped, in the words of whoever skipped it."""
    told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return told.removeprefix("Skipped: ")


def _insist(report: pytest.TestReport | pytest.CollectReport) -> None:
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.longrepr = f"not run, and UURWERK_TEST_REQUIRE=all allows no skip: {reason_of(report)}"
        report.outcome = "failed"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _insist(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _insist(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each part that could not run here."""
    skipped = Counter(reason_of(report) for report in terminalreporter.getreports("skipped"))
    if skipped:
        terminalreporter.section("could not run here")
        for reason, count in sorted(skipped.items()):
            terminalreporter.line(f"{count:5} tests: {reason}")
