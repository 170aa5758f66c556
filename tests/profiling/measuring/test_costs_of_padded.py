"""What a step on a padded batch costs: all that a full one does, and the mask itself."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lightning_modules.variants import LOCAL, VARIANTS
from profiling.measuring.costs import count_costs
from profiling.measuring.masking import mask_padding
from profiling.measuring.steps.building import batch_of
from profiling.planning.points import Point
from tests.samples.variants.costs import point_of

# The front end of speech takes so many frames in chunks, and BigBird so many tokens in blocks.
LENGTHS = {"text": 770, "speech": 1100}
# All kernels of local attention in one variant, of which others have the same: there one shows it.
REPEATED = {
    (name, implementation)
    for name in ("modernbert", "lhubert")
    for implementation in LOCAL
    if implementation != "local_blocked"
}
KERNELS = [
    (modality, name, implementation)
    for modality in LENGTHS
    for name, variant in VARIANTS[modality].items()
    for implementation in variant.implementations
    if (name, implementation) not in REPEATED
]


def padded(point: Point, folder: Path) -> Point:
    """Return the point with a stored batch, of which the last third is padding."""
    batch = mask_padding(point.modality, batch_of(point, 1), [2 * point.length // 3])
    assert "attention_mask" in batch
    torch.save(batch, folder / f"{point.modality}-{point.length}.pt")
    return replace(point, batches=str(folder))


@pytest.mark.parametrize(("modality", "variant", "implementation"), KERNELS)
def test_a_mask_of_padding_changes_no_operation_of_any_kernel(
    tmp_path: Path, modality: str, variant: str, implementation: str
) -> None:
    point = point_of(modality, variant, implementation, length=LENGTHS[modality])
    assert count_costs(padded(point, tmp_path)).flops == count_costs(point).flops


@pytest.mark.parametrize("phase", ["inference", "training"])
@pytest.mark.parametrize(("modality", "variant"), [("text", "bert"), ("speech", "hubert")])
def test_unpadded_counts_all_tokens_as_real_as_full_attention_does(
    tmp_path: Path, modality: str, variant: str, phase: str
) -> None:
    point = padded(point_of(modality, variant, "unpadded", phase), tmp_path)
    costs, full = count_costs(point), count_costs(point_of(modality, variant, "sdpa", phase))
    assert costs.flops == full.flops
    assert costs.components["attention_core"].flops == full.components["attention_core"].flops


def test_full_attention_holds_the_mask_of_a_padded_batch(tmp_path: Path) -> None:
    point = point_of("text", "bert", "sdpa", length=2000)
    difference = count_costs(padded(point, tmp_path)).memory_mib - count_costs(point).memory_mib
    assert difference * 2**20 >= point.length**2  # a byte at least for each pair of tokens
