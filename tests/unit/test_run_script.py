"""`./run` and `.ci/run`, without installing anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "run"
SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]


def call(*arguments: str, cwd: Path = ROOT, script: Path = RUN, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(script), *arguments], cwd=cwd, env=dict(os.environ, **environ), capture_output=True, text=True, timeout=20)


@pytest.mark.parametrize("script", ["run", ".ci/run"])
def test_it_may_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_can_read_it(shell: str) -> None:
    command = [shell, "sh", "-n"] if shell == "busybox" else [shell, "-n"]
    subprocess.run([*command, str(RUN)], check=True, timeout=10)


def test_the_ci_script_can_be_read() -> None:
    subprocess.run(["bash", "-n", str(ROOT / ".ci/run")], check=True, timeout=10)


def test_it_uses_nothing_that_only_bash_has() -> None:
    text = re.sub(r"<<'END'.*?^END$", "", RUN.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    assert text.startswith("set -eu") or "\nset -eu\n" in text
    for bashism in ("[[", "local ", "function ", "source ", "<<<", "${!", "&>", "echo -", "==", "$'", "+=("):
        assert bashism not in text, bashism


def test_the_help_lists_exactly_the_verbs_there_are() -> None:
    listed = {match[1] for match in re.finditer(r"^  ([a-z(]+\)?)  ?", call("help").stdout, re.MULTILINE)} - {"(none)"}
    listed |= {match[1] for match in re.finditer(r"^  ([a-z]+) [\[A-Z]", call("help").stdout, re.MULTILINE)}
    text = RUN.read_text(encoding="utf-8")
    verbs = text[text.index("case $verb in") :]
    there = {word for match in re.finditer(r"^([a-z][a-z |-]*)\)$", verbs, re.MULTILINE) for word in match[1].split(" | ")}
    assert listed == {verb for verb in there if not verb.startswith("-")} - {"demo"}


def test_an_unknown_verb_is_wrong_use() -> None:
    answer = call("fly")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "no verb 'fly'" in answer.stderr
    assert "Usage:" in answer.stderr


def test_restore_wants_a_file() -> None:
    answer = call("restore")
    assert answer.returncode == 1
    assert "./run restore FILE" in answer.stderr


def test_without_python_it_says_what_to_install(tmp_path: Path) -> None:
    """A machine with the tools of a shell and no Python, in a folder with a space in its name."""
    folder, tools = tmp_path / "a folder", tmp_path / "bin"
    folder.mkdir()
    tools.mkdir()
    for name in ("sh", "dirname", "cat", "cksum", "rm", "mkdir"):
        (tools / name).symlink_to(shutil.which(name) or pytest.fail(f"there is no {name}"))
    for name in ("run", "requirements.txt", "requirements-postgresql.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, folder)
    answer = call("doctor", cwd=tmp_path, script=folder / "run", PATH=str(tools))
    assert answer.returncode == 1
    assert "Python 3.11 or newer is needed, with venv; there is no Python at all" in answer.stderr
    assert not (folder / ".venv").exists()


@pytest.mark.parametrize(
    ("version", "reasons", "sentence"),
    [("3.9", "version_info <", "there is only Python 3.9"), ("3.12", "ensurepip", "there is Python 3.12 without venv")],
)
def test_a_python_that_will_not_do_is_named(tmp_path: Path, version: str, reasons: str, sentence: str) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "dirname", "cat", "cksum", "rm", "mkdir"):
        (tools / name).symlink_to(shutil.which(name) or pytest.fail(f"there is no {name}"))
    (tools / "python3").write_text(f'#!/bin/sh\ncase $2 in *"print("*) echo {version} ;; *"{reasons}"*) exit 1 ;; esac\n')
    (tools / "python3").chmod(0o755)
    for name in ("run", "requirements.txt", "requirements-postgresql.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    answer = call("doctor", script=tmp_path / "run", PATH=str(tools))
    assert answer.returncode == 1
    assert sentence in answer.stderr


def test_what_is_installed_is_not_installed_again(tmp_path: Path) -> None:
    """The stamp names the lock as it was installed; any change of the lock makes it count no more."""
    log = tmp_path / "calls"
    bin_dir = tmp_path / ".venv" / "bin"
    bin_dir.mkdir(parents=True)
    (bin_dir / "python").write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>"{log}"\n')
    (bin_dir / "python").chmod(0o755)
    for name in ("run", "requirements.txt", "requirements-postgresql.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)

    def installed_at(*arguments: str, **environ: str) -> list[str]:
        log.write_text("")
        assert call(*arguments, script=tmp_path / "run", cwd=tmp_path.parent, **environ).returncode == 0
        return re.findall(r"-m pip install .* -r (\S+)", log.read_text())

    plain = {"UURWERK_DATABASE_URL": ""}
    assert installed_at("doctor", **plain) == ["requirements.txt"]
    assert installed_at("doctor", **plain) == []
    assert installed_at("doctor", UURWERK_DATABASE_URL="postgresql://u@h/d") == ["requirements-postgresql.txt"]
    assert installed_at("doctor", **plain) == []
    assert installed_at("test", "tests/unit", **plain) == ["requirements-dev.txt"]
    assert installed_at("doctor", UURWERK_DATABASE_URL="postgresql://u@h/d") == []
    with (tmp_path / "requirements-dev.txt").open("a") as lock:
        lock.write("# changed\n")
    assert installed_at("doctor", **plain) == ["requirements.txt"]


def test_a_failed_installation_is_shown_and_told(tmp_path: Path) -> None:
    bin_dir = tmp_path / ".venv" / "bin"
    bin_dir.mkdir(parents=True)
    (bin_dir / "python").write_text('#!/bin/sh\ncase "$*" in *"pip install"*) echo "no matching distribution" >&2; exit 1 ;; esac\n')
    (bin_dir / "python").chmod(0o755)
    for name in ("run", "requirements.txt", "requirements-postgresql.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    answer = call("doctor", script=tmp_path / "run", UURWERK_DATABASE_URL="")
    assert answer.returncode == 1
    assert "no matching distribution" in answer.stderr
    assert "install.log" in answer.stderr
    assert not (tmp_path / ".venv" / "installed-lock").exists()


def test_paths_are_meant_from_where_the_caller_stands(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    home, here = tmp_path / "check out", tmp_path / "here"
    (home / ".venv" / "bin").mkdir(parents=True)
    here.mkdir()
    python = home / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nprintf "%s|%s\\n" "$*" "$UURWERK_DATA_DIR" >>"{log}"\n')
    python.chmod(0o755)
    for name in ("run", "requirements.txt", "requirements-postgresql.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, home)
    call("backup", "copy.db", script=home / "run", cwd=here, UURWERK_DATA_DIR="data")
    assert log.read_text().splitlines()[-1] == f"-m flask --app app backup {here}/copy.db|{here}/data"
