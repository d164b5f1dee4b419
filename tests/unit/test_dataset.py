"""The data that speed is measured on stays the same, byte for byte."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bench import dataset

SMALL = "--customers 50 --projects 150 --users 8 --entries 1000 --expenses 100 --trips 100"
FACTS = {
    "customers": (50, "d10cb2ed6c4b0a32f84253019af2efcc664beb4bf88498abc8cef3e6e91c707c"),
    "projects": (150, "65c425d840dc2e641979592a6960598ab82a8b70f563544960a411c6f34c4e51"),
    "users": (8, "70349ac5d7f414c261e91d601398a9619e68226d3596071e9b9d2e841c3c9ab9"),
    "activities": (30, "9b0530884a032bc372a1d33bd918a305deac53c1c17371dfec5aca372d97fc76"),
    "entries": (1000, "bd6befed867188bbaca893a2d98bd6ad2bfede52984079779ef6bc319fc5ccce"),
    "expenses": (100, "fcc8f000bc7f51cb5179a06a115c8da1e3cd07eab82a89a367978566197db84a"),
    "trips": (100, "0c47356c8c0f6fb08ffedf2605ed8dd21ddd6a8786797248ed51e71a8ff07e74"),
}


def test_the_small_set_is_what_it_always_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset.main([*SMALL.split(), "--out", str(tmp_path)])
    told = capsys.readouterr().out.splitlines()
    assert told == [f"{tmp_path / name}.csv: {count} rows" for name, (count, _) in FACTS.items()]
    assert {name: hashlib.sha256((tmp_path / f"{name}.csv").read_bytes()).hexdigest() for name in FACTS} == {
        name: digest for name, (_, digest) in FACTS.items()
    }


def test_a_hundred_thousand_entries_hold_the_figures_of_the_workloads() -> None:
    size = dataset.Size(entries=100_000)
    owner = {project.id: project.customer_id for project in dataset.work(size)}
    open_of_november, year_minutes, week_of_seven = [], 0, 0
    for _, user, project, _, day, _, minutes, _, billable, invoiced, _ in dataset.entries(size):
        year_minutes += minutes if day >= "2025-01-01" else 0
        week_of_seven += user == 7 and "2025-11-10" <= day <= "2025-11-16"
        if owner[project] == 1 and "2025-11-01" <= day <= "2025-11-30" and billable and not invoiced:
            open_of_november.append(minutes)
    assert (len(open_of_november), sum(open_of_november)) == (63, 87 * 60 + 30)
    assert (year_minutes, week_of_seven) == (48_866 * 60, 11)


def test_only_the_files_that_were_asked_for_are_written(tmp_path: Path) -> None:
    dataset.main(["--only", "users", "customers", "--customers", "2", "--out", str(tmp_path / "new")])
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["customers.csv", "users.csv"]


@pytest.mark.parametrize("options", ["--projects 0", "--customers 0", "--users -1", "--only invoices", "--entries many"])
def test_what_cannot_be_written_is_wrong_use(tmp_path: Path, options: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        dataset.main([*options.split(), "--out", str(tmp_path / "new")])
    assert ended.value.code == 2
    assert not (tmp_path / "new").exists()
