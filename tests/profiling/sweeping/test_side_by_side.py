"""What is compared at a length of a range was measured there in one group, with memory."""

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import pytest

from profiling.planning.visit_row import row_of
from profiling.planning.visits import MEMORY_VISITS, Group, Visit, measures_memory
from profiling.sweeping.refinement import Refinement
from tests.samples.refined import BERT, LOCAL, Rows, refinement

ENDS = [256, 2048]
BIGBIRD, NYSTROMFORMER = (
    {"name": name, "implementations": ["library"]} for name in ("bigbird", "nystromformer")
)
WITH_MEMORY: dict[str, Any] = {"metrics": ["latency", "memory"], "ends": ENDS}
FULL = {"name": "modernbert_full", "implementations": ["sdpa"]}
MODERN = {"name": "modernbert", "implementations": ["local_blocked"]}
# Where each costs as much as its vanilla model.
CROSSINGS = {"local_bert": 441, "nystromformer": 476, "bigbird": 1949, "modernbert": 302}


def found_in(visit: Visit, **crossings: int) -> dict[str, Any]:
    """Return what a visit gives, 1 % noise included; some may cross elsewhere."""
    point = visit.point
    crossing = (CROSSINGS | crossings).get(point.variant)
    noise = np.random.default_rng([point.length, visit.number, len(point.variant)])
    cost = point.length * float(crossing or point.length) ** 0.4
    cost *= float(np.exp(0.01 * noise.standard_normal()))
    memory = cost if measures_memory(point, visit.nth, beside_speed=True) else None
    return {"status": "ok", "seconds": 1.0, "latency_ms": cost, "peak_memory_mib": memory}


def groups_of(
    plan: Refinement, rows: Rows, found: Callable[[Visit], dict[str, Any]] = found_in
) -> list[list[Visit]]:
    """Measure what is missing; return the groups."""
    groups = []
    for group in islice(plan.missing(rows), 300):
        groups.append(group)
        rows += [row_of(visit) | found(visit) for visit in group]
    return groups


FAMILIES = [BERT, NYSTROMFORMER, BIGBIRD, FULL, MODERN]
SWEEPS: dict[str, list[dict[str, Any]]] = {
    "two vanilla models at once": [{"variants": FAMILIES}],
    "a second vanilla model later": [
        {"variants": [BERT, LOCAL]},
        {"variants": [BERT, LOCAL, FULL, MODERN]},
    ],
    "a second vanilla model and another variant later": [
        {"variants": [BERT, LOCAL]},
        {"variants": [BERT, LOCAL, FULL, MODERN, NYSTROMFORMER]},
    ],
    "narrower answers later": [
        {"variants": [BERT, LOCAL, NYSTROMFORMER]},
        {"variants": [BERT, LOCAL, NYSTROMFORMER], "target_factor": 1.05},
    ],
    "fewer models later": [
        {"variants": [BERT, LOCAL, NYSTROMFORMER]},
        {"variants": [BERT, LOCAL], "target_factor": 1.05},
    ],
}


@pytest.mark.parametrize("name", SWEEPS)
def test_what_has_the_same_number_at_a_length_was_measured_in_one_group(name: str) -> None:
    rows: Rows = []
    plans = [refinement(ends=ENDS, **chosen) for chosen in SWEEPS[name]]
    groups = [group for plan in plans for group in groups_of(plan, rows)]
    places: dict[Group, set[int]] = defaultdict(set)
    for place, group in enumerate(groups):
        for visit in group:
            places[visit.group].add(place)
    assert len(places) > 2
    assert {len(found) for found in places.values()} == {1}


def test_a_choice_of_which_a_full_disk_kept_a_part_is_made_once_more_as_a_whole() -> None:
    rows: Rows = []
    torn = groups_of(refinement(ends=ENDS), rows)[-1]
    del rows[1 - len(torn) :]
    again = groups_of(refinement(ends=ENDS), rows)[0]
    assert torn[0].point.length not in ENDS
    assert {visit.point.key for visit in again} == {visit.point.key for visit in torn}
    assert {visit.number for visit in again} == {torn[0].number + 1}
    assert groups_of(refinement(ends=ENDS), rows) == []


def test_the_first_visits_that_two_models_have_in_common_measure_memory_of_both() -> None:
    rows: Rows = []
    plan = refinement(variants=[BERT, LOCAL, BIGBIRD], **WITH_MEMORY)
    # BigBird, which began at 712, wants more visits there before the others have had any.
    groups_of(plan, rows, partial(found_in, bigbird=600))
    peaks: dict[str, dict[int, float | None]] = defaultdict(dict)
    for row in rows:
        if row["sequence_length"] == 712:
            peaks[row["variant"]][row["visit"]] = row["peak_memory_mib"]
    for efficient in ("local_bert", "bigbird"):
        common = sorted(peaks["bert"].keys() & peaks[efficient].keys())[:MEMORY_VISITS]
        assert common
        assert None not in [peaks[name][n] for name in ("bert", efficient) for n in common]
    assert None in {row["peak_memory_mib"] for row in rows}


def test_a_visit_that_failed_measures_memory_when_it_is_made_again() -> None:
    def fails(visit: Visit) -> bool:
        return visit.point.variant == "local_bert" and visit.point.length == 712

    def found(visit: Visit) -> dict[str, Any]:
        return {"status": "error", "seconds": 1.0} if fails(visit) else found_in(visit)

    chosen = WITH_MEMORY | {"variants": [BERT, LOCAL, BIGBIRD]}
    rows: Rows = []
    first = [v for group in groups_of(refinement(**chosen), rows, found) for v in group if fails(v)]
    again = next(refinement(**chosen).missing(rows))
    assert {visit.number for visit in first} == {2}  # BigBird began there, with the first two
    assert {(v.point.variant, v.number) for v in again} == {("bert", 3), ("local_bert", 3)}
    assert all(measures_memory(v.point, v.nth, beside_speed=True) for v in again)
