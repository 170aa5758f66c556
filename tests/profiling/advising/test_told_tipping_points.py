"""The tipping point beside the data, what would change the answer, and why there is no ceiling."""

from typing import Any

import pytest

from datamodules.lengths import LengthDistribution
from profiling.advising.answer import FACTS, SAVING
from profiling.advising.contenders import Wanted
from profiling.advising.tipping_words import tipping_line
from profiling.advising.words import as_lines
from tests.samples.rows.advising import (
    CROSSING,
    THROUGHPUT,
    Law,
    advise_run,
    lengths_around,
    linear_law,
    rows_of,
    vanilla_law,
)


def against_bert(law: Law, noise: float = 0.002) -> list[dict[str, Any]]:
    """Return rows of `bert` and of a `local_bert` of another law."""
    return [
        *rows_of("bert", "sdpa", vanilla_law, noise),
        *rows_of("local_bert", "local_blocked", law, noise),
    ]


@pytest.mark.parametrize("middle", [100, 1300])
def test_the_tipping_point_is_told_with_its_interval_and_the_shares_at_its_ends(middle):
    data = lengths_around(middle)

    found = advise_run(CROSSING, data, Wanted())

    point = found["tipping_point"]
    assert (point["verdict"], point["vanilla"], point["at_most"]) == ("crosses", "bert", False)
    assert point["ci_low"] <= point["tipping_point"] <= point["ci_high"]
    shares = [point[name] for name in ("share_low", "share_beyond", "share_high")]
    places = [point[name] for name in ("ci_high", "tipping_point", "ci_low")]
    assert shares == [data.share_beyond(place) for place in places]
    assert found["share_beyond"] == point["share_beyond"]
    begins = f"The tipping point of local_bert w32 over bert is {point['tipping_point']:,.0f} ["
    assert any(line.startswith(begins) for line in as_lines(found, "ms"))


def test_where_it_may_win_earlier_the_point_is_at_most_and_the_share_at_least_that():
    rows = [
        row | {"latency_ms": row["latency_ms"] * (0.7 if row["sequence_length"] > 64 else 1.0)}
        if row["variant"] == "local_bert"
        else row
        for row in against_bert(lambda n: 0.99 * vanilla_law(n), 0.02)
    ]
    data = LengthDistribution.from_lengths([66] * 9 + [2000], "made up", "text", "nowhere")

    found = advise_run(rows, data, Wanted())

    point = found["tipping_point"]
    assert (point["at_most"], point["share_beyond"], point["share_high"]) == (True, 0.1, None)
    assert (
        f"The tipping point of local_bert over bert is at most {point['ci_high']:,.0f} tokens: "
        "at least 10.0% of the samples lie beyond it."
    ) in as_lines(found, "ms")
    assert not any("would change" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("factor", "noise", "words"),
    [
        (1.4, 0.002, "No win of local_bert over bert is seen up to 2,048 tokens."),
        (0.7, 0.002, "local_bert wins over bert from 64 tokens on, the shortest length that was "),
        (1.0, 0.05, "The tipping point of local_bert over bert is undecided: "),
    ],
)
def test_where_there_is_no_tipping_point_it_is_said_what_there_is(factor, noise, words):
    rows = against_bert(lambda n: factor * vanilla_law(n), noise)

    lines = as_lines(advise_run(rows, lengths_around(700), Wanted()), "ms")

    assert any(line.startswith(words) for line in lines)


def test_who_wins_for_short_inputs_alone_is_said_to_do_so():
    point = {"verdict": "wins_only_below", "vanilla": "vit", "longest_measured": 640}

    assert tipping_line("swin", point, "pixels") == (
        "Wins of swin over vit are seen at shorter inputs alone, and none at 640 pixels."
    )


def changes(middle: int, rows: list[dict[str, Any]]) -> list[str]:
    """Return which other data than those around a length are said to change the answer."""
    found = advise_run(rows, lengths_around(middle), Wanted())
    return [note for note in found["notes"] if "would change" in note]


def test_what_would_change_is_said_in_both_directions():
    (longer,), (shorter,) = changes(100, CROSSING), changes(1300, CROSSING)
    assert longer.startswith("longer data would change the answer: half of the samples have at m")
    assert shorter.startswith("shorter data would change the answer: half of the samples have at l")
    assert "and local_bert w32 begins to win over bert at " in longer
    assert longer.split(" at ")[-1] == shorter.split(" at ")[-1]
    assert not changes(1300, against_bert(lambda n: 0.7 * vanilla_law(n)))  # it wins everywhere


def modernbert_full(law: Law) -> list[dict[str, Any]]:
    """Return rows of the second vanilla variant of texts."""
    return rows_of("modernbert_full", "sdpa", law)


def test_shorter_data_change_the_answer_where_no_other_vanilla_one_takes_over_before():
    dearer = modernbert_full(lambda n: 1.5 * vanilla_law(n))
    modernbert = rows_of("modernbert", "local_blocked", linear_law, attention_window=128)
    bert = rows_of("bert", "sdpa", vanilla_law)

    # At 237 tokens it meets its own vanilla one, at 585 the bert that is taken below that.
    assert changes(700, [*bert, *dearer, *modernbert]) == []
    (alone,) = changes(700, [*dearer, *modernbert])
    assert "and modernbert w128 begins to win over modernbert_full at " in alone
    (over_bert,) = changes(1300, [*CROSSING, *dearer])
    assert "and local_bert w32 begins to win over bert at " in over_bert


def test_longer_data_change_nothing_where_another_vanilla_one_has_taken_over_before():
    flatter = modernbert_full(lambda n: 3 + 0.2 * vanilla_law(n))

    assert changes(100, CROSSING) != []
    assert changes(100, [*CROSSING, *flatter]) == []


@pytest.mark.parametrize("wanted", [Wanted(), Wanted("memory"), Wanted(budget_gib=0.001)])
def test_the_same_is_said_of_what_is_recommended_and_of_what_is_not(wanted):
    found = advise_run(CROSSING, lengths_around(1300), wanted)
    names = {"variant", "implementation", "attention_window", "policy"}

    assert found.keys() >= set(FACTS)
    assert all(each.keys() == names | set(FACTS) for each in found["alternatives"])
    told = [found, *found["alternatives"]]
    assert all(each["saving_over_padded"].keys() == set(SAVING) for each in told)
    if found["recommended"]:
        assert found["quality"].keys() == {"statement", "source"}
        assert found["problems"] == found["measured_quality"] == []


@pytest.mark.parametrize(
    ("rows", "wanted", "why"),
    [
        (CROSSING, Wanted(), "nobody broke down what steps of bert sdpa take (`breakdown` true)"),
        (CROSSING, THROUGHPUT, "it is known of the latency alone"),
        (
            [*rows_of("bert", "sdpa", vanilla_law), *rows_of("fnet", "library", linear_law)],
            Wanted(),
            "fnet and bert do not differ in attention alone",
        ),
        (CROSSING[18:], Wanted(), "no vanilla one is known to run these data"),
    ],
)
def test_it_is_said_why_no_ceiling_is_told(rows, wanted, why):
    found = advise_run(rows, lengths_around(1300), wanted)

    assert found["ceiling"] is None
    assert f"what attention could save at most is not told: {why}" in found["notes"]


def test_of_nothing_efficient_no_ceiling_is_missed():
    notes = advise_run(rows_of("bert", "sdpa", vanilla_law), lengths_around(700), Wanted())["notes"]

    assert not any("what attention could save" in note for note in notes)
