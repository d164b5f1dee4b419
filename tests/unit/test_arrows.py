"""The arrows of the design: which part may import which. Fails when one turns round."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("billing", "blueprints", "connectors", "documents", "invoicing", "transfers", "sandbox", "migrations")
MODULES = ("app", "models", "settings", "audit", "checks", "gunicorn.conf")
OWN = frozenset({*PARTS, "app", "models", "settings", "audit", "checks", "tests"})
SHARED_BY_PAGES = frozenset({"htmx", "rights", "listing", "formats"})
WIRE = frozenset({"requests", "urllib3", "socket", "ssl", "http", "httplib2", "aiohttp", "httpx"})


@dataclass(frozen=True)
class Arrow:
    """One import: the file it stands in, its line, the module it names."""

    file: str
    line: int
    target: str

    @property
    def top(self) -> str:
        return self.target.partition(".")[0]

    @property
    def area(self) -> str:
        """The area under blueprints/ that it names, or nothing."""
        parts = self.target.split(".")
        return parts[1] if parts[0] == "blueprints" and len(parts) > 1 and parts[1] not in SHARED_BY_PAGES else ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.target}"


def imports_of(source: str, file: str) -> Iterator[Arrow]:
    """Every import of a module, inside functions too; `from a import b` names a.b when that is a module of ours."""
    package = file.removesuffix(".py").split("/")[:-1]
    for node in ast.walk(ast.parse(source, file)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Arrow(file, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])]) if node.level else node.module or ""
            for alias in node.names:
                deeper = f"{base}.{alias.name}"
                yield Arrow(file, node.lineno, deeper if _is_module(deeper) else base)


def _is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def files(*parts: str) -> list[str]:
    """Python files under these folders, and these modules of the root."""
    found: list[str] = []
    for part in parts:
        single = ROOT / f"{part}.py"
        found += [f"{part}.py"] if single.exists() else []
        found += sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / part).rglob("*.py") if "__pycache__" not in path.parts)
    return found


def broken(paths: list[str], forbids: Callable[[Arrow], bool]) -> list[str]:
    """The arrows in these files that go where they must not."""
    assert paths, "there is nothing to look at"
    return [str(arrow) for path in paths for arrow in imports_of((ROOT / path).read_text(encoding="utf-8"), path) if forbids(arrow)]


def test_it_sees_imports_in_every_form() -> None:
    source = "import a.b\nfrom connectors import http\ndef f():\n    from blueprints.home.queries import header_state\nfrom . import plan\n"
    found = {arrow.target for arrow in imports_of(source, "invoicing/x.py")}
    assert found == {"a.b", "blueprints.home.queries", "connectors.http", "invoicing.plan"}


def test_billing_knows_the_standard_library_only() -> None:
    assert broken(files("billing"), lambda arrow: arrow.top != "billing" and arrow.top not in sys.stdlib_module_names) == []


def test_billing_reads_no_clock_and_no_disk() -> None:
    """Today's date is an argument."""
    forbidden = {"today", "now", "utcnow", "open", "time", "monotonic"}
    calls = []
    for path in files("billing"):
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in forbidden:
                    calls.append(f"{path}:{node.lineno} calls {name}")
    assert calls == []


def test_connectors_know_neither_pages_nor_database() -> None:
    strangers = OWN - {"connectors", "checks"} | {"flask", "flask_sqlalchemy", "flask_babel", "sqlalchemy", "wtforms", "flask_wtf"}
    assert broken(files("connectors"), lambda arrow: arrow.top in strangers) == []


def test_packages_do_not_know_each_other() -> None:
    def crosses(arrow: Arrow) -> bool:
        pairs = (("connectors/wefact/", "connectors.afas"), ("connectors/afas/", "connectors.wefact"))
        return any(arrow.file.startswith(here) and arrow.target.startswith(there) for here, there in pairs)

    assert broken(files("connectors"), crosses) == []


def test_only_the_transport_touches_the_wire() -> None:
    """`addresses.py` looks names up, `http.py` sends, `client.py` builds what is sent."""
    others = [path for path in files("connectors") if path.rpartition("/")[2] not in ("http.py", "client.py", "addresses.py")]
    assert broken(others, lambda arrow: arrow.top in WIRE) == []


