import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lightning_modules.kernel_limits import KernelUse, limit_of
from lightning_modules.variants import VARIANTS
from tests.samples.sweeps import ONCE, rows_in, sweep, write_config
from tests.samples.variants.models import implementations_here

ALL = {
    name for variants in VARIANTS.values() for v in variants.values() for name in v.implementations
}
# One length on each side of what bigbird can take; images on both sides of Swin's windows.
LENGTHS = {
    "text": {"lengths": [130, 770]},
    "speech": {"lengths": [51, 173]},
    "vision": {"input_sizes": [64, 160]},
}
# Everything there is has one length that all can take, and that is longer than local windows: what
# differs between implementations and phases does not hang on the length.
ONE_LENGTH = {
    "text": {"lengths": [770]},
    "speech": {"lengths": [110]},
    "vision": {"input_sizes": [64]},
}
# Without the one that would compile C++ for half a minute in every process.
EVERYTHING = {"modalities": ONE_LENGTH, "implementations": sorted(ALL - {"local_flex"})}
# A training step of more than one sample is in `test_turns.py`, and in `test_variants.py` for each.
WHOLE = {
    "inference": EVERYTHING | {"phases": ["inference"]},
    "training": EVERYTHING | {"phases": ["training"], "metrics": ["latency", "memory"]},
}
SOME = {
    "text": {
        "bert": ["sdpa"],
        "longformer": ["library", "mask_fixed"],
        "bigbird": ["library"],
        "local_bert": ["local_blocked"],
    },
    "speech": {"hubert": ["sdpa"], "lhubert": ["local_blocked"]},
    "vision": {"vit": ["sdpa"], "swin": ["sdpa"], "swinv2": ["library"]},
}
BOTH_LENGTHS = {
    "phases": ["inference"],
    "modalities": {
        modality: LENGTHS[modality]
        | {"variants": [{"name": name, "implementations": SOME[modality][name]} for name in chosen]}
        for modality, chosen in SOME.items()
    },
}
SWEEPS: dict[str, dict[str, Any]] = WHOLE | {"answers": BOTH_LENGTHS}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sweep everything there is, and some of it at two lengths, once for all tests of this file."""
    folder = tmp_path_factory.mktemp("whole")
    for name, settings in SWEEPS.items():
        config = write_config(folder / f"{name}.yaml", **settings, **ONCE)
        status, said, complained = sweep(config, folder / name, reports=name == "answers")
        assert status == 0, complained
        (folder / f"{name}.txt").write_text(said)
    return folder


def rows_of(whole: Path) -> list[dict[str, Any]]:
    return [row for name in SWEEPS for row in rows_in(whole / name)]


def test_every_variant_implementation_and_phase_has_its_row(whole: Path) -> None:
    seen = Counter(
        (row["modality"], row["variant"], row["implementation"], row["phase"])
        for name in WHOLE
        for row in rows_in(whole / name)
        if row["status"] == "ok"
    )
    assert seen == {
        (modality, name, implementation, phase): 1
        for phase in WHOLE
        for modality, variants in VARIANTS.items()
        for name in variants
        for implementation in implementations_here(modality, name)
    }


def test_every_length_has_its_row(whole: Path) -> None:
    seen = Counter(
        (row["modality"], row["variant"], row["implementation"])
        for row in rows_in(whole / "answers")
        if row["status"] == "ok"
    )
    for modality, chosen in SOME.items():
        (lengths,) = LENGTHS[modality].values()
        for name, implementations in chosen.items():
            able = sum(VARIANTS[modality][name].refusal(length) is None for length in lengths)
            for implementation in implementations:
                assert seen[modality, name, implementation] == able


def test_no_row_is_an_error_and_skipped_rows_say_why(whole: Path) -> None:
    rows = rows_of(whole)
    assert not [row["error"] for row in rows if row["status"] == "error"]
    skipped = [row for row in rows if row["status"] == "skipped"]
    of_bigbird = [row for row in skipped if row["variant"] == "bigbird"]
    assert {row["sequence_length"] for row in of_bigbird} == {130}
    assert all("704" in row["error"] for row in of_bigbird)
    others = [row for row in skipped if row["variant"] != "bigbird"]
    use = KernelUse("cpu", is_half=False, needs_gradients=True, has_dropout=False)
    refused = {name: limit_of(name, use) for name in ALL - {"local_flex"}}
    expected = {(name, reason) for name, reason in refused.items() if reason is not None}
    assert {(row["implementation"], row["error"]) for row in others} == expected
    assert refused["local_varlen"] == "it runs on cuda, not on cpu"


def test_a_measured_row_is_complete(whole: Path) -> None:
    for row in rows_of(whole):
        if row["status"] != "ok":
            continue
        assert len(row["latency_ms_samples"]) >= 2
        assert row["latency_ms_p10"] <= row["latency_ms"] <= row["latency_ms_p90"]
        if row["phase"] == "inference":
            assert row["throughput_batch_size"] in (1, 2)
            rate = row["throughput_tokens_per_s"] / row["throughput_samples_per_s"]
            assert rate == pytest.approx(row["sequence_length"])
        assert row["peak_memory_mib"] > row["memory_above_weights_mib"] > 0
        assert row["parameters"] > 0
        assert row["effective_sequence_length"] >= 1


def test_lengths_are_what_the_models_see(whole: Path) -> None:
    for row in rows_of(whole):
        if row["status"] != "ok":
            continue
        if row["variant"] == "vit":
            assert row["sequence_length"] == (row["input_size"] // 16) ** 2 + 1
        elif row["variant"] in ("swin", "swinv2"):
            assert row["sequence_length"] == (row["input_size"] // 4) ** 2
        elif row["variant"] == "parakeet":  # its tokens are four frames of 20 ms
            frames = (row["input_size"] - 400) // 320 + 1
            assert row["sequence_length"] == -(-frames // 4)
        elif row["modality"] == "speech":
            assert row["input_size"] == 400 + 320 * (row["sequence_length"] - 1)
        elif row["variant"] == "longformer":
            assert row["effective_sequence_length"] % row["attention_window"] == 0


def test_the_kernel_of_fused_attention_is_recorded(whole: Path) -> None:
    kernels = {
        (row["variant"], row["implementation"]): row["attention_kernel"]
        for row in rows_of(whole)
        if row["status"] == "ok"
    }
    assert "flash" in str(kernels["bert", "sdpa"])
    assert kernels["bert", "eager"] is None


def test_the_n_by_n_mask_of_longformer_shows_in_memory(whole: Path) -> None:
    peaks = {
        (row["implementation"], row["sequence_length"]): row["memory_above_weights_mib"]
        for row in rows_in(whole / "answers")
        if row["variant"] == "longformer"
    }
    effective = 1024  # 770 tokens padded to a multiple of the window of 512
    mask_mib = 4 * effective**2 / 2**20
    assert peaks["library", 770] - peaks["mask_fixed", 770] >= 0.9 * mask_mib


def test_answers_lie_in_the_run_directory(whole: Path) -> None:
    out = whole / "answers"
    assert "tensorboard --logdir" in (whole / "answers.txt").read_text()
    assert (out / "report.html").stat().st_size > 10_000
    tipping_points = json.loads((out / "tipping_points.json").read_text())
    assert {row["modality"] for row in tipping_points} == set(VARIANTS)
    assert {row["metric"] for row in tipping_points} == {"latency", "throughput", "memory"}
    assert {row["interval_from"] for row in tipping_points if row["metric"] == "memory"} == {
        "resolution"
    }
    assert (out / "tipping_points.csv").exists()
    assert any((out / "figures").iterdir())
    assert json.loads((out / "manifest.json").read_text())["machine"]["versions"]


def test_the_same_command_again_measures_nothing(whole: Path) -> None:
    before = (whole / "answers" / "measurements.jsonl").read_bytes()
    status, said, _ = sweep(whole / "answers.yaml", whole / "answers")
    assert status == 0
    assert (whole / "answers" / "measurements.jsonl").read_bytes() == before
    assert said == (whole / "answers.txt").read_text()


def test_another_pair_to_compare_needs_no_measuring(whole: Path) -> None:
    out = whole / "answers"
    before = (out / "measurements.jsonl").read_bytes()
    pair = "longformer:mask_fixed,local_bert:local_blocked"
    status, said, _ = sweep(whole / "answers.yaml", out, f'--pairs=["{pair}"]')
    assert status == 0
    assert "vs longformer" in said
    assert (out / "measurements.jsonl").read_bytes() == before
    tipping_points = json.loads((out / "tipping_points.json").read_text())
    (row, *_) = [row for row in tipping_points if row["comparison"] == "pair"]
    assert (row["vanilla_attention_window"], row["attention_window"]) == (512, 128)
