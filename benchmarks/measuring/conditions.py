"""Under which conditions the points of these benchmarks are measured: those of a CPU, as it is."""

from profiling.planning.points import Conditions
from profiling.rows.machine import available_threads, cpu_name


def conditions_here(
    size: str, allocator: str = "kept", memory_budget_gib: float = 8.0
) -> Conditions:
    """Return conditions in float32, on all cores, without dropout."""
    return Conditions(
        size=size,
        precision="32-true",
        device="cpu",
        device_name=cpu_name(),
        threads=available_threads(),
        allocator=allocator,
        dropout="none",
        memory_budget_gib=memory_budget_gib,
        max_batch_size=1,
        seed=0,
    )
