"""How fast the clock runs, where the system tells."""

from pathlib import Path

import pytest

from profiling.instruments import frequency
from profiling.instruments.frequency import mean_mhz
from profiling.measuring.steps import surroundings
from profiling.measuring.steps.surroundings import Surroundings
from tests.samples.variants.points import points_of


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


@pytest.mark.parametrize(("found", "told"), [([2000.0, 3000.0], 2500.0), ([None, None], None)])
def test_a_row_has_the_mean_of_all_that_was_timed(
    monkeypatch: pytest.MonkeyPatch, found: list[float | None], told: float | None
) -> None:
    readings = iter(found)
    monkeypatch.setattr(surroundings, "keep_freed_memory", lambda: True)
    monkeypatch.setattr(surroundings, "Headroom", lambda: None)
    monkeypatch.setattr(surroundings, "run_steps", lambda *_, **__: [])
    monkeypatch.setattr(surroundings, "mean_mhz", lambda cores: next(readings))
    (point, *_) = points_of("text", [12], ["bert"])
    watched = Surroundings(point)
    for _ in found:
        nothing: dict = {}
        watched.time_steps(None, point, nothing, point.effort)  # type: ignore[arg-type]
    assert watched.fields()["cpu_mhz"] == told
