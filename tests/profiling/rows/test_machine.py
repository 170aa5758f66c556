"""What a process learns of its machine: the limits that hold for it, and the code that runs."""

import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from profiling.rows import machine
from tests.samples.places import ROOT

GIB = 2**30


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the control group of a user, in whose session this process runs without a limit."""
    proc, user = tmp_path / "proc", tmp_path / "groups/user.slice"
    session = user / "session.scope"
    for folder in (proc / "self", session):
        folder.mkdir(parents=True)
    (proc / "self/cgroup").write_text("0::/user.slice/session.scope\n")
    (proc / "meminfo").write_text(f"MemAvailable: {64 * GIB // 1024} kB\n")
    (session / "memory.max").write_text("max\n")
    (session / "memory.current").write_text(f"{GIB // 8}\n")
    (session / "cpu.max").write_text("max 100000\n")
    monkeypatch.setattr(machine, "PROC", proc)
    monkeypatch.setattr(machine, "CONTROL_GROUPS", tmp_path / "groups")
    return user


def test_a_limit_of_memory_above_the_own_control_group_holds(user: Path) -> None:
    whole = machine.memory_gib()
    assert machine.free_memory_gib() == 64.0
    (user / "memory.max").write_text(f"{GIB // 2}\n")
    (user / "memory.current").write_text(f"{GIB // 4}\n")
    (user / "memory.stat").write_text(f"anon 5\ninactive_file {GIB // 8}\n")
    assert whole > machine.memory_gib() == 0.5
    assert machine.free_memory_gib() == 0.375


def test_a_quota_of_cores_above_the_own_control_group_holds(
    user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "usable_cores", lambda: [0, 1, 2, 3])
    assert machine.available_threads() == 4
    (user / "cpu.max").write_text("200000 100000\n")
    assert machine.available_threads() == 2
    (user / "session.scope/cpu.max").write_text("100000 100000\n")
    assert machine.available_threads() == 1


def versions_now() -> str:
    return machine.library_versions.__wrapped__()


def test_versions_begin_with_that_of_the_code_that_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert versions_now().split(", ")[0] == f"{project['name']} {project['version']}"
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "9.8"\n')
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    assert versions_now().startswith("tipping-point 9.8, lightning ")


def test_without_a_checkout_the_version_is_that_of_the_installation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    monkeypatch.setattr(metadata, "version", lambda name: f"9 of {name}")
    assert versions_now().startswith("tipping-point 9 of tipping-point, lightning 9 of lightning")
