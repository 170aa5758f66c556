"""How fast the clock runs, where the system tells."""

from pathlib import Path

import pytest

from profiling.instruments import frequency
from profiling.instruments.frequency import mean_mhz


def write_clocks(folder: Path, *khz: str) -> None:
    for core, text in enumerate(khz):
        clock = folder / f"cpu{core}" / "cpufreq"
        clock.mkdir(parents=True)
        (clock / "scaling_cur_freq").write_text(text + "\n")


def test_it_is_the_mean_over_the_cores_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(frequency, "CORES", tmp_path)
    write_clocks(tmp_path, "2000000", "3000000", "9000000")
    assert mean_mhz([0, 1]) == 2500.0
    assert mean_mhz([]) is None


@pytest.mark.parametrize("khz", [(), ("2000000", "<unknown>")])
def test_where_the_system_does_not_tell_it_is_unknown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, khz: tuple[str, ...]
) -> None:
    monkeypatch.setattr(frequency, "CORES", tmp_path)
    write_clocks(tmp_path, *khz)
    assert mean_mhz([0, 1]) is None
