import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lightning_modules.kernel_limits import KernelUse, limit_of
from lightning_modules.variants import VARIANTS
from tests.samples.places import ROOT
from tests.samples.sweeps import ONCE, rows_in, sweep, write_config
from tests.samples.variants.models import implementations_here

# One length on each side of what bigbird can take; images on both sides of Swin's windows. Training
# has the longer ones alone: what differs between phases does not hang on the length.
ALL = {
    name for variants in VARIANTS.values() for v in variants.values() for name in v.implementations
}
LENGTHS = {
    "text": {"lengths": [130, 770]},
    "speech": {"lengths": [51, 173]},
    "vision": {"input_sizes": [64, 160]},
}
LONGEST = {
    modality: {setting: values[-1:] for setting, values in of_modality.items()}
    for modality, of_modality in LENGTHS.items()
}
PHASES = {"inference": LENGTHS, "training": LONGEST}


def start(python: str, *arguments: str) -> subprocess.Popen[str]:
    command = [python, str(ROOT / "profile.py"), *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background has them, and theirs, ignore SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sweep everything there is, once for all tests of this file."""
    folder = tmp_path_factory.mktemp("whole")
    for phase, modalities in PHASES.items():
        # Without the one that would compile C++ for half a minute in every process.
        config = write_config(
            folder / f"{phase}.yaml",
            modalities=modalities,
            phases=[phase],
            implementations=sorted(ALL - {"local_flex"}),
            **ONCE,
        )
        status, said, complained = sweep(config, folder / phase)
        assert status == 0, complained
        (folder / f"{phase}.txt").write_text(said)
    return folder


def rows_of(whole: Path) -> list[dict[str, Any]]:
    return [row for phase in PHASES for row in rows_in(whole / phase)]


def test_every_variant_implementation_phase_and_length_has_its_rows(whole: Path) -> None:
    seen = Counter(
        (row["modality"], row["variant"], row["implementation"], row["phase"])
        for row in rows_of(whole)
        if row["status"] == "ok"
    )
    for modality, variants in VARIANTS.items():
        for name, variant in variants.items():
            for implementation in implementations_here(modality, name):
                for phase, modalities in PHASES.items():
                    (lengths,) = modalities[modality].values()
                    able = sum(variant.refusal(length) is None for length in lengths)
                    assert seen[modality, name, implementation, phase] == able


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
        for row in rows_of(whole)
        if row["variant"] == "longformer" and row["phase"] == "inference"
    }
    effective = 1024  # 770 tokens padded to a multiple of the window of 512
    mask_mib = 4 * effective**2 / 2**20
    assert peaks["library", 770] - peaks["mask_fixed", 770] >= 0.9 * mask_mib


def test_answers_lie_in_the_run_directory(whole: Path) -> None:
    out = whole / "inference"
    assert "tensorboard --logdir" in (whole / "inference.txt").read_text()
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
    before = (whole / "inference" / "measurements.jsonl").read_bytes()
    status, said, _ = sweep(whole / "inference.yaml", whole / "inference")
    assert status == 0
    assert (whole / "inference" / "measurements.jsonl").read_bytes() == before
    assert said == (whole / "inference.txt").read_text()


def test_another_pair_to_compare_needs_no_measuring(whole: Path) -> None:
    out = whole / "inference"
    before = (out / "measurements.jsonl").read_bytes()
    pair = "longformer:mask_fixed,local_bert:local_blocked"
    status, said, _ = sweep(whole / "inference.yaml", out, f'--pairs=["{pair}"]')
    assert status == 0
    assert "vs longformer" in said
    assert (out / "measurements.jsonl").read_bytes() == before
    tipping_points = json.loads((out / "tipping_points.json").read_text())
    (row, *_) = [row for row in tipping_points if row["comparison"] == "pair"]
    assert (row["vanilla_attention_window"], row["attention_window"]) == (512, 128)


TWO = {"text": {"variants": ["bert", "local_bert"], "lengths": [40, 72]}}


def _wait_for_rows(out: Path, number: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if (out / "measurements.jsonl").exists() and len(rows_in(out)) >= number:
            return
        time.sleep(0.05)
    raise AssertionError("no rows came")


@pytest.mark.parametrize(("how", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_a_sweep_that_is_stopped_goes_on_and_doubles_nothing(
    tmp_path: Path, interpreter: Path, how: int, status: int
) -> None:
    brief = {"phases": ["inference"], "metrics": ["latency"], "visits": 2}
    config = write_config(tmp_path / "two.yaml", modalities=TWO, **brief)
    out = tmp_path / "run"
    # Who is killed is a real one: the system takes down what it started.
    python = sys.executable if how == signal.SIGKILL else str(interpreter / "python")
    process = start(python, "sweep", "--config", str(config), "--out", str(out))
    _wait_for_rows(out, 5, process)
    os.kill(process.pid, how)
    process.communicate(timeout=60)
    assert process.returncode == status
    kept = rows_in(out)
    assert len(kept) >= 5
    assert len(kept) == len({(row["key"], row["visit"]) for row in kept})
    if how == signal.SIGINT:
        return
    assert sweep(config, out)[0] == 0
    rows = rows_in(out)
    assert rows[: len(kept)] == kept
    assert len({(row["key"], row["visit"]) for row in rows}) == len(rows) == 4 * 2 * 2


def test_memory_that_runs_out_is_a_row_and_a_win_for_the_one_that_fits(tmp_path: Path) -> None:
    variants = [
        {"name": "hubert", "implementations": ["eager"]},
        {"name": "lhubert", "attention_window": 32, "implementations": ["local_blocked"]},
    ]
    config = write_config(
        tmp_path / "small.yaml",
        modalities={"speech": {"variants": variants, "lengths": [99, 6000]}},
        phases=["inference"],
        metrics=["latency"],
        memory_budget_gib=0.5,  # scores of 2 heads and 6000 frames alone take 0.27 GiB, twice
        **ONCE,
    )
    assert sweep(config, tmp_path / "run")[0] == 0
    statuses = {
        (row["variant"], row["sequence_length"]): row["status"] for row in rows_in(tmp_path / "run")
    }
    assert statuses == {
        ("hubert", 99): "ok",
        ("lhubert", 99): "ok",
        ("hubert", 6000): "oom",
        ("lhubert", 6000): "ok",
    }
