"""A variant that takes no input beyond some length: compared, told and advised up to there."""

import math
from dataclasses import replace
from typing import Any

import pytest

from datamodules.geometry import samples_for_frames
from datamodules.lengths import LengthDistribution
from profiling.advising.contenders import Wanted
from profiling.advising.words import as_lines
from profiling.analysis.answers.tipping_points import find_tipping_points
from profiling.analysis.points.groups import Contender
from profiling.analysis.points.maximum import maximum_of, maximum_words, share_taken
from profiling.report.answers.sections import build_sections
from profiling.report.answers.shares import share_sentences
from profiling.report.palette import labelled
from profiling.report.table import sections_as_markdown
from tests.samples.rows.advising import advise_run
from tests.samples.rows.answers import answer_of
from tests.samples.variants.points import points_of

FRAMES = (50, 250, 1000, 1500, 2000)
COSTS = {
    "hubert": lambda n: 5 + n / 50,
    "whisper": lambda n: 20.0,
    "parakeet": lambda n: 4 + n / 99,
}


def _row(point: Any, visit: int) -> dict:
    row = point.columns | {"key": point.key, "visit": visit}
    if point.skip_reason:
        return row | {"status": "skipped", "error": point.skip_reason}
    tokens = {"parakeet": -(-point.length // 4)}.get(point.variant, point.length)
    noise = 1 + 0.002 * math.sin(7 * visit + point.length + len(point.variant))
    return row | {
        "status": "ok",
        "sequence_length": tokens,
        "effective_sequence_length": 1500 if point.variant == "whisper" else tokens,
        "latency_ms": COSTS[point.variant](point.length) * noise,
    }


def sdpa(variant: str) -> dict[str, Any]:
    return {"name": variant, "implementations": ["sdpa"]}


def rows_at(*lengths: int) -> list[dict]:
    points = points_of("speech", list(lengths), [sdpa(name) for name in COSTS])
    return [_row(point, visit) for point in points for visit in range(3)]


ROWS = [row for row in rows_at(*FRAMES) if row["phase"] == "inference"]
ANSWERS = find_tipping_points(ROWS)
(FLAT,) = [row for row in ANSWERS if row["efficient"] == "whisper" and row["metric"] == "latency"]


def data(*frames: int) -> LengthDistribution:
    return LengthDistribution.from_lengths(list(frames), "talks", "speech", "nowhere")


def test_a_flat_line_is_crossed_where_the_vanilla_one_reaches_its_cost() -> None:
    assert FLAT["verdict"] == "crosses"
    assert FLAT["longest_measured"] == samples_for_frames(1500)
    assert FLAT["tipping_point"] == pytest.approx(320 * 750, rel=0.03)
    assert FLAT["ci_low"] <= FLAT["tipping_point"] <= FLAT["ci_high"]


def test_readers_are_told_where_it_ends() -> None:
    (section,) = build_sections(ANSWERS)
    headings = [line.heading for line in section.lines]
    assert headings == ["parakeet", "whisper, not beyond 30 s"]
    assert "whisper, not beyond 30 s" in sections_as_markdown([section])
    (sentence,) = section.sentences
    assert "Whisper takes nothing beyond 30 s." in sentence
    assert not section.notes  # that a length beyond is not compared would say it twice


def test_what_costs_least_at_the_longest_length_is_told_without_it() -> None:
    (section,) = build_sections(ANSWERS)
    assert "At 40 seconds parakeet costs least" in section.sentences[0]


def test_a_legend_says_up_to_where_a_line_goes() -> None:
    whisper = Contender("whisper", "sdpa", None, None)
    assert labelled(whisper, "speech") == "whisper sdpa (at most 30 s)"
    assert labelled(replace(whisper, variant="hubert"), "speech") == "hubert sdpa"
    assert maximum_words("text", "bert") == maximum_words("text", "nobody knows it") == ""


def test_of_data_only_the_samples_count_that_it_takes() -> None:
    talks = data(100, 800, 1500, 1501, 4000)
    assert maximum_of("speech", "whisper") == 1500
    assert share_taken(talks, "speech", "whisper", 800) == pytest.approx(0.4)
    assert share_taken(talks, "speech", "whisper", 1600) == 0
    assert share_taken(talks, "speech", "hubert", 800) == pytest.approx(0.8)
    (told,) = share_sentences([FLAT], [talks])
    assert "40 % are at least 15 and at most 30 seconds long, from where whisper wins" in told


def test_images_count_with_the_side_that_a_model_gets() -> None:
    photos = LengthDistribution.from_lengths([224, 225, 230, 250], "photos", "vision", "nowhere")
    shares = [share_taken(photos, "vision", "swin", side) for side in (224, 224.5, 240, 256, 257)]
    assert shares == pytest.approx([1.0, 0.75, 0.75, 0.75, 0.0])
    row = answer_of("swin", ["lose", "win"], modality="vision", vanilla="vit")
    (told,) = share_sentences(
        [row | {"tipping_point": 240.0, "ci_low": 236.0, "ci_high": 245.0}], [photos]
    )
    rounded = "are, rounded up to a multiple of 32, at least 240 pixels per side long"
    assert f"photos 75 % {rounded}, from where swin wins" in told


def test_data_beyond_it_make_it_infeasible_and_that_is_said() -> None:
    rows = [row for row in ROWS if row["variant"] != "parakeet"]
    short = advise_run(rows, data(1000, 1200, 1500), Wanted())
    assert (short["verdict"], short["recommended"]["variant"]) == ("saves", "whisper")
    long = advise_run(rows, data(1000, 1200, 1501, 1502), Wanted())
    assert (long["verdict"], long["recommended"]["variant"]) == ("keep_vanilla", "hubert")
    assert long["share_beyond"] is None  # nothing efficient that could be taken instead
    text = "\n".join(as_lines(long, "ms"))
    assert "50.0% of the samples are longer than 1,500 frames, which it does not take" in text
    cut = advise_run(rows, data(1000, 1200, 1501, 1502), Wanted(max_length=1500))
    assert cut["recommended"]["variant"] == "whisper"


def test_a_flat_cost_needs_three_lengths_as_others_do() -> None:
    rows = [row for row in rows_at(1000, 1500) if row["phase"] == "inference"]
    rows += [row for row in ROWS if row["variant"] == "hubert" and row["input_size"] < 300_000]
    advice = advise_run(rows, data(700), Wanted())
    assert any("whisper sdpa is left out" in note for note in advice["notes"])
