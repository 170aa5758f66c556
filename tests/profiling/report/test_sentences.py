"""The answers in plain sentences, from hand-written tipping points."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.lengths import LengthDistribution
from profiling.analysis.answers.tipping_points import doubted
from profiling.report.answers.ladder import ladder_sentences
from profiling.report.answers.sentences import answer_sentences
from profiling.report.answers.shares import share_sentences
from tests.samples.rows.answers import WINS, Row, answer_of

OUTCOMES = ("win", "tie", "lose", "out", "lost", "missing")


def told(*rows: Row) -> str:
    (sentence,) = answer_sentences(rows)
    return sentence


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        (["lose", "lose", "win"], "up to about 333 [303-366] tokens nothing beats bert (sdpa); "),
        (["tie", "lose", "win"], "tokens nothing is shown to beat bert (sdpa); from there on "),
        (["missing", "lose", "win"], "nothing is shown to beat bert (sdpa)"),
        (["win", "lose", "win"], "one beats bert (sdpa) for good from about 333 [303-366] tokens"),
        (["win", "tie", "win"], "one beats bert (sdpa) from 128 tokens on, the shortest"),
        (
            ["out", "out", "out"],
            "from 128 tokens on, the shortest that was compared, where bert runs out of",
        ),
        (["tie", "win", "win"], "one beats bert (sdpa) from 183 tokens on at the latest"),
        (["win", "win", "lose"], "beat bert (sdpa) for good up to 512 tokens. One wins only below"),
        (["lose", "lose", "lost"], "nothing beats bert (sdpa) up to 512 tokens."),
        (["lose", "tie", "lose"], "nothing is shown to beat bert (sdpa) for good up to 512"),
        (["win", "win", "tie"], "it cannot be told whether anything beats bert (sdpa) for good"),
        (["missing", "missing"], "it cannot be told whether anything beats bert (sdpa)"),
    ],
)
def test_every_verdict_is_a_sentence(outcomes: list[str], words: str) -> None:
    assert words in told(answer_of("one", outcomes))


def test_the_range_that_was_measured_stands_first() -> None:
    rows = answer_of("one", ["lose", "win"]), answer_of("two", ["missing", "lose", "win", "win"])
    assert told(*rows).startswith("Latency, 128 to 1,024 tokens: ")


def test_all_that_win_say_from_where_the_earliest_first() -> None:
    rows = [
        answer_of("late", ["lose", "lose", "lose", "win"]),
        answer_of("early", ["lose", "win", "win", "win"]),
        answer_of("several", ["win", "lose", "lose", "win"], ci_low=600.0, ci_high=700.0),
    ]
    sentence = told(*rows)
    assert "early beats bert (sdpa) for good from about 166 [151-183] tokens on. " in sentence
    assert "Late needs 666 [605-732]; " in sentence
    assert "several needs 666 [600-700] for good" in sentence


def test_the_shortest_length_that_was_measured_is_not_that_of_a_variant_that_begins_later() -> None:
    rows = [
        answer_of("early", ["lose", "win", "win", "win"]),
        answer_of("later", ["missing", "missing", "win", "win"], tipping_point=512.0),
    ]
    sentence = told(*rows)
    assert sentence.startswith("Latency, 128 to 1,024 tokens: ")
    assert "Later needs no more than 512, the shortest at which the two were compared." in sentence
    rungs = [rung("eager", ["missing", "win"]), rung("sdpa", ["missing", "win"])]
    (told_of_rungs,) = ladder_sentences([row | {"tipping_point": 256.0} for row in rungs])
    assert (
        told_of_rungs.count("from 256 tokens on, the shortest at which the two were compared") == 2
    )


def test_a_variant_that_wins_at_short_lengths_forbids_to_say_that_nothing_does() -> None:
    rows = answer_of("one", ["lose", "lose", "win"]), answer_of("two", ["win", "lose", "lose"])
    sentence = told(*rows)
    assert "nothing" not in sentence
    assert "Two wins only below 256 tokens." in sentence


def test_which_costs_least_is_told_only_where_intervals_lie_apart() -> None:
    apart = told(answer_of("one", ["win"] * 3), answer_of("two", ["win"] * 3, saved=0.2))
    assert "At 512 tokens two costs least, 70 % [65-75 %] less than bert." in apart
    close = told(answer_of("one", ["win"] * 3), answer_of("two", ["win"] * 3, saved=0.05))
    assert "Which of two and one costs least at 512 tokens cannot be told." in close
    unknown = told(answer_of("one", ["win"] * 3), answer_of("two", ["win", "win", "out"]))
    assert "costs least" not in unknown


def undecided(name: str, outcomes: list[str]) -> Row:
    """Return an answer that `--strict true` leaves undecided."""
    return doubted(answer_of(name, outcomes))


def test_what_chance_may_have_decided_is_not_said_to_lose() -> None:
    sentence = told(answer_of("one", ["lose", "lose"]), undecided("two", ["lose", "lose"]))
    assert "nothing is shown to beat bert (sdpa) for good up to 256 tokens. " in sentence
    assert "For two it cannot be told." in sentence
    sentence = told(answer_of("one", ["lose", "lose", "win"]), undecided("two", ["lose"] * 3))
    assert "tokens nothing is shown to beat bert (sdpa); from there on one does." in sentence
    assert "For two it cannot be told." in sentence


def test_what_chance_may_have_decided_is_not_said_to_win() -> None:
    sentence = told(answer_of("one", ["lose", "lose", "win"]), undecided("two", ["win"] * 3))
    assert "tokens nothing is shown to beat bert (sdpa); from there on one does." in sentence


def test_metrics_in_which_nothing_is_decided_share_a_sentence_but_latency_has_its_own() -> None:
    metrics = ("memory", "throughput", "latency")
    rows = [answer_of("one", ["tie"], metric=metric) for metric in metrics]
    latency, others = answer_sentences(rows)
    assert latency.startswith("Latency, ")
    assert others == "Throughput and memory: it cannot be told whether anything beats bert."
    decided = answer_of("two", ["lose"], metric="memory")
    words = [re.split("[,:]", each)[0] for each in answer_sentences([*rows, decided])]
    assert words == ["Latency", "Memory", "Throughput"]


def test_only_the_best_kernels_are_told_of() -> None:
    assert answer_sentences([answer_of("one", ["win"], comparison="like_for_like")]) == ()
    assert answer_sentences([]) == ()


@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=4), st.floats(0, 0.4)),
        min_size=1,
        max_size=5,
    )
)
def test_nothing_is_claimed_that_was_not_decided(variants: list[tuple[list[str], float]]) -> None:
    rows = [answer_of(f"v{n}", outcomes, saved) for n, (outcomes, saved) in enumerate(variants)]
    sentence = told(*rows).lower()
    by_name = {row["efficient"]: row for row in rows}
    assert sentence.endswith(".")
    assert "none" not in sentence
    assert "nan" not in sentence
    claims = [sentence.split(f"{name} {verb}") for name in by_name for verb in ("beats", "needs")]
    for name, row in by_name.items():
        wins = row["verdict"] in WINS
        said = any(f"{name} {verb}" in sentence for verb in ("beats", "needs", "does"))
        assert said == wins
        assert wins or f"{name} costs least," not in sentence
    assert sum(len(parts) - 1 for parts in claims) <= len(rows)
    if "nothing beats" in sentence:
        first = min(
            (row["tipping_point"] for row in rows if row["verdict"] in WINS), default=10_000
        )
        shorter = [i["outcome"] for row in rows for i in row["lengths"] if i["length"] < first]
        assert set(shorter) == {"lose"}
    if " costs least, " in sentence:
        assert_apart(rows)


def assert_apart(rows: list[Row]) -> None:
    compared = [[i for i in row["lengths"] if i["outcome"] != "missing"] for row in rows]
    ends = [items[-1] for items in compared if items[-1]["outcome"] != "lose"]
    assert all(end["ratio"] is not None for end in ends)
    best, *rivals = sorted(ends, key=lambda end: float(end["ratio"]))
    assert all(best["ci_high"] < rival["ci_low"] for rival in rivals)


def rung(kernel: str, outcomes: list[str], metric: str = "latency") -> Row:
    return answer_of(
        "one", outcomes, comparison="ladder", vanilla_implementation=kernel, metric=metric
    )


def test_the_ladder_tells_how_far_the_kernels_of_today_moved_the_answer() -> None:
    rungs = [rung("eager", ["lose", "win", "win"]), rung("sdpa", ["lose", "lose", "win"])]
    rungs += [rung("sdpa compiled", ["lose", "lose", "tie"])]
    (sentence,) = ladder_sentences(rungs)
    assert sentence == (
        "Latency: against eager attention, as in the study, one wins from 166 [151-183] tokens on; "
        "against fused attention (sdpa) it wins from 333 [303-366] tokens on; "
        "against sdpa compiled it cannot be told whether it wins."
    )


def test_a_single_rung_is_no_ladder_and_one_without_a_decision_is_short() -> None:
    assert ladder_sentences([rung("sdpa", ["lose", "win"])]) == ()
    (sentence,) = ladder_sentences([rung(kernel, ["tie"]) for kernel in ("eager", "sdpa")])
    assert sentence == (
        "Latency: whether one wins cannot be told against eager attention, as in the study, "
        "or against fused attention (sdpa)."
    )


def test_a_metric_whose_answer_moves_from_rung_to_rung_is_told_beside_the_first_one() -> None:
    rungs = [rung(kernel, ["lose", "win"]) for kernel in ("eager", "sdpa")]
    rungs += [rung("eager", ["lose", "win"], "memory"), rung("sdpa", ["lose", "lose"], "memory")]
    rungs += [rung(kernel, ["lose", "win"], "throughput") for kernel in ("eager", "sdpa")]
    latency, memory = ladder_sentences(rungs)
    assert latency.startswith("Latency: against eager attention, as in the study, one wins from")
    assert memory == (
        "Memory: against eager attention, as in the study, one wins from 166 [151-183] tokens on; "
        "against fused attention (sdpa) it is not seen to win up to 256 tokens."
    )


@pytest.mark.parametrize(("fused", "is_told"), [((150.0, 160.0), False), ((190.0, 200.0), True)])
def test_crossings_that_are_surely_apart_have_moved(
    fused: tuple[float, float], is_told: bool
) -> None:
    rungs = [rung(kernel, ["lose", "win"]) for kernel in ("eager", "sdpa")]
    memory = [rung(kernel, ["lose", "win"], "memory") for kernel in ("eager", "sdpa")]
    memory[1] |= {"ci_low": fused[0], "ci_high": fused[1]}
    told = [sentence.split(":")[0] for sentence in ladder_sentences([*rungs, *memory])]
    assert told == ["Latency", *["Memory"] * is_told]


def test_the_share_of_the_data_that_is_long_enough_is_told_with_its_interval() -> None:
    lengths = [100] * 50 + [320] * 10 + [340] * 20 + [400] * 20
    data = LengthDistribution.from_lengths(lengths, "films", "text", "nowhere")
    rows = [answer_of("one", ["lose", "lose", "win"]), answer_of("never", ["lose"])]
    (sentence,) = share_sentences(rows, [data])
    assert sentence == (
        "Latency: of the 100 samples of films 40 % [20 % to 50 %] are at least 333 tokens long, "
        "from where one wins."
    )
    assert share_sentences(rows[1:], [data]) == ()
