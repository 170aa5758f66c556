"""Where memory tips: no better known than memory is, which is known to 1 MiB on each side."""

from tests.samples.rows.curves import Row, find, outcomes, rows_of

STILL = (1.0, 1.0)  # two visits without any noise
VANILLA = {128: 100.0, 256: 110.0, 512: 130.0, 1024: 180.0, 2048: 320.0}
EFFICIENT = {128: 104.0, 256: 113.0, 512: 131.0, 1024: 167.0, 2048: 239.0}


def memory(vanilla: dict[int, float], efficient: dict[int, float]) -> Row:
    """Return the tipping point in memory."""
    rows = rows_of("bert", vanilla, "memory", STILL)
    (row,) = find(rows + rows_of("longformer", efficient, "memory", STILL), metric="memory")
    return row


def larger(values: dict[int, float]) -> dict[int, float]:
    """Return what the same memory may be as far as it is known: 1 MiB more."""
    return {length: value + 1 for length, value in values.items()}


def smaller(values: dict[int, float]) -> dict[int, float]:
    """Return the same the other way: by the factor that 1 MiB more would be."""
    return {length: value / (1 + 1 / value) for length, value in values.items()}


def test_the_interval_holds_where_it_would_tip_were_each_side_off_by_what_nobody_can_measure() -> (
    None
):
    row = memory(VANILLA, EFFICIENT)
    sooner = memory(larger(VANILLA), smaller(EFFICIENT))["tipping_point"]
    later = memory(smaller(VANILLA), larger(EFFICIENT))["tipping_point"]

    assert sooner < 0.95 * row["tipping_point"]
    assert later > 1.05 * row["tipping_point"]
    assert row["ci_low"] <= sooner
    assert row["ci_high"] >= later


def test_a_shortest_length_that_is_a_tie_is_not_where_it_wins_at_the_latest() -> None:
    row = memory({128: 52.6, 256: 54.0, 512: 61.0}, {128: 51.3, 256: 49.0, 512: 48.0})

    assert outcomes(row) == ["tie", "win", "win"]
    assert row["at_most"]
    assert row["ci_high"] > 128
