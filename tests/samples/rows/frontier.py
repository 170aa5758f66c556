"""Searches of the frontier, as a sweep would leave them."""

from typing import Any

from tests.samples.rows.run import sample_rows


def search(length: int | None, feasible: int | None, **fields: Any) -> dict[str, Any]:
    """Return a search of the largest batch at a length, or of the longest input without one."""
    row = next(row for row in sample_rows() if row["variant"] == "bert")
    kept = ("modality", "variant", "implementation", "phase", "size", "device", "threads")
    found = {
        "key": f"{length}-{feasible}",
        "status": "ok",
        "error": None,
        "searched": "batch_size" if length else "sequence_length",
        "sequence_length": length,
        "feasible": feasible,
        "infeasible": None if feasible is None else feasible + 3,
        "limited_by": "memory",
    }
    return {name: row[name] for name in kept} | found | fields
