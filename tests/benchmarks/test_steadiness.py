"""What `benchmarks/measuring/steadiness.py` measures."""

from benchmarks.measuring.steadiness import EVERY_VARIANT, points_of
from lightning_modules.variants import VARIANTS


def test_every_variant_is_measured_in_both_phases_with_kernels_that_run_here():
    points = points_of("tiny", EVERY_VARIANT, "kept")
    expected = {
        (modality, variant, phase)
        for modality, variants in VARIANTS.items()
        for variant in variants
        for phase in ("inference", "training")
    }
    assert {(point.modality, point.variant, point.phase) for point in points} == expected
    assert [point.describe() for point in points if point.skip_reason is not None] == []
