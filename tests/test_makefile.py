"""Setting up and cleaning, with programs that stand in for Python, pip and uv."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from tests.samples.places import ROOT

# What an environment has whose `venv` was broken off before it had pip, and one of an old Python.
WITHOUT_PIP = """#!/bin/sh
case "$1" in -c) exit 0 ;; esac
echo No module named pip >&2
exit 1
"""
TOO_OLD = """#!/bin/sh
case "$1" in -c) echo 'error: `PYTHON` must be newer' >&2; exit 1 ;; esac
"""
# Stands in for the Python of the system: it makes an environment in which all goes well.
PYTHON = """#!/bin/sh
case "$*" in "-m venv "*) ;; "-c "*) exit 0 ;; *) exit 1 ;; esac
mkdir -p .venv/bin
for name in python uv; do printf '#!/bin/sh\\n' > .venv/bin/$name; chmod +x .venv/bin/$name; done
echo made >> log
"""


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def run_make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--directory", str(folder), f"PYTHON={folder}/system", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def make(folder: Path, *words: str) -> None:
    done = run_make(folder, *words)
    assert done.returncode == 0, done.stderr


def project(folder: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder / name)
    write_program(folder / "system", PYTHON)
    return folder


@pytest.mark.parametrize("left", [WITHOUT_PIP, TOO_OLD], ids=["without pip", "of an old Python"])
def test_an_environment_that_cannot_be_used_is_made_again(left: str, tmp_path: Path) -> None:
    folder = project(tmp_path)
    write_program(folder / ".venv/bin/python", left)
    make(folder, ".venv/ready")
    (folder / ".venv/ready").unlink()
    make(folder, ".venv/ready")
    assert (folder / "log").read_text() == "made\n"  # once: the second time it was whole


def test_a_python_that_is_too_old_is_refused_before_an_environment_is_made(tmp_path: Path) -> None:
    folder = project(tmp_path)
    write_program(folder / "system", TOO_OLD)
    done = run_make(folder, ".venv/ready")
    assert done.returncode != 0
    assert "error: `PYTHON` must be newer" in done.stderr
    assert not (folder / ".venv").exists()


def test_the_versions_that_set_up_takes_are_those_of_the_project() -> None:
    printed = ["make", "--dry-run", ".venv/ready", "--assume-new=requirements.lock"]
    said = subprocess.run(printed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    check = re.findall(r"-c '([^']+)'", said)[0]
    described = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    allowed = SpecifierSet(described["requires-python"])
    told = {minor: answer_of(check, minor) for minor in range(9, 17)}
    assert {minor for minor, answer in told.items() if not answer} == {
        minor for minor in told if f"3.{minor}" in allowed
    }
    assert told[10] == (
        "error: `PYTHON` must be 3.11 to 3.14, got 3.10: name one, as in "
        "`make profile PYTHON=python3.12`\n"
    )


def answer_of(check: str, minor: int) -> str:
    """Return what the check of the Makefile says to a Python of another version."""
    pretended = f"import sys; sys.version_info = (3, {minor}, 0); {check}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", pretended], capture_output=True, text=True, check=False
    )
    assert done.returncode == bool(done.stderr)
    return done.stderr


def test_cleaning_keeps_what_took_hours_to_measure_and_to_train(tmp_path: Path) -> None:
    folder = project(tmp_path)
    made = [
        folder / name for name in (".venv/bin", "build", "runs/cpu", "lightning_logs/version_0")
    ]
    for each in made:
        each.mkdir(parents=True)
    make(folder, "clean")
    assert [each.exists() for each in made] == [False, False, True, True]
