"""Points for tests that need some."""

from collections.abc import Sequence

from profiling.planning.grids import make_points
from profiling.planning.points import Conditions, DataFacts, Point
from profiling.planning.settings import ModalitySettings, SweepSettings

CONDITIONS = Conditions(
    size="tiny",
    precision="32-true",
    device="cpu",
    device_name="a processor",
    threads=2,
    allocator="kept",
    dropout="none",
    memory_budget_gib=4.0,
    max_batch_size=8,
    seed=0,
)


def points_of(modality: str, lengths: list[int], variants: Sequence[object]) -> list[Point]:
    chosen = ModalitySettings(variants=list(variants))
    if modality == "vision":
        chosen.input_sizes = lengths
    else:
        chosen.lengths = lengths
    settings = SweepSettings(modalities={modality: chosen})
    return make_points(settings, CONDITIONS, {modality: DataFacts("synthetic", lengths, 10)})
