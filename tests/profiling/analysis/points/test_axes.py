"""A pair whose tokens are not of one length is compared on the same audio, and told in seconds."""

import math

import pytest

from datamodules.geometry import samples_for_frames
from datamodules.lengths import LengthDistribution
from profiling.analysis.answers.tipping_points import find_tipping_points, table_columns
from profiling.analysis.points.axes import axis_of, on_axis_of_sweep, row_length, shown, unit_of
from profiling.planning.points import Point
from profiling.report.answers.sections import build_sections
from profiling.report.answers.shares import share_sentences
from profiling.report.lengths import number_text
from profiling.report.material import Material
from tests.samples.variants.costs import point_of

FRAMES = (50, 100, 200, 400, 800)


def _cost_ms(variant: str, frames: int) -> float:
    """Let parakeet win from 200 frames on, and the local one from 400."""
    laws = {"hubert": (5.0, 1.0), "parakeet": (15.0, 0.5), "lhubert": (25.0, 0.5)}
    fixed, slope = laws[variant]
    return fixed + slope * frames / 10


def _row(variant: str, frames: int, visit: int) -> dict:
    point = point_of("speech", variant, {"lhubert": "local_blocked"}.get(variant, "sdpa"))
    point = Point(**{**vars(point), "length": frames})
    noise = 1 + 0.002 * math.sin(7 * visit + frames + len(variant))
    found = {"sequence_length": -(-frames // 4)} if variant == "parakeet" else {}
    measured = {"status": "ok", "latency_ms": _cost_ms(variant, frames) * noise}
    return point.columns | {"key": point.key, "visit": visit} | found | measured


ROWS = [
    _row(variant, frames, visit)
    for variant in ("hubert", "lhubert", "parakeet")
    for frames in FRAMES
    for visit in range(3)
]


def _answers(efficient: str) -> list[dict]:
    return [row for row in find_tipping_points(ROWS) if row["efficient"] == efficient]


def test_a_pair_has_the_axis_of_the_variant_that_has_its_own():
    assert axis_of("speech") == axis_of("speech", "hubert", "lhubert") == "sequence_length"
    assert axis_of("speech", "hubert", "parakeet") == "input_size"
    assert axis_of("vision", "vit", "swin") == "input_size"
    assert axis_of("text", "bert", "one that nobody knows") == "sequence_length"


def test_planned_rows_leave_it_to_the_model_how_many_tokens_there_are():
    planned = point_of("speech", "parakeet", "sdpa", length=49).columns
    assert (planned["sequence_length"], planned["input_size"]) == (None, samples_for_frames(49))
    assert row_length(planned) == 49
    assert row_length(planned | {"sequence_length": 13}) == 49
    assert row_length(planned | {"input_size": None}) is None
    assert row_length(point_of("speech", "hubert", "sdpa", length=49).columns) == 49


def test_the_same_audio_meets_and_the_answer_is_in_samples():
    (answer,) = _answers("parakeet")
    assert list(answer) == table_columns()
    assert answer["axis"] == "input_size"
    assert [item["length"] for item in answer["lengths"]] == [*map(samples_for_frames, FRAMES)]
    assert answer["longest_measured"] == samples_for_frames(800)
    assert answer["tipping_point"] == pytest.approx(320 * 200 + 80, rel=0.05)
    assert answer["ci_low"] <= answer["tipping_point"] <= answer["ci_high"]
    (other,) = _answers("lhubert")
    assert other["axis"] == "sequence_length"
    assert other["tipping_point"] == pytest.approx(400, rel=0.05)


def test_charts_and_data_get_the_answer_in_the_lengths_of_the_sweep():
    (answer,) = _answers("parakeet")
    back = on_axis_of_sweep(answer)
    assert back["axis"] == "sequence_length"
    assert [item["length"] for item in back["lengths"]] == [*FRAMES]
    assert back["longest_measured"] == 800
    assert back["tipping_point"] == pytest.approx((answer["tipping_point"] - 80) / 320)
    (other,) = _answers("lhubert")
    assert on_axis_of_sweep(other) == other


def test_charts_show_all_variants_of_speech_at_the_same_lengths():
    answers = find_tipping_points(ROWS)
    material = Material.of(ROWS, answers, [], {}).beside(answers)
    for rows in (material.tipping_points, material.ladder):
        assert {row["axis"] for row in rows} == {"sequence_length"}
        assert all([item["length"] for item in row["lengths"]] == [*FRAMES] for row in rows)
    assert all([point.length for point in c.points] == [*FRAMES] for c in material.curves)


def test_shares_of_data_are_those_of_the_same_audio():
    answers = [row for row in find_tipping_points(ROWS) if row["efficient"] == "parakeet"]
    data = LengthDistribution.from_lengths([100, 150, 300, 900], "meetings", "speech", "nowhere")
    (told,) = share_sentences(answers, [data])
    assert "50 % are at least 4" in told
    assert "seconds long, from where parakeet wins" in told


def test_readers_see_seconds_in_a_section_of_its_own():
    frames, seconds = build_sections(find_tipping_points(ROWS))
    assert frames.title.startswith("speech, inference: from how many frames on it beats hubert")
    assert seconds.title.startswith("speech, inference: from how many seconds on it beats hubert")
    assert [line.efficient for line in seconds.lines] == ["parakeet"]
    (sentence,) = seconds.sentences
    assert sentence.startswith("Latency, 1 to 16 seconds: up to about 4")
    assert "frames" not in sentence


def test_sections_of_two_axes_have_headings_that_differ_and_say_why():
    rows = find_tipping_points(ROWS)
    frames, seconds = build_sections(rows)
    assert frames.name == "speech, inference, in frames"
    why = "in seconds: tokens of parakeet and hubert differ in length"
    assert seconds.name == f"speech, inference, {why}"
    (alone,) = build_sections(row for row in rows if row["efficient"] == "parakeet")
    assert alone.name == seconds.name
    (usual,) = build_sections(row for row in rows if row["efficient"] == "lhubert")
    assert usual.name == "speech, inference"


@pytest.mark.parametrize(
    ("samples", "text"),
    [
        (1680, "0.105"),
        (32_080, "2"),
        (63_920, "4"),
        (72_000, "4.5"),
        (3_200_080, "200"),
        (None, "?"),
    ],
)
def test_seconds_are_told_as_exactly_as_they_are_read(samples: int | None, text: str) -> None:
    assert number_text(samples, {"modality": "speech", "axis": "input_size"}) == text


def test_frames_and_pixels_are_told_as_they_are():
    frames = {"modality": "speech", "axis": "sequence_length"}
    pixels = {"modality": "vision", "axis": "input_size"}
    assert (unit_of(frames), shown(61.3, frames), number_text(61.3, frames)) == (
        *("frames", 61.3),
        "61",
    )
    assert (unit_of(pixels), shown(224, pixels)) == ("pixels per side", 224)
