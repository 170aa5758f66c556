"""What loggers get of rows: one value per tag and step."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.callbacks import ModelCheckpoint

from lightning_modules.training.pending_validation import PendingValidation
from profiling.callback import ProfilingCallback
from tests.samples.callbacks.breaking import Encoder, breaking, texts
from tests.samples.callbacks.logged import Recording
from tests.samples.fitting import TinyTokens, fit, loader, tokens, trainer


def values_by_length(logger: Recording, metric: str) -> dict[int | None, float]:
    named = f"profiling/training/by_length/{metric}"
    return {step: value for tag, step, value in logger.values if tag == named}


def test_of_each_length_one_row_is_logged_and_that_of_steps_if_there_is_one(tmp_path: Path) -> None:
    logger, callback = Recording(tmp_path), ProfilingCallback(1, 0)
    batches = [tokens(samples, 5) for samples in (3, 3, 3, 3, 16, 16, 16, 4)] + [tokens(2, 7)]
    settings: dict[str, Any] = {"accumulate_grad_batches": 3, "log_every_n_steps": 1}
    fit(TinyTokens(), batches, tmp_path, callbacks=[callback], logger=logger, **settings)
    places = Counter(logger.places("profiling/training/by_length/"))
    assert set(places.values()) == {1}
    assert {step for _, step in places} == {5, 7}
    kinds = {
        (row["batch_size"], row["sequence_length"], row["step_kind"]) for row in callback.rows()
    }
    assert (16, 5, "stepped") in kinds
    assert (3, 5, "accumulated") in kinds
    (stepped,) = [
        row
        for row in callback.rows()
        if (row["batch_size"], row["sequence_length"], row["step_kind"]) == (3, 5, "stepped")
    ]
    assert values_by_length(logger, "latency_ms")[5] == stepped["latency_ms"]


def test_of_rows_of_one_kind_the_one_with_most_steps_is_logged(tmp_path: Path) -> None:
    logger, callback = Recording(tmp_path), ProfilingCallback(1, 0)
    batches = [tokens(samples, 5) for samples in (3, 3, 16, 4)]
    fit(TinyTokens(), batches, tmp_path, callbacks=[callback], logger=logger, log_every_n_steps=1)
    (most,) = [row for row in callback.rows() if row["batch_size"] == 3]
    assert values_by_length(logger, "latency_ms") == {5: most["latency_ms"]}


def test_shares_of_components_are_logged_where_other_batches_were_timed(tmp_path: Path) -> None:
    logger, callback = Recording(tmp_path), breaking()
    batches = [batch for samples in (1, 3, 3, 1) for batch in texts(1, 13, batch_size=samples)]
    fit(Encoder(), batches, tmp_path, callbacks=[callback], logger=logger, log_every_n_steps=1)
    timed, broken = callback.rows()
    assert [row["num_broken_steps"] for row in (timed, broken)] == [0, 2]
    assert values_by_length(logger, "latency_ms") == {13: timed["latency_ms"]}
    share = values_by_length(logger, "component_share/attention_core")
    assert share == {13: pytest.approx(broken["components"]["attention_core"]["share"])}


def test_predictions_do_not_log_the_rows_of_the_training_before_them_again(tmp_path: Path) -> None:
    logger = Recording(tmp_path)
    built = trainer(
        tmp_path, max_epochs=1, logger=logger, log_every_n_steps=1,
        callbacks=[ProfilingCallback(1, 0)],
    )  # fmt: skip
    built.fit(TinyTokens(), loader([tokens(2, 5)] * 2))
    built.predict(built.lightning_module, loader([tokens(2, 6)] * 2))
    of_steps = [step for tag, step, _ in logger.values if tag == "profiling/inference/latency_ms"]
    assert of_steps == [0, 1]
    for phase, length in (("training", 5), ("inference", 6)):
        places = logger.places(f"profiling/{phase}/by_length/latency_ms")
        assert sorted(places) == sorted({*places})
        assert {step for _, step in places} == {length}


def test_a_run_that_was_over_when_it_went_on_leaves_the_rows_of_its_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def train(resumed: Path | None) -> bytes:
        measuring = ProfilingCallback(1, 0, output=str(tmp_path / "steps.jsonl"))
        saving = ModelCheckpoint(tmp_path, every_n_train_steps=1, filename="saved")
        callbacks = [PendingValidation(), measuring, saving]
        built = trainer(tmp_path, max_steps=2, enable_checkpointing=True, callbacks=callbacks)
        built.fit(TinyTokens(), loader([tokens(2, 5)] * 2), ckpt_path=resumed, weights_only=True)
        return (tmp_path / "steps.jsonl").read_bytes()

    before = train(None)
    assert before
    assert train(tmp_path / "saved.ckpt") == before
    assert "measured no step" not in caplog.text


@pytest.mark.parametrize("fails", [False, True])
def test_a_run_without_measured_steps_leaves_no_rows_of_an_earlier_one_and_says_so(
    fails: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(num_batches: int) -> None:
        callback = ProfilingCallback(1, 2, output=str(tmp_path / "steps.jsonl"))
        for _ in range(2):
            fit(TinyTokens(), [tokens(2, 5)] * num_batches, tmp_path, callbacks=[callback])

    train(3)
    assert (tmp_path / "steps.jsonl").read_text().count("\n") == 1
    assert "measured no step" not in caplog.text
    if fails:  # nobody can listen to such a Trainer
        monkeypatch.setattr("profiling.instruments.measured_runs.StepParts", None)
    train(3 if fails else 2)
    assert (tmp_path / "steps.jsonl").read_text() == ""
    assert caplog.text.count("measured no step of this training") == 1
