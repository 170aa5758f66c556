"""A callback that only watches neither ends a run nor changes it."""

import copy
import logging
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger, Logger

from profiling.callback import ProfilingCallback
from profiling.instruments.batch_shapes import BatchShape
from profiling.instruments.going_on import GoingOn
from profiling.instruments.listening import listen
from profiling.instruments.memory import MIB, PeakMemory
from profiling.instruments.step_memory import StepMemory
from tests.samples.fitting import TinyTokens, fit, predict, tokens


class WithoutIndex(TinyTokens):
    def training_step(self, batch: Any) -> Any:  # type: ignore[override]
        return self.loss(batch)

    def predict_step(self, batch: Any) -> Any:  # type: ignore[override]
        return self.loss(batch)


def test_steps_without_an_index_of_the_batch_are_measured(tmp_path: Path) -> None:
    callback = ProfilingCallback(1, 0)
    fit(WithoutIndex(), [tokens(2, 5)], tmp_path, callbacks=[callback])
    predict(WithoutIndex(), [tokens(3, 5)], tmp_path, callbacks=[callback])
    found = [(row["phase"], row["batch_size"]) for row in callback.rows()]
    assert found == [("inference", 3), ("training", 2)]


class CopiesAndSaves(lightning.Callback):
    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        copied = copy.deepcopy(pl_module)
        for parameter in copied.parameters():
            parameter.data.zero_()
        self.losses.append(copied.training_step(tokens(2, 5), 0).item())
        restored = pickle.loads(pickle.dumps(pl_module))
        assert restored.training_step(tokens(2, 5), 0) == pl_module.training_step(tokens(2, 5), 0)


def test_a_module_can_be_copied_and_saved_while_it_is_measured(tmp_path: Path) -> None:
    copies = CopiesAndSaves()
    fit(TinyTokens(), [tokens(2, 5)] * 2, tmp_path, callbacks=[ProfilingCallback(1, 0), copies])
    assert copies.losses == [0.0, 0.0]


def test_two_callbacks_leave_module_strategy_and_optimizer_as_they_were(tmp_path: Path) -> None:
    module, callbacks = TinyTokens(), [ProfilingCallback(1, 0), ProfilingCallback(2, 0)]
    before = set(vars(module))
    trainer = fit(module, [tokens(2, 5)] * 4, tmp_path, callbacks=callbacks)
    assert {"training_step", "predict_step"}.isdisjoint({*vars(module), *vars(trainer.strategy)})
    assert set(vars(module)) >= before
    assert [len(callback.samples) for callback in callbacks] == [4, 2]
    assert not trainer.optimizers[0]._optimizer_step_post_hooks
    pickle.dumps(module)


class Owner:
    def work(self, number: int) -> int:
        return 2 * number


@pytest.mark.parametrize("seed", range(5))
def test_listeners_stop_in_any_order_and_leave_nothing(seed: int) -> None:
    owner, heard = Owner(), [0] * 4

    def hears(place: int) -> Callable[[str, tuple[Any, ...]], None]:
        def hear(moment: str, args: tuple[Any, ...]) -> None:
            assert args == (7,)
            heard[place] += moment == "end"

        return hear

    stops = [listen(owner, "work", hears(place)) for place in range(4)]
    assert owner.work(7) == 14
    order = random.Random(seed).sample(range(4), 4)
    for place in order:
        stops[place]()
        owner.work(7)
    assert [heard[place] for place in order] == [1, 2, 3, 4]
    assert vars(owner) == {}


def test_what_somebody_puts_over_a_method_that_is_heard_stays_there() -> None:
    owner = Owner()
    stop = listen(owner, "work", lambda *_: None)
    inner = owner.work
    vars(owner)["work"] = lambda number: inner(number) + 1
    stop()
    assert owner.work(7) == 15


UNKNOWN_BATCHES: list[Any] = [{"x": torch.zeros(2, 6)}, {"input_ids": torch.zeros(0, 4).long()}]


