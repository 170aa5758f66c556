"""A sweep at two lengths of each modality, from its rows to its answers."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lightning_modules.variants import VARIANTS
from tests.samples.rows.measured import check_is_complete, check_length
from tests.samples.sweeps import ONCE, rows_in, sweep, write_config

# One on each side of what bigbird can take; images on both sides of Swin's windows.
LENGTHS = {
    "text": {"lengths": [130, 770]},
    "speech": {"lengths": [51, 173]},
    "vision": {"input_sizes": [64, 160]},
}
# Everything there is, is in `test_whole_sweep.py`.
SOME = {
    "text": {
        "bert": ["sdpa"],
        "longformer": ["library", "mask_fixed"],
        "bigbird": ["library"],
        "local_bert": ["local_blocked"],
    },
    "speech": {"hubert": ["sdpa"], "lhubert": ["local_blocked"]},
    "vision": {"vit": ["sdpa"], "swin": ["sdpa"]},
}
METRICS = {"latency", "throughput", "memory"}
SETTINGS = {
    "phases": ["inference"],
    "metrics": sorted(METRICS),
    "modalities": {
        modality: LENGTHS[modality]
        | {"variants": [{"name": name, "implementations": SOME[modality][name]} for name in chosen]}
        for modality, chosen in SOME.items()
    },
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Sweep, once for all tests of this file; return the folder and what was said."""
    folder = tmp_path_factory.mktemp("sweep")
    config = write_config(folder / "sweep.yaml", **SETTINGS, **ONCE)
    status, said, complained = sweep(config, folder / "run")
    assert status == 0, complained
    return folder, said


@pytest.fixture(scope="module")
def out(made: tuple[Path, str]) -> Path:
    return made[0] / "run"


@pytest.fixture(scope="module")
def rows(out: Path) -> list[dict[str, Any]]:
    return rows_in(out)


def good(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["status"] == "ok"]


def again(made: tuple[Path, str], *more: str) -> str:
    """Run the same command again, which measures nothing; return what it says."""
    folder, _ = made
    before = (folder / "run/measurements.jsonl").read_bytes()
    status, said, complained = sweep(folder / "sweep.yaml", folder / "run", *more)
    assert status == 0, complained
    assert (folder / "run/measurements.jsonl").read_bytes() == before
    return said


def test_every_length_that_a_variant_takes_has_its_row(rows: list[dict[str, Any]]) -> None:
    seen = Counter((row["modality"], row["variant"], row["implementation"]) for row in good(rows))
    for modality, chosen in SOME.items():
        (lengths,) = LENGTHS[modality].values()
        for name, implementations in chosen.items():
            able = sum(VARIANTS[modality][name].refusal(length) is None for length in lengths)
            for implementation in implementations:
                assert seen[modality, name, implementation] == able


def test_no_row_is_an_error_and_skipped_rows_say_why(rows: list[dict[str, Any]]) -> None:
    assert not [row["error"] for row in rows if row["status"] == "error"]
    (skipped,) = [row for row in rows if row["status"] == "skipped"]
    assert (skipped["variant"], skipped["sequence_length"]) == ("bigbird", 130)
    assert "704" in skipped["error"]


def test_a_measured_row_is_complete_and_its_length_what_the_model_sees(
    rows: list[dict[str, Any]],
) -> None:
    for row in good(rows):
        check_is_complete(row, METRICS)
        check_length(row)


def test_the_n_by_n_mask_of_longformer_shows_in_memory(rows: list[dict[str, Any]]) -> None:
    peaks = {
        (row["implementation"], row["sequence_length"]): row["memory_above_weights_mib"]
        for row in rows
        if row["variant"] == "longformer"
    }
    effective = 1024  # 770 tokens padded to a multiple of the window of 512
    mask_mib = 4 * effective**2 / 2**20
    assert peaks["library", 770] - peaks["mask_fixed", 770] >= 0.9 * mask_mib


def test_answers_lie_in_the_run_directory(made: tuple[Path, str], out: Path) -> None:
    assert "-m tensorboard.main --logdir" in made[1]
    assert (out / "report.html").stat().st_size > 10_000
    tipping_points = json.loads((out / "tipping_points.json").read_text())
    assert {row["modality"] for row in tipping_points} == set(VARIANTS)
    assert {row["metric"] for row in tipping_points} == METRICS
    assert {row["interval_from"] for row in tipping_points if row["metric"] == "memory"} == {
        "resolution"
    }
    assert (out / "tipping_points.csv").exists()
    assert any((out / "figures").iterdir())
    assert json.loads((out / "manifest.json").read_text())["machine"]["versions"]


def test_the_same_command_again_measures_nothing(made: tuple[Path, str]) -> None:
    assert again(made) == made[1]


@pytest.mark.parametrize("refused", [["--threads", "100000"], ["--memory_budget_gib", "9000000"]])
def test_a_fresh_sweep_that_is_refused_forgets_nothing(
    made: tuple[Path, str], out: Path, refused: list[str]
) -> None:
    before = {path: path.read_bytes() for path in out.iterdir() if path.is_file()}
    assert out / "measurements.jsonl" in before
    status, _, complained = sweep(made[0] / "sweep.yaml", out, "--fresh", "true", *refused)
    assert status == 2
    assert f"`{refused[0].removeprefix('--')}` must be at most" in complained
    assert {path: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


def test_another_pair_to_compare_needs_no_measuring(made: tuple[Path, str], out: Path) -> None:
    pair = "longformer:mask_fixed,local_bert:local_blocked"
    assert "vs longformer" in again(made, f'--pairs=["{pair}"]')
    tipping_points = json.loads((out / "tipping_points.json").read_text())
    (row, *_) = [row for row in tipping_points if row["comparison"] == "pair"]
    assert (row["vanilla_attention_window"], row["attention_window"]) == (512, 128)
