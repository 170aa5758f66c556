"""What a process knows of itself where the system tells less than Linux."""

import mmap
import os
from pathlib import Path

import pytest

from profiling.rows import locks, machine, own_process
from profiling.rows.own_process import can_reset_peak, data_kib, status_kib, usable_cores


def test_where_no_process_is_bound_to_cores_all_of_them_compute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(machine, "container_files", lambda name: [])
    assert usable_cores() == machine.cores_for(1) == []
    assert machine.available_threads() == os.cpu_count()


def test_of_the_cores_that_a_process_may_use_a_measurement_gets_the_first() -> None:
    allowed = sorted(os.sched_getaffinity(0))
    assert usable_cores() == allowed
    assert machine.cores_for(1) == allowed[:1]


def test_a_process_knows_what_a_limit_on_its_data_counts() -> None:
    before = data_kib()
    assert before is not None
    # Of the system's own: what the allocator has kept of earlier tests would count already.
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    with mmap.mmap(-1, 64 * 2**20, flags=private) as grown:
        after = data_kib()
        assert after is not None
        assert after - before == pytest.approx(len(grown) / 1024, abs=1024)


@pytest.mark.parametrize("status", [None, "Name:\tpython\nVmRSS:\t  900 kB\n"])
def test_what_the_system_does_not_tell_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: str | None
) -> None:
    if status is not None:
        (tmp_path / "self").mkdir()
        (tmp_path / "self" / "status").write_text(status)
    monkeypatch.setattr(own_process, "PROC", tmp_path)
    assert status_kib("VmRSS") == (None if status is None else 900)
    assert data_kib() is None
    assert not can_reset_peak()


def test_a_machine_without_proc_is_described_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for module in (own_process, machine, locks):
        monkeypatch.setattr(module, "PROC", tmp_path / "nowhere")
    described = machine.describe_machine()
    assert described["cpu"]
    assert described["memory_gib"] > 0
    assert machine.free_memory_gib() is None
    assert locks.turn_of_this_machine(tmp_path).name.startswith("turn-")
