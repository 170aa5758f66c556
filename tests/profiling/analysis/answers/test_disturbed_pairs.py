"""Neighbours that disturbed different visits of two sides: a tie, never a dropped length."""

import pytest

from tests.samples.rows.curves import Row, find, outcomes, rows_of

WOBBLES = {"bert": (1.0, 1.01, 0.99, 1.005), "longformer": (1.01, 1.0, 0.99, 1.0)}
SLOW = 50.0


def measured(disturbed: dict[str, set[int]], visits: int = 4, **fields: str) -> list[Row]:
    """Return a clear win at one length; disturbed visits took so many times as long."""
    rows = rows_of("bert", {128: 40.0}, wobble=WOBBLES["bert"][:visits], **fields)
    rows += rows_of("longformer", {128: 10.0}, wobble=WOBBLES["longformer"][:visits])
    return [
        row | {"disturbed": True, "latency_ms": SLOW * row["latency_ms"]}
        if row["visit"] in disturbed.get(str(row["variant"]), ())
        else row
        for row in rows
    ]


@pytest.mark.parametrize(
    ("disturbed", "visits"),
    [
        ({"bert": {2, 3}, "longformer": {0, 1}}, 4),
        ({"bert": {2}, "longformer": {0}}, 3),
        ({"bert": {0, 1, 2}}, 3),
    ],
)
def test_a_length_without_two_visits_undisturbed_on_both_sides_is_a_tie(
    disturbed: dict[str, set[int]], visits: int
) -> None:
    (row,) = find(measured(disturbed, visits))
    assert outcomes(row) == ["tie"]
    assert row["longest_measured"] == 128
    assert "other processes took CPU time" in row["reason"]


def test_two_visits_that_nobody_disturbed_on_either_side_decide_alone() -> None:
    (row,) = find(measured({"bert": {3}, "longformer": {0}}))
    assert outcomes(row) == ["win"]
    assert row["lengths"][0]["ratio"] == pytest.approx(0.25, rel=0.02)


def test_the_best_of_several_kernels_keeps_its_length_too() -> None:
    rows = measured({"bert": {2, 3}, "longformer": {0, 1}})
    more = measured({"bert": {2, 3}}, implementation="sdpa")
    rows += [row for row in more if row["variant"] == "bert"]
    (row,) = find(rows, "best_vs_best")
    assert outcomes(row) == ["tie"]
    assert "other processes took CPU time" in row["reason"]


def test_sides_that_share_no_visit_at_all_are_still_not_compared() -> None:
    rows = measured({})
    kept = {"bert": {0, 1}, "longformer": {2, 3}}
    rows = [row for row in rows if row["visit"] in kept[str(row["variant"])]]
    rows += rows_of("bert", {256: 40.0}) + rows_of("longformer", {256: 10.0})
    (row,) = find(rows)
    assert outcomes(row) == ["missing", "win"]
    assert row["lengths"][0]["reason"] == "they have no visit in common"
