import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader

from lightning_modules.allocator import keeps_freed_memory
from profiling.instruments.batch_shapes import batch_shape
from profiling.instruments.callback import ProfilingCallback
from profiling.instruments.steps import summarise


class Tiny(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(11, 6)
        self.head = torch.nn.Linear(6, 11)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.embedding(input_ids))

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        return self(batch["input_ids"]).square().mean()

    def predict_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        return self(batch["input_ids"])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def _loader(*shapes: tuple[int, int]) -> DataLoader[Any]:
    batches = [{"input_ids": torch.zeros(shape, dtype=torch.long)} for shape in shapes]
    return DataLoader(batches, batch_size=None)  # type: ignore[arg-type]


def _trainer(callback: ProfilingCallback, **settings: Any) -> lightning.Trainer:
    defaults: dict[str, Any] = {
        "accelerator": "cpu",
        "max_epochs": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    return lightning.Trainer(callbacks=[callback], **(defaults | settings))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_training_is_measured_by_length_and_batch_size() -> None:
    callback = ProfilingCallback(every_n_steps=1, num_warmup_steps=1)
    _trainer(callback).fit(Tiny(), _loader((2, 5), (2, 5), (2, 5), (3, 7)))
    rows = callback.rows()
    found = [(row["phase"], row["batch_size"], row["sequence_length"]) for row in rows]
    assert found == [("training", 2, 5), ("training", 3, 7)]
    assert len(rows[0]["latency_ms_samples"]) == 2
    for sample in callback.samples:  # how much lies between them is up to whoever else computes
        parts = [sample.forward_ms, sample.backward_ms, sample.optimizer_ms]
        assert min(part or 0.0 for part in parts) > 0
        assert sum(part or 0.0 for part in parts) <= sample.latency_ms
    assert all(row["peak_memory_mib"] > 0 for row in rows)


def test_predictions_are_measured_without_training_parts() -> None:
    callback = ProfilingCallback(every_n_steps=1, num_warmup_steps=0)
    _trainer(callback).predict(Tiny(), _loader((2, 5), (2, 9)))
    assert [row["sequence_length"] for row in callback.rows()] == [5, 9]
    assert all(row["phase"] == "inference" for row in callback.rows())
    assert all(row["backward_ms"] is None for row in callback.rows())


def test_a_system_without_peak_memory_still_gets_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("profiling.instruments.step_memory.supports_peak", lambda device: False)
    callback = ProfilingCallback(every_n_steps=1, num_warmup_steps=0)
    _trainer(callback).fit(Tiny(), _loader((2, 5), (2, 5)))
    assert callback.rows()[0]["peak_memory_mib"] is None
    assert callback.rows()[0]["latency_ms"] > 0


def test_it_samples_after_the_warm_up() -> None:
    callback = ProfilingCallback(every_n_steps=3, num_warmup_steps=2)
    _trainer(callback).fit(Tiny(), _loader(*[(2, 5)] * 10))
    assert len(callback.samples) == 3  # steps 2, 5 and 8


def test_steps_that_only_accumulate_gradients_make_a_row_of_their_own() -> None:
    callback = ProfilingCallback(every_n_steps=1, num_warmup_steps=0)
    _trainer(callback, accumulate_grad_batches=2).fit(Tiny(), _loader(*[(2, 5)] * 4))
    has_step = [sample.optimizer_ms is not None for sample in callback.samples]
    assert has_step == [False, True, False, True]
    accumulating, stepping = callback.rows()
    assert accumulating["optimizer_ms"] is None
    assert stepping["optimizer_ms"] > 0
    for sample in callback.samples:  # without the time between the step and Lightning's next hook
        parts = [sample.forward_ms or 0.0, sample.backward_ms or 0.0]
        if sample.optimizer_ms is None:
            assert sample.latency_ms == pytest.approx(sum(parts))
        else:
            assert sample.latency_ms >= sum(parts) + sample.optimizer_ms


@pytest.mark.parametrize(
    ("accumulated", "batches", "measured"),
    # Optimiser steps 1 and 4 of those that end at batches 3, 6, 9, 12 or, cut short, 5, 6.
    [(3, 14, [3, 4, 5, 12, 13]), (5, 6, [5])],
)
def test_whole_accumulations_are_measured_or_none_of_them(
    accumulated: int, batches: int, measured: list[int]
) -> None:
    callback = ProfilingCallback(every_n_steps=3, num_warmup_steps=1)
    loader = _loader(*[(1, 2 + number) for number in range(batches)])
    _trainer(callback, accumulate_grad_batches=accumulated).fit(Tiny(), loader)
    lengths = [sample.shape.sequence_length for sample in callback.samples]
    assert lengths == [2 + number for number in measured]


def test_training_and_predicting_with_one_callback_keeps_both(tmp_path: Path) -> None:
    callback = ProfilingCallback(1, 0, output=str(tmp_path / "rows.jsonl"))
    trainer = _trainer(callback)
    trainer.fit(Tiny(), _loader((2, 5)))
    trainer.predict(Tiny(), _loader((2, 6)))
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    found = {(row["phase"], row["sequence_length"]) for row in rows}
    assert found == {("training", 5), ("inference", 6)}


def test_a_run_that_is_broken_off_still_reports(tmp_path: Path) -> None:
    class Stopped(Tiny):
        def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
            if batch_idx == 2:
                raise RuntimeError("stop")

    callback = ProfilingCallback(1, 0, output=str(tmp_path / "rows.jsonl"))
    with pytest.raises(RuntimeError, match="stop"):
        _trainer(callback).fit(Stopped(), _loader(*[(2, 5)] * 4))
    (row,) = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert len(row["latency_ms_samples"]) >= 2


def test_a_step_that_somebody_put_on_the_module_is_used_and_left_there() -> None:
    module, calls = Tiny(), []

    def compiled(batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        calls.append(batch_idx)
        return Tiny.training_step(module, batch, batch_idx)

    object.__setattr__(module, "training_step", compiled)
    _trainer(ProfilingCallback(1, 0)).fit(module, _loader((2, 5), (2, 5)))
    assert calls == [0, 1]
    assert vars(module)["training_step"] is compiled


def test_images_have_an_input_size_and_no_tokens() -> None:
    class Pixels(Tiny):
        def predict_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            return batch[0].mean()

    callback = ProfilingCallback(1, 0)
    images = torch.zeros(2, 3, 32, 48), torch.zeros(2)
    _trainer(callback).predict(Pixels(), DataLoader([images], batch_size=None))  # type: ignore[arg-type]
    (row,) = callback.rows()
    assert (row["batch_size"], row["sequence_length"], row["input_size"]) == (2, None, 48)
    assert row["throughput_tokens_per_s"] is None
    assert row["throughput_samples_per_s"] > 0


def test_throughput_is_size_over_latency() -> None:
    callback = ProfilingCallback(every_n_steps=1, num_warmup_steps=0)
    _trainer(callback).predict(Tiny(), _loader((3, 5), (3, 5)))
    row = callback.rows()[0]
    assert row["throughput_samples_per_s"] == pytest.approx(3 / row["latency_ms"] * 1e3)
    assert row["throughput_tokens_per_s"] == pytest.approx(15 / row["latency_ms"] * 1e3)


def test_rows_go_to_the_file_and_metrics_to_the_logger(tmp_path: Path) -> None:
    output = tmp_path / "made" / "rows.jsonl"
    callback = ProfilingCallback(1, 0, output=str(output))
    logger = CSVLogger(str(tmp_path), flush_logs_every_n_steps=1)
    _trainer(callback, logger=logger).fit(Tiny(), _loader((2, 5), (2, 8)))
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["sequence_length"] for row in rows] == [5, 8]
    found = "kept" if keeps_freed_memory() else "system"
    assert [row["allocator"] for row in rows] == [found] * 2
    header = next(Path(logger.log_dir).glob("metrics.csv")).read_text().splitlines()[0]
    assert "profiling/training/latency_ms" in header
    assert "profiling/training/by_length/latency_ms" in header


def test_the_module_is_left_as_it_was_even_after_a_failure() -> None:
    class Failing(Tiny):
        def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
            raise KeyError("bug")

    module = Failing()
    with pytest.raises(KeyError):
        _trainer(ProfilingCallback(1, 0)).fit(module, _loader((2, 5)))
    assert "training_step" not in vars(module)


def test_training_gives_the_same_weights_with_and_without_it() -> None:
    weights = []
    for callback in (ProfilingCallback(1, 0), ProfilingCallback(100, 50)):
        torch.manual_seed(3)
        module = Tiny()
        _trainer(callback).fit(module, _loader((2, 5), (4, 3), (2, 5)))
        weights.append(torch.cat([parameter.flatten() for parameter in module.parameters()]))
    assert torch.equal(*weights)


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"every_n_steps": 0}, "every_n_steps"), ({"num_warmup_steps": -1}, "num_")],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        ProfilingCallback(**settings)


