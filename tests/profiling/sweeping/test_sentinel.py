"""One cheap point is measured again and again through a sweep."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from profiling.children.outcome import Outcome
from profiling.errors import SettingsError
from profiling.planning.points import Point
from profiling.planning.visits import Visit
from profiling.rows.reading import SENTINEL, read_sentinel
from profiling.rows.run_directory import RunDirectory
from profiling.sweeping import sentinel
from profiling.sweeping.sentinel import EFFORT, SHARE, Sentinel, choose_sentinel
from tests.samples.sweeps import ONCE, rows_in, sweep, write_config
from tests.samples.variants.points import points_of

TEXT = points_of("text", [256, 64, 800], ["longformer", "bigbird", "bert"])


class Clock:
    """Stands in for `time`: it goes on by as much as a reading takes."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


class Child:
    """Stands in for the measuring children."""

    def __init__(self, clock: Clock, cost_s: float, outcome: Outcome | Exception) -> None:
        self.clock, self.cost_s, self.outcome = clock, cost_s, outcome
        self.points: list[Point] = []

    def call(self, function: str, point: Point, timeout_s: float) -> Outcome:
        self.points.append(point)
        self.clock.now += self.cost_s
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


LATENCY = {"latency_ms": 4.0, "latency_ms_p10": 3.9, "latency_ms_p90": 4.2}
OK = Outcome("ok", LATENCY | {"latency_ms_samples": [4.0], "disturbed": False, "cpu_mhz": None})


def watching(
    monkeypatch: pytest.MonkeyPatch, run: RunDirectory, outcome: Outcome | Exception = OK
) -> tuple[Sentinel, Child]:
    clock = Clock()
    monkeypatch.setattr(sentinel, "time", clock)
    monkeypatch.setattr(sentinel, "warn_of_company", lambda threads, is_sharded: None)
    child: Any = Child(clock, 1.0, outcome)
    return Sentinel(choose_sentinel(TEXT), run, child, (1, 2), 9.0), child


def test_it_is_the_shortest_inference_of_the_vanilla_variant_of_the_first_modality() -> None:
    points = [*TEXT, *points_of("speech", [20], ["hubert"])]
    chosen = choose_sentinel(points)
    assert chosen is not None
    assert (chosen.modality, chosen.variant, chosen.phase) == ("text", "bert", "inference")
    assert (chosen.length, chosen.metrics, chosen.effort) == (64, ("latency",), EFFORT)
    assert chosen.conditions == points[0].conditions


def test_it_takes_what_there_is_where_nothing_is_vanilla_or_inference() -> None:
    training = [p for p in TEXT if p.phase == "training" and p.variant != "bert"]
    chosen = choose_sentinel(training)
    assert chosen is not None
    assert (chosen.variant, chosen.phase, chosen.length) == ("longformer", "training", 64)


def test_memory_alone_and_points_that_are_skipped_have_none() -> None:
    assert choose_sentinel([replace(point, metrics=("memory",)) for point in TEXT]) is None
    assert choose_sentinel([replace(point, skip_reason="too short") for point in TEXT]) is None
    assert choose_sentinel([]) is None


def test_it_is_read_at_both_ends_and_when_it_costs_a_fiftieth_of_what_was_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with RunDirectory(tmp_path) as run:
        watched, child = watching(monkeypatch, run)
        visits = [Visit(TEXT[0], 0)]
        taken = []
        for _ in range(100):
            watched.before(visits)
            taken.append(len(child.points))
            watched.after([{"seconds": 15.0}, {"seconds": 5.0}])
        watched.finish()
        watched.finish()
    every = int(1.0 / SHARE / 20.0) + 1  # visits of 20 s until 1 s is a fiftieth of them
    assert taken == [1 + place // every for place in range(100)]
    assert len(child.points) == taken[-1] + 1  # and one at the end, once
    assert len(read_sentinel(tmp_path)) == len(child.points)


def test_a_sweep_that_measures_nothing_takes_no_reading(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with RunDirectory(tmp_path) as run:
        watched, child = watching(monkeypatch, run)
        watched.before([Visit(replace(TEXT[0], skip_reason="too short"), 0)])
        watched.finish()
    assert child.points == []
    assert not (tmp_path / SENTINEL).exists()


def test_a_reading_says_what_was_measured_when_and_in_which_shard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with RunDirectory(tmp_path) as run:
        watched, child = watching(monkeypatch, run)
        watched.before([Visit(TEXT[0], 0)])
    (line,) = (tmp_path / SENTINEL).read_text().splitlines()
    read = json.loads(line)
    assert read["at"].endswith("+00:00")
    assert (read["shard"], read["key"], read["seconds"]) == ([1, 2], child.points[0].key, 1.0)
    assert {name: read[name] for name in LATENCY} == LATENCY
    assert (read["variant"], read["phase"], read["sequence_length"]) == ("bert", "inference", 64)
    assert "latency_ms_samples" not in read


@pytest.mark.parametrize(
    ("outcome", "status", "error"),
    [
        (Outcome("oom", {"parameters": 3}, "no room"), "oom", "no room"),
        (Outcome("error", None, "it died"), "error", "it died"),
        (SettingsError("`checkpoint` must be a folder"), "error", "`checkpoint` must be a folder"),
    ],
)
def test_a_reading_that_fails_is_written_down_and_the_sweep_goes_on(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    outcome: Outcome | Exception,
    status: str,
    error: str,
) -> None:
    with RunDirectory(tmp_path) as run:
        watched, _ = watching(monkeypatch, run, outcome)
        watched.before([Visit(TEXT[0], 0)])
    (reading,) = read_sentinel(tmp_path)
    assert (reading["status"], reading["error"], reading["latency_ms"]) == (status, error, None)


def test_a_torn_reading_is_cut_off_and_a_fresh_sweep_forgets_them_all(tmp_path: Path) -> None:
    row = TEXT[0].columns | {"key": TEXT[0].key, "visit": 0, "status": "ok"}
    with RunDirectory(tmp_path) as run:
        run.append_sentinel(row)
        with (tmp_path / SENTINEL).open("a") as file:
            file.write('{"key": "b", "visi')
        assert len(read_sentinel(tmp_path)) == 1
        run.append_sentinel(row)
        assert len(read_sentinel(tmp_path)) == 2
        assert run.rows == []
    with RunDirectory(tmp_path, fresh=True) as run:
        run.begin()
        assert read_sentinel(tmp_path) == []


def test_a_sweep_leaves_readings_beside_its_rows_and_none_when_it_is_complete(
    tmp_path: Path,
) -> None:
    text = {"variants": ["bert", "local_bert"], "lengths": [40, 72]}
    config = write_config(
        tmp_path / "small.yaml",
        modalities={"text": text},
        implementations=["sdpa", "local_blocked"],
        phases=["inference"],
        metrics=["latency"],
        **ONCE,
    )
    out = tmp_path / "run"
    assert sweep(config, out)[0] == 0
    readings = read_sentinel(out)
    assert {(row["variant"], row["sequence_length"]) for row in readings} == {("bert", 40)}
    assert [row["status"] for row in readings] == ["ok", "ok"]
    assert all(row["latency_ms_p10"] <= row["latency_ms_p90"] for row in readings)
    assert len(rows_in(out)) == 4
    assert not {row["key"] for row in readings} & {row["key"] for row in rows_in(out)}
    assert "How steady the machine was" in (out / "report.html").read_text()

    before = (out / SENTINEL).read_bytes()
    assert sweep(config, out)[0] == 0
    assert (out / SENTINEL).read_bytes() == before
