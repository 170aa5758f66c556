"""Which variant is advised: what is saved, what is kept, what noise cannot tell."""

import math

import pytest

from datamodules.lengths import LengthDistribution
from profiling.advising.contenders import Wanted
from tests.samples.rows.advising import (
    CROSSING,
    THROUGHPUT,
    advise_run,
    lengths_around,
    linear_law,
    rows_of,
    vanilla_law,
)


def test_long_data_are_advised_otherwise_than_short_data():
    short = advise_run(CROSSING, lengths_around(100), THROUGHPUT)
    long = advise_run(CROSSING, lengths_around(1300), THROUGHPUT)

    assert (short["verdict"], short["recommended"]["variant"]) == ("keep_vanilla", "bert")
    assert (long["verdict"], long["recommended"]["variant"]) == ("saves", "local_bert")
    assert 0 < long["ci_low"] <= long["saving"] <= long["ci_high"]
    assert short["share_beyond"] == 0
    assert long["share_beyond"] > 0.8
    assert any("longer data would change" in note for note in short["notes"])
    assert any("shorter data would change" in note for note in long["notes"])


def test_the_saving_is_that_of_the_known_costs():
    data = lengths_around(1300)
    costs = [
        sum(c * (0.5 + law(v)) for v, c in zip(data.values, data.counts, strict=True))
        for law in (linear_law, vanilla_law)
    ]

    found = advise_run(CROSSING, data, Wanted())

    assert found["saving"] == pytest.approx(1 - costs[0] / costs[1], abs=0.01)
    assert found["ci_low"] < 1 - costs[0] / costs[1] < found["ci_high"]


@pytest.mark.parametrize("middle", [100, 1300])
def test_one_that_always_wins_is_taken_at_every_length(middle):
    rows = [
        *rows_of("bert", "sdpa", vanilla_law),
        *rows_of("local_bert", "local_blocked", lambda n: 0.7 * vanilla_law(n)),
    ]

    assert advise_run(rows, lengths_around(middle), Wanted())["verdict"] == "saves"


@pytest.mark.parametrize("middle", [100, 1300])
def test_one_that_never_wins_is_never_taken(middle):
    rows = [
        *rows_of("bert", "sdpa", vanilla_law),
        *rows_of("local_bert", "local_blocked", lambda n: 1.4 * vanilla_law(n)),
    ]

    assert advise_run(rows, lengths_around(middle), Wanted())["verdict"] == "keep_vanilla"


@pytest.mark.parametrize("seed", range(5))
def test_of_kernels_that_differ_by_chance_the_default_one_is_kept(seed):
    rows = [
        row
        for name in ("eager", "sdpa", "unpadded")
        for row in rows_of("bert", name, vanilla_law, noise=0.05, seed=seed)
    ]
    cheapest = set()
    for given in (rows, [row for row in rows if row["implementation"] != "sdpa"]):
        found = advise_run(given, lengths_around(700), Wanted())
        assert found["verdict"] == "keep_vanilla"
        cheapest.add(found["recommended"]["implementation"])

    assert "sdpa" in cheapest
    assert len(cheapest) == 2  # where the default was not measured, the cheapest one


@pytest.mark.parametrize("visits", [1, 3])
def test_a_kernel_that_is_really_cheaper_is_taken_and_without_noise_the_cheapest_one(visits):
    rows = [
        *rows_of("bert", "sdpa", vanilla_law),
        *rows_of("bert", "eager", lambda n: 0.9 * vanilla_law(n)),
    ]
    given = [row for row in rows if row["visit"] < visits]

    found = advise_run(given, lengths_around(700), Wanted())

    assert found["recommended"]["implementation"] == "eager"


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_is_no_saving(seed):
    rows = [
        *rows_of("bert", "sdpa", vanilla_law, noise=0.05, seed=seed),
        *rows_of("local_bert", "local_blocked", vanilla_law, noise=0.05, seed=seed),
    ]

    found = advise_run(rows, lengths_around(700), Wanted())

    assert (found["verdict"], found["recommended"]["variant"]) == ("cannot_tell", "bert")


def test_one_visit_cannot_tell():
    rows = [row for row in CROSSING if row["visit"] == 0]

    assert advise_run(rows, lengths_around(1300), Wanted())["verdict"] == "cannot_tell"


def test_less_memory_is_advised_when_memory_is_the_objective():
    found = advise_run(CROSSING, lengths_around(1300), Wanted("memory"))

    assert found["recommended"]["variant"] == "local_bert"


@pytest.mark.parametrize(("length", "verdict"), [(510, "saves"), (520, "keep_vanilla")])
def test_of_several_crossings_the_place_of_the_data_decides(length, verdict):
    def staircase(tokens: float) -> float:
        return 0.8 * vanilla_law(256 * math.ceil(tokens / 256))

    rows = [
        *rows_of("bert", "sdpa", vanilla_law),
        *rows_of("longformer", "mask_fixed", staircase, attention_window=256),
    ]
    data = LengthDistribution.from_lengths([length] * 9, "made up", "text", "nowhere")

    assert advise_run(rows, data, Wanted())["verdict"] == verdict


@pytest.mark.parametrize("middle", [100, 1300])
def test_no_tipping_point_stands_beside_what_is_kept_where_nobody_else_can_be_taken(middle):
    heavy = [
        row | ({"peak_memory_mib": 9e3} if row["attention_window"] else {}) for row in CROSSING
    ]

    found = advise_run(heavy, lengths_around(middle), Wanted(budget_gib=1.0))

    assert found["verdict"] == "keep_vanilla"
    assert found["share_beyond"] is found["share_beyond_of"] is None