@pytest.mark.parametrize(
    ("batch", "shape"),
    [
        ({"input_ids": torch.zeros(2, 5)}, (2, 5, None)),
        ({"input_values": torch.zeros(3, 400 + 320 * 6)}, (3, 7, None)),
        ({"pixel_values": torch.zeros(4, 3, 64, 96)}, (4, None, 96)),
        ((torch.zeros(4, 3, 64, 96), torch.zeros(4)), (4, None, 96)),
        ((torch.zeros(5, 8), torch.zeros(5)), (5, 8, None)),
        (torch.zeros(6, 9, 2), (6, 9, None)),
    ],
)
def test_the_length_of_usual_batches_is_known(batch: Any, shape: tuple[int | None, ...]) -> None:
    assert tuple(batch_shape(batch)) == shape


def test_an_unknown_batch_asks_for_shape_of() -> None:
    with pytest.raises(TypeError, match="`shape_of`"):
        batch_shape("text")


def test_a_summary_has_median_and_tenths() -> None:
    summary = summarise("x_ms", [float(value) for value in range(11)])
    assert (summary["x_ms"], summary["x_ms_p10"], summary["x_ms_p90"]) == (5.0, 1.0, 9.0)
    assert summarise("x_ms", [2.0])["x_ms_p90"] == 2.0