@pytest.mark.parametrize("batch", UNKNOWN_BATCHES)
def test_an_unknown_batch_is_measured_without_its_shape_and_said_once(
    batch: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class AnyBatch(TinyTokens):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return self.loss({})

    logger = CSVLogger(str(tmp_path))
    callback = ProfilingCallback(1, 1)
    trainer = fit(
        AnyBatch(), [batch] * 6, tmp_path, callbacks=[callback], logger=logger, log_every_n_steps=1
    )
    assert trainer.global_step == 6
    (row,) = callback.rows()
    assert row["batch_size"] is row["sequence_length"] is row["throughput_samples_per_s"] is None
    assert len(row["latency_ms_samples"]) == 5
    (said,) = [record.getMessage() for record in caplog.records if "leaves out" in record.msg]
    assert next(iter(batch)) in said
    assert "`shape_of`" in said


@pytest.mark.parametrize("answer", [None, "text", ValueError("bug")])
def test_a_shape_of_that_fails_ends_no_run(answer: Any, tmp_path: Path) -> None:
    def shape_of(batch: Any) -> BatchShape:
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    callback = ProfilingCallback(1, 0, shape_of=shape_of)
    fit(TinyTokens(), [tokens(2, 5)] * 3, tmp_path, callbacks=[callback])
    assert [sample.shape.batch_size for sample in callback.samples] == [None] * 3


def test_a_step_that_empties_its_batch_is_measured_with_the_shape_it_had(tmp_path: Path) -> None:
    class Empties(TinyTokens):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return self.loss({"input_ids": batch.pop("input_ids")})

    callback = ProfilingCallback(1, 0)
    fit(Empties(), [tokens(2, 5)], tmp_path, callbacks=[callback])
    assert callback.samples[0].shape == BatchShape(2, 5)


class FailingLogger(Logger):
    name, version = "failing", 0  # type: ignore[assignment]

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        pass

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        raise OSError("no network")


def test_nothing_that_cannot_be_written_ends_a_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    callback = ProfilingCallback(1, 0, output=str(tmp_path / "taken" / "rows.jsonl"))
    with caplog.at_level(logging.WARNING):
        fit(
            TinyTokens(),
            [tokens(2, 5)] * 3,
            tmp_path,
            callbacks=[callback],
            logger=FailingLogger(),
            log_every_n_steps=1,
        )
    said = [record.getMessage() for record in caplog.records if "leaves out" in record.msg]
    assert len(said) == 2
    assert "no network" in said[0]
    assert "`output`" in said[1]


def test_a_peak_that_cannot_be_read_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise PermissionError("clear_refs")

    monkeypatch.setattr("profiling.instruments.step_memory.supports_peak", lambda device: True)
    monkeypatch.setattr("profiling.instruments.memory.reset_peak", refuse)
    callback = ProfilingCallback(1, 0)
    trainer = fit(TinyTokens(), [tokens(2, 5)] * 3, tmp_path, callbacks=[callback])
    assert trainer.global_step == 3
    assert callback.rows()[0]["peak_memory_mib"] is None


def test_metrics_of_a_batch_are_logged_at_the_step_of_lightnings_own(tmp_path: Path) -> None:
    logged: list[tuple[int | None, set[str]]] = []

    class Recording(CSVLogger):
        def log_metrics(self, metrics: Any, step: int | None = None) -> None:
            logged.append((step, set(metrics)))

    class Logs(TinyTokens):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            self.log("loss", loss := self.loss(batch))
            return loss

    settings: dict[str, Any] = {"log_every_n_steps": 1, "accumulate_grad_batches": 2}
    callbacks = [ProfilingCallback(1, 0)]
    logger = Recording(str(tmp_path))
    fit(Logs(), [tokens(2, 5)] * 6, tmp_path, callbacks=callbacks, logger=logger, **settings)
    own = [step for step, names in logged if "loss" in names]
    ours = [step for step, names in logged if "profiling/training/latency_ms" in names]
    assert ours == [0, 0, 1, 1, 2, 2]
    assert set(own) <= set(ours)


class Sized(TinyTokens):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.weights = torch.nn.Parameter(torch.zeros(size))

    def loss(self, batch: Any) -> torch.Tensor:
        return super().loss(batch) + self.weights.square().mean()


def test_every_fit_begins_its_own_baseline_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is resident is set by hand, because the C library may keep what was freed."""
    resident = iter([100.0, 900.0])
    monkeypatch.setattr("profiling.instruments.step_memory.supports_peak", lambda device: True)
    monkeypatch.setattr("profiling.instruments.memory.resident_mib", lambda: next(resident))
    monkeypatch.setattr("profiling.instruments.memory.reset_peak", lambda: None)
    monkeypatch.setattr("profiling.instruments.memory.peak_mib", lambda: 1000.0)
    callback, peaks = ProfilingCallback(1, 0), []
    for size in (2 * 2**18, 3 * 2**18):  # 2 and 3 MiB
        fit(Sized(size), [tokens(2, 5)], tmp_path, callbacks=[callback])
        peaks.append(callback.rows()[0]["peak_memory_mib"])
    assert peaks == pytest.approx([902.0, 103.0], abs=0.01)


class OnCuda(TinyTokens):
    """Says that it is there."""

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return torch.device("cuda")


class PeakOfCuda:
    """The allocator of a GPU, whose peak belongs to the process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.peak_mib = 40.0
        monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: 5 * MIB)
        monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: self.peak_mib * MIB)
        monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", self._reset)

    def _reset(self) -> None:
        self.peak_mib = 20.0


def test_the_peak_of_a_cuda_process_is_left_to_it_and_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cuda, memory = PeakOfCuda(monkeypatch), StepMemory(None, GoingOn())
    for _ in range(2):
        memory.begin(OnCuda(), [])
        memory.reset()
        assert memory.read() is None
    assert cuda.peak_mib == 40
    (said,) = [record.getMessage() for record in caplog.records]
    assert 'give the callback `memory=PeakMemory("cuda")`' in said


def test_who_asks_for_peaks_on_cuda_has_that_of_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = PeakOfCuda(monkeypatch)
    memory = StepMemory(PeakMemory("cuda"), GoingOn())
    memory.begin(OnCuda(), [])
    memory.reset()
    assert memory.read() == cuda.peak_mib - 5 == 15
