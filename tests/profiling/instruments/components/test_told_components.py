"""Where the components of broken steps are told: in rows, in loggers, and in Lightning's log."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.samples.callbacks.breaking import Encoder, breaking, texts
from tests.samples.callbacks.logged import Recording, lightnings_log
from tests.samples.documents import README, blocks
from tests.samples.fitting import fit, loader, trainer
from tests.samples.places import ROOT

LENGTHS = (10, 20, 30, 40)
TRAINS = """
from tests.samples.callbacks.breaking import Encoder, texts
from tests.samples.fitting import loader

trainer.fit(Encoder(), loader(texts(3, 19)))
"""


def batches_of_all_lengths() -> list[Any]:
    return [batch for length in LENGTHS for batch in texts(1, length)]


def test_every_broken_step_counts_in_a_row_where_no_two_batches_are_alike(tmp_path: Path) -> None:
    callback = breaking(output=str(tmp_path / "rows.jsonl"))
    fit(Encoder(), batches_of_all_lengths(), tmp_path, callbacks=[callback])
    assert len(callback.broken_steps) == 2
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["sequence_length"] for row in rows] == [*LENGTHS]
    assert [row["num_broken_steps"] for row in rows] == [0, 1, 1, 0]
    assert [row["components"] is not None for row in rows] == [False, True, True, False]
    for row in rows[1:3]:
        assert row["latency_ms_samples"] == []
        assert row["latency_ms"] is row["backward_ms"] is row["throughput_tokens_per_s"] is None
        assert row["components"]["attention_core"]["share"] > 0


def test_loggers_get_the_share_of_each_component_by_step_and_by_length(tmp_path: Path) -> None:
    logger, callback = Recording(tmp_path), breaking()
    batches = batches_of_all_lengths()
    fit(Encoder(), batches, tmp_path, callbacks=[callback], logger=logger, log_every_n_steps=1)
    core = "component_share/attention_core"
    found = {(tag, step): share for tag, step, share in logger.values if tag.endswith(core)}
    shares = [step.share_of("attention_core") for step in callback.broken_steps]
    assert found == {
        (f"profiling/training/{core}", 1): pytest.approx(shares[0]),
        (f"profiling/training/{core}", 2): pytest.approx(shares[1]),
        (f"profiling/training/by_length/{core}", 20): pytest.approx(shares[0]),
        (f"profiling/training/by_length/{core}", 30): pytest.approx(shares[1]),
    }


def test_at_the_end_of_a_run_only_its_own_steps_are_spoken_of(tmp_path: Path) -> None:
    callback = breaking()
    built = trainer(tmp_path, max_epochs=1, callbacks=[callback])
    with lightnings_log() as said:
        built.fit(Encoder(), loader(texts(4, 30)))
        built.predict(built.lightning_module, loader(texts(2, 11)))
    after_training, after_predictions = [
        line for line in said if "`ProfilingCallback` broke" in line
    ]
    assert "broke 2 steps down" in after_training
    assert "broke 1 step down" in after_predictions
    assert "11 to 11 long" in after_predictions


def test_a_run_as_in_the_readme_shows_what_attention_took(
    interpreter: Path, tmp_path: Path
) -> None:
    (example,) = [text for text in blocks(README, "python") if "ProfilingCallback" in text]
    given = "every_n_steps=50"
    assert example.count(given) == 1
    measured = example.replace(given, "every_n_steps=1, num_warmup_steps=0, breakdown=True")
    assert measured.count("Trainer(") == 1
    quick = measured.replace("Trainer(", "Trainer(max_epochs=1, accelerator='cpu', ")
    environment = {"PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        [str(interpreter / "python"), "-c", quick + TRAINS],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    assert "`ProfilingCallback` broke 2 steps down" in answer.stdout + answer.stderr
    assert "Attention itself" in answer.stdout + answer.stderr
