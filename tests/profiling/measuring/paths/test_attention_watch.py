"""What is seen of attention while it runs, in every variant at awkward lengths."""

from dataclasses import dataclass
from itertools import product

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from lightning_modules.attention import in_place_of
from lightning_modules.attention.masked import masked_attention
from lightning_modules.variants import find_variant
from profiling.measuring.paths.active_path import refuse_all_pairs
from profiling.measuring.paths.attention_watch import AttentionWatch, kernels_in
from tests.samples.variants.models import CASES, batch_of, build

# Shorter than a head is wide, just as wide, and multiples of nothing.
LENGTHS = {"text": [5, 64, 65, 131, 300], "speech": [5, 64, 65, 131], "vision": [33, 130]}
HEAD_WIDTH = 64
WINDOWED = [
    (modality, variant, implementation, window)
    for modality, variant, implementation in CASES
    for window in ((16, 128) if find_variant(modality, variant).takes_window else (None,))
]


@dataclass
class Event:
    """What a profile says of an operator."""

    name: str
    cpu_parent: "Event | None"


def test_the_kernel_of_torchs_attention_is_seen() -> None:
    query = torch.randn(2, 3, 17, 8)
    with torch.no_grad(), AttentionWatch() as seen:
        scaled_dot_product_attention(query, query, query)
    assert seen.names() == "flash_attention_for_cpu"
    with torch.no_grad(), AttentionWatch() as seen:
        scaled_dot_product_attention(query, query, query, dropout_p=0.5)
    assert seen.names() == "math"
    with torch.no_grad(), AttentionWatch() as seen:
        torch.softmax(query @ query.transpose(-1, -2), -1) @ query
    assert seen.names() is None


def test_a_kernel_that_another_one_calls_is_not_named() -> None:
    whole = Event("aten::scaled_dot_product_attention", None)
    fused = Event("aten::_scaled_dot_product_flash_attention", whole)
    other = Event("aten::_varlen_attn", Event("aten::empty", None))
    called = Event("aten::_flash_attention_forward", Event("aten::empty", fused))
    assert {*kernels_in([whole, fused, other, called])} == {"flash_attention", "varlen_attn"}


@pytest.mark.parametrize("summed", [8, 40])
def test_unfused_attention_over_all_pairs_is_seen_and_its_other_product_is_not(
    summed: int,
) -> None:
    query, key = torch.randn(3, 17, summed), torch.randn(3, summed, 17)
    with AttentionWatch(17) as seen:
        scores = query @ key
    assert (seen.all_pairs_by == "bmm") == (summed < 17)
    with AttentionWatch(17) as seen:
        scores @ torch.randn(3, 17, 40)
    assert seen.all_pairs_by is None


@pytest.mark.parametrize(("modality", "variant", "implementation", "window"), WINDOWED)
def test_no_variant_is_accused_at_any_length(
    modality: str, variant: str, implementation: str, window: int | None
) -> None:
    entry = find_variant(modality, variant)
    settings = {} if window is None else {"attention_window": window}
    module = build(modality, variant, implementation=implementation, max_length=800, **settings)
    lengths = LENGTHS[modality] if variant != "bigbird" else [705, 770]
    for training, length in product((False, True), lengths):
        if length < entry.minimum_length:
            continue
        module.train(training)
        batch = batch_of(modality, length, batch_size=1)
        with (
            torch.set_grad_enabled(training),
            AttentionWatch(module.effective_length(length)) as seen,
        ):
            module(**batch)
        refuse_all_pairs(module, length, training, seen)
        if implementation == "local_blocked" and length > HEAD_WIDTH:
            # And it is not excused where it has nothing to be excused for.
            is_dense = seen.all_pairs_by is not None
            assert module.may_compute_all_pairs(length, training) == is_dense


@pytest.mark.parametrize("training", [False, True])
def test_full_layers_are_no_excuse_for_sliding_ones(training: bool) -> None:
    module = build("text", "modernbert", max_length=400)
    batch = batch_of("text", 400, batch_size=1)
    gradients = torch.set_grad_enabled(training)
    with gradients, AttentionWatch(400) as seen:
        module(**batch)
    assert seen.num_all_pairs == module.most_all_pairs(400, training) == 1
    with in_place_of("local_blocked", masked_attention), gradients, AttentionWatch(400) as seen:
        module(**batch)
    with pytest.raises(RuntimeError, match="all pairs of 400 tokens, 3 times instead of 1"):
        refuse_all_pairs(module, 400, training, seen)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_modernbert_as_shipped_has_no_mask_where_it_says_that_it_runs_as_full(
    implementation: str,
) -> None:
    module = build("text", "modernbert", implementation=implementation)
    masks: list[bool] = []
    sliding = module.model.model.layers[1].attn
    sliding.register_forward_pre_hook(
        lambda _, given, named: masks.append(named["attention_mask"] is not None), with_kwargs=True
    )
    lengths = range(4, 14)  # on both sides of half a window
    for length in lengths:
        module(**batch_of("text", length, batch_size=1))
    assert masks == [not module.runs_as_full_attention(length) for length in lengths]
    assert len(set(masks)) == 2
