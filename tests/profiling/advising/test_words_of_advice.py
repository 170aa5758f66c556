"""What people read of an advice."""

import pytest

from profiling.advising.answer import COSTS
from profiling.advising.contenders import Wanted
from profiling.advising.words import as_lines
from profiling.cli import main
from tests.samples.rows.advising import (
    CROSSING,
    THROUGHPUT,
    advise_run,
    keyed_rows_of,
    lengths_around,
    vanilla_law,
)
from tests.samples.rows.runs import write_run


def test_memory_is_told_of_the_largest_step_and_not_of_a_sample(tmp_path, capsys):
    lengths = tmp_path / "lengths.json"
    lengths_around(1300).to_json(lengths)
    names = []
    for name, more in (("small", 0.0), ("large", 400.0)):
        rows = keyed_rows_of("bert", "sdpa", vanilla_law)
        rows = [row | {"peak_memory_mib": row["peak_memory_mib"] + more} for row in rows]
        names.append(str(write_run(tmp_path / name, rows)))

    given = ["advise", *names, "--lengths", str(lengths), "--objective", "memory"]
    assert main([*given, "--batch_size", "8"]) == 0

    told = capsys.readouterr().out
    assert told.count("\nThe largest step needs ") == 2
    assert "a sample costs" not in told.lower()
    assert told.splitlines()[-1].endswith(f"; the largest step needs least memory in {names[0]}.")


def test_the_edges_of_recommended_buckets_are_told():
    found = advise_run(CROSSING, lengths_around(1300), THROUGHPUT)

    assert found["recommended"]["policy"] == "buckets"
    assert len(found["edges"]) > 1
    told = ", ".join(f"{edge:,}" for edge in found["edges"])
    assert f"Bucket edges: {told} tokens." in as_lines(found, "ms")


def test_without_buckets_no_edges_are_told():
    found = advise_run(CROSSING, lengths_around(1300), Wanted())

    assert found["edges"] == []
    assert not any("edges" in line for line in as_lines(found, "ms"))


@pytest.mark.parametrize("budget_gib", [None, 0.01])
def test_the_recommendation_is_told_in_as_much_detail_as_what_is_not_recommended(budget_gib):
    found = advise_run(CROSSING, lengths_around(1300), Wanted(budget_gib=budget_gib))

    assert found["alternatives"][0].keys() >= set(COSTS)
    if budget_gib is None:
        assert found["peak_memory_mib"] > 50
        assert found["holdout_error"] < 0.01
        assert found["extrapolated_share"] == 0
    else:
        assert {found[name] for name in COSTS} == {None}
