"""The longest input of a variant with tokens of its own length: in audio, not in tokens."""

from pathlib import Path
from typing import Any

from datamodules.geometry import samples_for_frames
from profiling.analysis.points.axes import search_on_axis_of_sweep
from profiling.children.crew import Children
from profiling.children.outcome import Outcome
from profiling.planning.frontier import BATCH, Search, WholeSteps, searches_of
from profiling.rows.frontier import frontier_rows
from profiling.rows.run_directory import RunDirectory
from profiling.sweeping import frontier_pass
from profiling.sweeping.frontier_pass import FrontierPass
from profiling.sweeping.progress import Progress
from tests.samples.variants.points import points_of

LONGEST = 700  # frames


class SmallRoom(Children):
    """Children in which so many frames fit, and no more."""

    def call(self, step: str, given: Any, timeout_s: float | None = None) -> Outcome:
        assert isinstance(given, WholeSteps)
        fits = given.point.length <= LONGEST
        return Outcome("ok" if fits else "oom", {"fitting_peak_mib": 0.1 * given.point.length})


def lengths_of(*variants: str) -> list[Search]:
    points = points_of("speech", [200], list(variants))
    found = [search for search in searches_of(points) if search.searched != BATCH]
    return [search for search in found if search.point.phase == "inference"]


def test_the_longest_input_of_a_pair_with_its_own_axis_is_told_in_audio_samples(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(frontier_pass, "free_memory_gib", lambda: None)
    searches = lengths_of("hubert", "parakeet")
    with RunDirectory(tmp_path) as run:
        FrontierPass(searches, run, SmallRoom(), 10, 100).measure(Progress())
    rows = {row["variant"]: row for row in frontier_rows(tmp_path)}
    frames, audio = rows["hubert"], rows["parakeet"]
    assert (frames["searched"], audio["searched"]) == ("sequence_length", "input_size")
    assert frames["feasible"] <= LONGEST < frames["infeasible"]
    for name in ("feasible", "infeasible"):
        assert audio[name] == samples_for_frames(frames[name])
    values = [one["value"] for one in frames["tries"]]
    assert [one["value"] for one in audio["tries"]] == list(map(samples_for_frames, values))
    shown = search_on_axis_of_sweep(audio)
    assert (shown["feasible"], shown["infeasible"]) == (frames["feasible"], frames["infeasible"])


def test_memory_of_audio_grows_with_its_tokens_and_that_of_an_image_with_its_sides() -> None:
    (audio, *_), (sides, *_) = (
        lengths_of("parakeet"),
        [s for s in searches_of(points_of("vision", [64], ["vit"])) if s.searched != BATCH],
    )
    assert (audio.searched, audio.degree) == ("input_size", 2)
    assert (sides.searched, sides.degree, sides.on_axis(96)) == ("input_size", 4, 96)


def test_what_found_no_border_has_none_on_any_axis() -> None:
    row = {"modality": "speech", "searched": "input_size", "feasible": None, "infeasible": None}
    assert search_on_axis_of_sweep(row)["feasible"] is None
    batch = {"modality": "speech", "searched": BATCH, "feasible": 12}
    assert search_on_axis_of_sweep(batch) is batch
