"""Advice on larger batches than the run measured: refused, or with an interval and a mark."""

import math
from typing import Any

import pytest

from profiling.advising.contenders import Wanted
from profiling.advising.tipping_words import of_other_batches
from profiling.advising.words import as_lines
from profiling.errors import SettingsError
from tests.samples.rows.advising import (
    CROSSING,
    THROUGHPUT,
    Law,
    advise_run,
    lengths_around,
    rows_of,
    vanilla_law,
)

DATA = lengths_around(300)
NO_BATCHES = {"throughput_samples_per_s": None, "throughput_batch_size": None}


def measured_up_to(
    batch_size: int, variant: str, implementation: str, fixed: float, law: Law
) -> list[dict[str, Any]]:
    """Return rows of steps that take `fixed + b law(n)` milliseconds, at batch 1 and another."""
    found = []
    for row in rows_of(variant, implementation, law):
        sample = law(row["sequence_length"])
        factor = row["latency_ms"] / (0.5 + sample)  # the noise of the visit
        step = factor * (fixed + batch_size * sample)
        found.append(
            row
            | {
                "latency_ms": factor * (fixed + sample),
                "throughput_batch_size": batch_size,
                "throughput_samples_per_s": 1000 * batch_size / step,
            }
        )
    return found


def fixed_against_per_sample(batch_size: int) -> list[dict[str, Any]]:
    """Return a vanilla one, and one that is dearer alone and cheaper in large batches."""
    return [
        *measured_up_to(batch_size, "bert", "sdpa", 0.5, vanilla_law),
        *measured_up_to(
            batch_size, "local_bert", "local_blocked", 20.0, lambda n: 0.3 * vanilla_law(n)
        ),
    ]


def test_batches_of_a_run_that_measured_single_samples_alone_are_refused():
    rows = [row | NO_BATCHES for row in CROSSING]
    one = [row | {"throughput_batch_size": 1} for row in CROSSING]

    for given in (rows, one):
        with pytest.raises(SettingsError, match=r"`batch_size` must be 1 .*, got 8: sweep with"):
            advise_run(given, DATA, THROUGHPUT)
    assert advise_run(rows, DATA, Wanted())["batch_size"] == 1
    assert advise_run(rows, DATA, Wanted("throughput"))["recommended"]
    assert advise_run(rows, DATA, Wanted("memory", batch_size=8))["recommended"]


def test_the_interval_is_wider_the_farther_a_batch_lies_beyond_the_measured_ones():
    def width(batch_size: int) -> float:  # of the ratio of the costs, in its logarithm
        wanted = Wanted("throughput", batch_size=batch_size)
        found = advise_run(fixed_against_per_sample(2), DATA, wanted)
        (local,) = [
            each
            for each in [{**found, **found["recommended"]}, *found["alternatives"]]
            if (each["variant"], each["policy"]) == ("local_bert", "dynamic")
        ]
        return math.log((1 - local["ci_low"]) / (1 - local["ci_high"]))

    assert width(4) > 5 * width(2)
    assert width(8) > 1.3 * width(4)


def test_a_saving_that_only_a_larger_batch_than_the_measured_ones_has_is_not_sure():
    wanted = Wanted("throughput", batch_size=16)

    known, foreseen = (
        advise_run(fixed_against_per_sample(most), DATA, wanted)["verdict"] for most in (16, 2)
    )

    assert (known, foreseen) == ("saves", "cannot_tell")


def test_what_is_recommended_is_marked_as_the_alternatives_are():
    def told(batch_size: int) -> list[str]:
        wanted = Wanted("throughput", batch_size=batch_size)
        return as_lines(advise_run(fixed_against_per_sample(2), DATA, wanted), "ms")

    assert told(8)[1].endswith("; extrapolated over batch.")
    assert "extrapolated" not in told(2)[1]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (THROUGHPUT, " in batches of 8."),
        (Wanted("throughput", batch_size=8, budget_gib=0.001), " run these data in batches of 8."),
        (Wanted("memory"), " in batches of 1."),
        (Wanted(), " with dynamic."),
    ],
)
def test_the_first_line_says_of_which_batches_it_is(wanted, words):
    found = advise_run(CROSSING, lengths_around(1300), wanted)

    assert as_lines(found, "ms")[0].endswith(words)
    assert found["batch_size"] == wanted.batch_size


def test_a_tipping_point_of_other_batches_is_said_to_be_of_those():
    def told(batch_size: int) -> tuple[list[str], str]:
        wanted = Wanted("throughput", batch_size=batch_size)
        found = advise_run(fixed_against_per_sample(16), DATA, wanted)
        assert found["tipping_point"]["batch_sizes"] == [16]
        lines = as_lines(found, "ms")
        (line,) = (each for each in lines if each.startswith("The tipping point of local_bert"))
        return lines, line

    (first, *_), other = told(2)
    _, same = told(16)

    assert first.startswith("Keep bert sdpa ")
    assert first.endswith(" in batches of 2: no efficient variant is cheaper on these data.")
    assert other == (
        f"{same} The sweep compared the two in batches of 16; in batches of 2 the comparison may "
        "come out differently."
    )


def test_sizes_of_batches_that_differ_or_that_nobody_knows_are_other_ones():
    assert of_other_batches([8], 8) == of_other_batches([1], 1) == ""
    assert " in batches of 4 to 1,024; in batches of 8 the " in of_other_batches([4, 8, 1024], 8)
    assert " in batches whose size is not known; in " in of_other_batches([], 8)


@pytest.mark.parametrize(("batch_size", "is_told"), [(8, True), (4, False)])
def test_points_of_other_batches_say_nothing_of_other_data(batch_size, is_told):
    wanted = Wanted("throughput", batch_size=batch_size)

    for middle in (100, 1300):
        notes = advise_run(CROSSING, lengths_around(middle), wanted)["notes"]
        assert any("data would change the answer" in note for note in notes) == is_told
    memory = advise_run(CROSSING, DATA, Wanted("memory", batch_size=8))
    assert memory["tipping_point"]["batch_sizes"] == [1]
