"""FLOPs of every variant against closed forms, component by component, forward and backward."""

from collections.abc import Mapping

import pytest

from datamodules.geometry import samples_for_frames
from lightning_modules.attention.executed import band_pairs, executed_pairs
from lightning_modules.variants import LOCAL
from profiling.counting.point_costs import PointCosts
from profiling.measuring.costs import count_costs
from tests.samples.variants.costs import (
    CLASSES,
    HEADS,
    HIDDEN_OF_BIAS,
    LENGTHS,
    WIDTH,
    fnet_flops,
    modernbert_flops,
    parakeet_flops,
    point_of,
    speech_flops,
    swin_flops,
    text_flops,
    whisper_flops,
)

TOKENS, FRAMES = LENGTHS["text"], LENGTHS["speech"]
SAMPLES = samples_for_frames(FRAMES)
PHASES = pytest.mark.parametrize("phase", ["inference", "training"])
# Forward passes of a training step are those of inference: one phase shows both.
TRAINING = pytest.mark.parametrize("phase", ["training"])
# `test_local_bert` has all kernels of local attention, and others have the same: here are one that
# is made of products, and one that is a fused operator.
SOME_LOCAL = ("local_blocked", "local_varlen")


def check(
    costs: PointCosts,
    forward: Mapping[str, float],
    phase: str,
    saved: float = 0.0,
    same_again: tuple[str, ...] = (),
) -> None:
    """Check each component; on the way back all take twice as much, less what is saved.

    Those that are the `same_again` take as much.
    """
    found = {name: part.forward.flops for name, part in costs.components.items()}
    assert {name: flops for name, flops in found.items() if flops} == pytest.approx(forward)
    backward = sum(part.backward.flops for part in costs.components.values())
    twice = 2 * sum(forward.values()) - saved
    assert backward == pytest.approx(twice if phase == "training" else 0.0)
    for name, part in costs.components.items():
        if name not in ("feature_encoder", "embedding"):
            twice_or_once = 1 if name in same_again else 2
            passes = twice_or_once if phase == "training" else 0
            assert part.backward.flops == pytest.approx(passes * part.forward.flops)


@PHASES
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_bert(implementation: str, phase: str) -> None:
    costs = count_costs(point_of("text", "bert", implementation, phase))
    check(costs, text_flops(TOKENS, TOKENS, 4 * TOKENS**2 * WIDTH), phase)
    assert costs.flops == costs.flops_exact == costs.flops_dense


@PHASES
@pytest.mark.parametrize("implementation", LOCAL)
def test_local_bert(implementation: str, phase: str) -> None:
    costs = count_costs(point_of("text", "local_bert", implementation, phase, attention_window=20))
    pairs = executed_pairs(implementation, TOKENS, 10, "cpu", phase == "training")
    check(costs, text_flops(TOKENS, TOKENS, 4 * pairs * WIDTH), phase)
    passes = 3 if phase == "training" else 1
    exact = text_flops(TOKENS, TOKENS, 4 * band_pairs(TOKENS, 10) * WIDTH)
    dense = text_flops(TOKENS, TOKENS, 4 * TOKENS**2 * WIDTH)
    assert costs.flops_exact == pytest.approx(passes * sum(exact.values()))
    assert costs.flops_dense == pytest.approx(passes * sum(dense.values()))


@TRAINING
def test_modernbert_full(phase: str) -> None:
    costs = count_costs(point_of("text", "modernbert_full", "sdpa", phase))
    check(costs, modernbert_flops(TOKENS, 4 * TOKENS**2 * WIDTH, 0.0, 3), phase)
    assert costs.flops == costs.flops_exact == costs.flops_dense


@TRAINING
@pytest.mark.parametrize("implementation", ["eager", *SOME_LOCAL])
def test_modernbert(implementation: str, phase: str) -> None:
    """As shipped its windows are masks over all pairs, and save nothing."""
    costs = count_costs(point_of("text", "modernbert", implementation, phase, attention_window=20))
    pairs = TOKENS**2
    if implementation in LOCAL:
        pairs = executed_pairs(implementation, TOKENS, 10, "cpu", is_training=True)
    full = 4 * TOKENS**2 * WIDTH
    check(costs, modernbert_flops(TOKENS, full, 4 * pairs * WIDTH, 1), phase)
    exact = modernbert_flops(TOKENS, full, 4 * band_pairs(TOKENS, 10) * WIDTH, 1)
    dense = modernbert_flops(TOKENS, full, full, 1)
    assert costs.flops_exact == pytest.approx(3 * sum(exact.values()))
    assert costs.flops_dense == pytest.approx(3 * sum(dense.values()))


