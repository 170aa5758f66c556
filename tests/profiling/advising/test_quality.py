"""What is said of the quality of what is recommended, and of what is not."""

import re
from pathlib import Path

import pytest

from lightning_modules.variants import VARIANTS
from profiling.advising.advice import find_advice
from profiling.advising.contenders import Wanted
from profiling.advising.qualities.measured import MeasuredQuality
from profiling.advising.qualities.published import BASELINE, QUALITY, UNKNOWN, quality_of
from tests.samples.rows.advising import (
    CROSSING,
    THROUGHPUT,
    advise_run,
    lengths_around,
    linear_law,
    rows_of,
    vanilla_law,
)

ROOT = Path(__file__).parents[3]
EFFICIENT = [
    name
    for variants in VARIANTS.values()
    for name, variant in variants.items()
    if not variant.is_vanilla
]


def test_every_efficient_variant_has_an_entry_and_no_vanilla_one_has():
    assert sorted(QUALITY) == sorted(EFFICIENT)
    assert quality_of("bert") == quality_of("modernbert_full") == BASELINE
    assert quality_of("not in the registry") == UNKNOWN


def test_that_nothing_is_known_of_what_is_recommended_is_said_first():
    found = advise_run(CROSSING, lengths_around(1300), THROUGHPUT)

    assert found["recommended"]["variant"] == "local_bert"
    assert found["notes"][0] == f"quality: {UNKNOWN.statement}"


def test_what_is_known_of_it_is_said_with_its_source():
    rows = [
        *rows_of("bert", "sdpa", vanilla_law),
        *rows_of("longformer", "mask_fixed", linear_law, attention_window=32),
    ]
    known = QUALITY["longformer"]

    found = advise_run(rows, lengths_around(1300), THROUGHPUT)

    assert found["recommended"]["variant"] == "longformer"
    assert found["notes"][0] == f"quality: {known.statement} ({known.source})"


def test_nothing_is_said_of_the_quality_of_a_vanilla_one():
    found = advise_run(CROSSING, lengths_around(100), Wanted())

    assert found["recommended"]["variant"] == "bert"
    assert not any(note.startswith("quality:") for note in found["notes"])


@pytest.mark.parametrize(("window", "is_asked"), [(32, False), (None, False), (64, True)])
def test_who_has_measured_the_quality_is_not_asked_to_do_so(window, is_asked):
    own = MeasuredQuality("local_bert", window, "test_loss", 1.5, "runs/own")

    notes = find_advice(CROSSING, lengths_around(1300), THROUGHPUT, [own]).answer["notes"]

    assert notes[0].startswith("quality:" if is_asked else "measured quality:")


def test_it_is_said_where_the_quality_of_alternatives_stands():
    rows = [
        *CROSSING,
        *rows_of("longformer", "mask_fixed", lambda n: 3 * vanilla_law(n), attention_window=32),
        *rows_of("local_bert", "local_masked", lambda n: 3 * vanilla_law(n), attention_window=32),
    ]

    short, long = (advise_run(rows, lengths_around(middle), Wanted()) for middle in (100, 1300))

    told = "where the quality of alternatives stands: {}; `--json` has the statements"
    both = "local_bert nowhere, longformer in arXiv 2004.05150"
    assert told.format(both) in short["notes"]
    assert told.format("longformer in arXiv 2004.05150") in long["notes"]


def test_figures_of_our_own_stand_in_the_files_that_are_named():
    known = QUALITY["lhubert"]
    digits, *_ = (ROOT / each for each in known.source.split(", "))

    figures = re.findall(r"\d\.\d\d \[\S+\]", known.statement)

    assert len(figures) == 2
    for window, figure in zip((100, 32), figures, strict=True):
        row = f"| L-HuBERT, window {window}, converted, no further training |"
        lines = [one for one in digits.read_text().splitlines() if one.startswith(row)]
        (line,) = (one for one in lines if "%" in one)
        assert f"| {figure} |" in line


def test_files_that_are_named_as_sources_are_there():
    ours = [
        each
        for known in QUALITY.values()
        for each in known.source.split(", ")
        if each.startswith("benchmarks/")
    ]

    assert ours
    assert all((ROOT / each).is_file() for each in ours)