def test_nobody_but_connectors_opens_connections() -> None:
    elsewhere = files("app", "models", "settings", "audit", "checks", "billing", "blueprints", "documents", "invoicing", "transfers")
    # A worker's name tells on which machine it runs; nothing is opened.
    allowed = {("transfers/leases.py", "socket")}
    assert broken(elsewhere, lambda arrow: arrow.top in WIRE and (arrow.file, arrow.top) not in allowed) == []


def test_invoicing_knows_no_transfers_no_packages_and_no_pages() -> None:
    assert (
        broken(files("invoicing"), lambda arrow: arrow.top in {"transfers", "connectors", "blueprints", "app", "sandbox", "requests"}) == []
    )


def test_transfers_know_no_pages() -> None:
    """They run without a request: in the worker, at night, from the command line."""
    assert (
        broken(files("transfers"), lambda arrow: arrow.top in {"blueprints", "app", "sandbox", "flask_babel", "wtforms", "flask_wtf"}) == []
    )


def test_models_know_nothing_of_ours() -> None:
    assert broken(files("models"), lambda arrow: arrow.top in OWN) == []


@pytest.mark.parametrize("module", ["settings", "checks"])
def test_settings_and_checks_stand_alone(module: str) -> None:
    assert broken(files(module), lambda arrow: arrow.top in OWN) == []


def test_audit_knows_the_tables_only() -> None:
    assert broken(files("audit"), lambda arrow: arrow.top in OWN - {"models"}) == []


def test_areas_do_not_know_each_other() -> None:
    """Only api/ may call the others, and nobody calls api/. The shared four know no area."""
    paths = [path for path in files("blueprints") if path != "blueprints/__init__.py" and not path.startswith("blueprints/api/")]

    def leaves(arrow: Arrow) -> bool:
        inside = arrow.file.split("/")[1].removesuffix(".py")
        return bool(arrow.area) and arrow.area != inside

    assert broken(paths, leaves) == []


def test_nobody_imports_the_application_but_who_starts_it() -> None:
    starters = {"sandbox/demo.py"}
    paths = [path for path in files(*PARTS, *MODULES) if path not in starters]
    assert broken(paths, lambda arrow: arrow.top == "app") == []


def test_nobody_imports_the_sandbox() -> None:
    assert broken([path for path in files(*PARTS, *MODULES) if not path.startswith("sandbox/")], lambda arrow: arrow.top == "sandbox") == []


def test_the_stand_ins_know_nothing_of_ours() -> None:
    """They stand for somebody else's server; only what sets the demo company up uses our own code."""
    ours = {"sandbox/demo.py", "sandbox/registrations.py"}
    paths = [path for path in files("sandbox") if path not in ours]
    assert broken(paths, lambda arrow: arrow.top in OWN - {"sandbox"}) == []


# --- Who commits ----------------------------------------------------------------------------------------------------------------

MAY_COMMIT = ("actions.py", "commands.py")
"""Beside transfers/: an area's actions (also `<subject>_actions.py`), and the command line, which is a caller like a page's action."""

COMMITS_ELSEWHERE: dict[str, str] = {
    "blueprints/imports/data_load.py": "the one action of `flask data load`: all or nothing, and its sentence for what the database refuses",
    "blueprints/rights.py": "a signed-in person's last sign of life is kept on whatever page it was given",
}


def _commits(path: str) -> list[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return [f"{path}:{call.lineno} commits" for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "commit"]


def test_only_actions_and_transfers_commit() -> None:
    paths = files("app", "audit", "models", "checks", "settings", "billing", "connectors", "documents", "invoicing", "blueprints")
    strangers = [path for path in paths if not path.endswith(MAY_COMMIT) and path not in COMMITS_ELSEWHERE]
    assert [found for path in strangers for found in _commits(path)] == []


def test_every_exception_is_still_needed() -> None:
    assert [path for path in COMMITS_ELSEWHERE if not (ROOT / path).exists() or not _commits(path)] == []


def test_actions_never_see_the_request() -> None:
    """An action takes ids, values, a user and a clock: so that the command line and the worker can call it too."""
    found = []
    for path in files("blueprints"):
        if not path.endswith("actions.py"):
            continue
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "flask":
                found += [f"{path}:{node.lineno} imports {alias.name}" for alias in node.names if alias.name in ("request", "g", "session")]
    assert found == []


def test_templates_ask_the_database_nothing() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "templates").rglob("*.html")
        if any(word in path.read_text(encoding="utf-8") for word in ("db.session", "session.execute", "session.scalars"))
    ]
    assert found == []