@TRAINING
@pytest.mark.parametrize("implementation", ["library", "mask_fixed"])
def test_longformer_computes_in_chunks_of_a_window_that_overlap(
    implementation: str, phase: str
) -> None:
    costs = count_costs(point_of("text", "longformer", implementation, phase, attention_window=32))
    padded, half = 160, 16
    scores = 2 * (padded // half - 1) * (2 * half) ** 2 * WIDTH
    sums = 2 * padded * 3 * half * WIDTH
    check(costs, text_flops(TOKENS, padded, scores + sums), phase)


@TRAINING
def test_nystromformer_meets_its_landmarks(phase: str) -> None:
    costs = count_costs(point_of("text", "nystromformer", "library", phase))
    padded, marks = 192, 64
    through_landmarks = 8 * padded * marks * WIDTH + 2 * marks**2 * WIDTH
    inverse = HEADS * (6 * 4 * 2 * marks**3 + 2 * padded * marks**2)
    convolution = 2 * padded * WIDTH * 65
    core = through_landmarks + inverse + convolution
    check(costs, text_flops(padded, padded, core), phase)
    assert costs.flops_exact == costs.flops


@TRAINING
def test_bigbird_computes_in_blocks(phase: str) -> None:
    costs = count_costs(point_of("text", "bigbird", "library", phase, length=750))
    padded, block = 768, 64
    ends = 2 * block * padded  # the first and the last block of queries see all keys
    next_to_ends = 2 * block * 7 * block
    others = (padded // block - 4) * block * 8 * block
    core = 4 * (ends + next_to_ends + others) * WIDTH
    check(costs, text_flops(padded, padded, core), phase)


@PHASES
def test_fnet_transforms_tokens_and_width(phase: str) -> None:
    costs = count_costs(point_of("text", "fnet", "library", phase))
    forward = fnet_flops(TOKENS)
    transform = forward["attention_core"]
    # The way back is one transform, where a product would be two.
    check(costs, forward, phase, saved=transform, same_again=("attention_core",))
    assert costs.flops == costs.flops_exact == costs.flops_dense
    assert "attention_projection" not in costs.components


@TRAINING
def test_hubert_computes_a_gradient_of_its_waveform_too(phase: str) -> None:
    costs = count_costs(point_of("speech", "hubert", "sdpa", phase))
    forward = speech_flops(FRAMES, SAMPLES, 4 * FRAMES**2 * WIDTH)
    check(costs, forward, phase)


@TRAINING
@pytest.mark.parametrize("implementation", SOME_LOCAL)
def test_lhubert(implementation: str, phase: str) -> None:
    costs = count_costs(point_of("speech", "lhubert", implementation, phase, attention_window=10))
    pairs = executed_pairs(implementation, FRAMES, 5, "cpu", phase == "training")
    forward = speech_flops(FRAMES, SAMPLES, 4 * pairs * WIDTH)
    check(costs, forward, phase)


@TRAINING
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_parakeet_adds_a_product_for_its_bias(implementation: str, phase: str) -> None:
    costs = count_costs(point_of("speech", "parakeet", implementation, phase))
    forward, mel, positions = parakeet_flops(FRAMES)
    found = {name: part.forward.flops for name, part in costs.components.items()}
    assert {name: flops for name, flops in found.items() if flops} == pytest.approx(forward)
    # Neither the sound nor the positions want a gradient; the filters do not train.
    twice = {name: 2 * flops for name, flops in forward.items()}
    twice["feature_encoder"] -= 2 * mel
    twice["attention_projection"] -= positions
    for name, part in costs.components.items():
        assert part.backward.flops == pytest.approx(twice.get(name, 0.0))
    assert costs.flops == costs.flops_exact == pytest.approx(costs.flops_dense)


@TRAINING
def test_whisper_computes_on_thirty_seconds(phase: str) -> None:
    costs = count_costs(point_of("speech", "whisper", "sdpa", phase))
    forward, mel = whisper_flops(FRAMES)
    check(costs, forward, phase, saved=2 * mel)
    assert costs.flops == costs.flops_exact == costs.flops_dense


@TRAINING
def test_vit(phase: str) -> None:
    costs = count_costs(point_of("vision", "vit", "eager", phase))
    patches, width, layers = (LENGTHS["vision"] // 16) ** 2, 192, 4
    tokens = patches + 1
    first = 2 * patches * width * 3 * 16**2
    forward = {
        "embedding": first,
        "attention_projection": layers * 8 * tokens * width**2,
        "attention_core": layers * 4 * tokens**2 * width,
        "feed_forward": layers * 16 * tokens * width**2,
        "head": 2 * width * CLASSES,
    }
    check(costs, forward, phase, saved=first)


@pytest.mark.parametrize(
    ("variant", "implementation", "phase"),
    [
        ("swin", "eager", "inference"),
        ("swin", "sdpa", "training"),
        ("swinv2", "library", "training"),
    ],
)
def test_swin_attends_inside_windows_and_pads_its_maps_to_them(
    variant: str, implementation: str, phase: str
) -> None:
    costs = count_costs(point_of("vision", variant, implementation, phase, length=288))
    flops = swin_flops(72, 7) if variant == "swin" else swin_flops(72, 8, HIDDEN_OF_BIAS)
    total = sum(flops.parts.values()) + flops.merging + flops.first + 2 * 256 * CLASSES
    found = {name: costs.components[name].forward.flops for name in flops.parts}
    assert found == pytest.approx(flops.parts)
    passes = 3 if phase == "training" else 1
    saved = flops.without_gradient if phase == "training" else 0.0
    assert costs.flops == pytest.approx(passes * total - saved)
    core = flops.parts["attention_core"]
    backward = 2 * core - flops.of_tables if phase == "training" else 0.0
    assert costs.components["attention_core"].backward.flops == pytest.approx(backward)
    in_pairs = costs.flops - costs.components["attention_core"].flops
    assert costs.flops_dense == pytest.approx(in_pairs + passes * flops.dense)
