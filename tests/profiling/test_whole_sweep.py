"""Sweeps of everything there is, at one length that all can take."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lightning_modules.kernel_limits import KernelUse, limit_of
from lightning_modules.variants import VARIANTS
from tests.samples.rows.measured import check_is_complete, check_length
from tests.samples.sweeps import ONCE, rows_in, sweep, write_config
from tests.samples.variants.models import implementations_here

# Without the one that would compile C++ for half a minute in every process.
KERNELS = {
    name for variants in VARIANTS.values() for v in variants.values() for name in v.implementations
} - {"local_flex"}
# It is longer than local windows: what differs between implementations and phases does not hang on
# the length.
LENGTH = {
    "text": {"lengths": [770]},
    "speech": {"lengths": [110]},
    "vision": {"input_sizes": [64]},
}
DEFAULTS = {
    modality: [{"name": name, "implementations": [v.default]} for name, v in variants.items()]
    for modality, variants in VARIANTS.items()
}
# A training step of the other kernels is in `test_precisions.py`, one of more than one sample in
# `test_turns.py`, and in `test_variants.py` for each.
PHASES: dict[str, dict[str, Any]] = {
    "inference": {
        "modalities": LENGTH,
        "implementations": sorted(KERNELS),
        "metrics": ["latency", "throughput"],
    },
    "training": {
        "modalities": {name: LENGTH[name] | {"variants": DEFAULTS[name]} for name in VARIANTS},
        "metrics": ["latency", "memory"],
    },
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Sweep everything in each phase, once for all tests of this file; return the rows."""
    folder = tmp_path_factory.mktemp("whole")
    return {phase: measured(folder / phase, phase) for phase in PHASES}


def measured(out: Path, phase: str) -> list[dict[str, Any]]:
    config = write_config(out.with_suffix(".yaml"), phases=[phase], **PHASES[phase], **ONCE)
    status, _, complained = sweep(config, out, reports=False)
    assert status == 0, complained
    return rows_in(out)


def good(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["status"] == "ok"]


def test_every_variant_has_its_row_in_each_phase_in_inference_with_every_kernel(whole) -> None:
    def seen(phase: str) -> Counter[tuple[str, str, str]]:
        kinds = ("modality", "variant", "implementation")
        return Counter(tuple(row[kind] for kind in kinds) for row in good(whole[phase]))

    assert seen("inference") == {
        (modality, name, implementation): 1
        for modality, variants in VARIANTS.items()
        for name in variants
        for implementation in implementations_here(modality, name)
    }
    assert seen("training") == {
        (modality, name, variant.default): 1
        for modality, variants in VARIANTS.items()
        for name, variant in variants.items()
    }


def test_no_row_is_an_error_and_skipped_rows_say_why(whole) -> None:
    rows = [*whole["inference"], *whole["training"]]
    assert not [row["error"] for row in rows if row["status"] == "error"]
    use = KernelUse("cpu", is_half=False, needs_gradients=True, has_dropout=False)
    refused = {name: limit_of(name, use) for name in KERNELS}
    expected = {(name, reason) for name, reason in refused.items() if reason is not None}
    skipped = [row for row in rows if row["status"] == "skipped"]
    assert {(row["implementation"], row["error"]) for row in skipped} == expected
    assert refused["local_varlen"] == "it runs on cuda, not on cpu"


@pytest.mark.parametrize("phase", PHASES)
def test_a_measured_row_is_complete(whole, phase: str) -> None:
    for row in good(whole[phase]):
        check_is_complete(row, PHASES[phase]["metrics"])


@pytest.mark.parametrize("phase", PHASES)
def test_lengths_are_what_the_models_see(whole, phase: str) -> None:
    for row in good(whole[phase]):
        check_length(row)


def test_the_kernel_of_fused_attention_is_recorded(whole) -> None:
    kernels = {
        (row["variant"], row["implementation"]): row["attention_kernel"]
        for row in good(whole["inference"])
    }
    assert "flash" in str(kernels["bert", "sdpa"])
    assert kernels["bert", "eager"] is None
