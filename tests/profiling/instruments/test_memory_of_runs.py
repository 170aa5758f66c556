"""The peak of a training run, whether it begins or goes on: the optimiser's state is in it."""

import logging
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch

from lightning_modules.allocator import keep_freed_memory
from profiling.children.server import run_in_child
from profiling.instruments.callback import ProfilingCallback
from profiling.instruments.memory import MIB, return_freed_pages
from profiling.instruments.step_memory import kept_mib
from tests.samples.fitting import TinyTokens, fit, loader, tokens, trainer

WIDTHS = (2048, 4096)
WEIGHTS_MIB = 4 * WIDTHS[0] * WIDTHS[1] / MIB
STATE_MIB = 2 * WEIGHTS_MIB


class Layer(lightning.LightningModule):
    """One large layer, and an optimiser that it keeps from fit to fit."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(*WIDTHS)
        self.kept = torch.optim.Adam(self.parameters())

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return self(batch).square().mean()

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.layer(batch)
        return found

    def configure_optimizers(self) -> Any:
        return self.kept


def batches(count: int) -> list[torch.Tensor]:
    return [torch.ones(3, WIDTHS[0])] * count


def peak_of(callback: ProfilingCallback, phase: str = "training") -> float:
    (row,) = [row for row in callback.rows() if row["phase"] == phase]
    return float(row["peak_memory_mib"])


def begin_and_save(folder: str) -> float:
    return_freed_pages()
    callback = ProfilingCallback(1, 1)
    built = fit(Layer(), batches(2), Path(folder), callbacks=[callback])
    built.save_checkpoint(Path(folder) / "saved.ckpt")
    return peak_of(callback)


def go_on(folder: str) -> float:
    return_freed_pages()
    callback = ProfilingCallback(1, 0)
    built = trainer(Path(folder), max_epochs=2, callbacks=[callback])
    built.fit(Layer(), loader(batches(2)), ckpt_path=Path(folder) / "saved.ckpt")
    assert built.global_step == 4
    return peak_of(callback)


def fit_twice_and_predict(folder: str) -> list[float]:
    return_freed_pages()
    module, peaks = Layer(), []
    for num_warmup_steps in (1, 0):
        callback = ProfilingCallback(1, num_warmup_steps)
        built = fit(module, batches(2), Path(folder), callbacks=[callback])
        peaks.append(peak_of(callback))
    built.predict(module, loader(batches(2)))
    return [*peaks, peak_of(callback, "inference")]


class Said(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def fit_and_predict_with_freed_memory_kept(folder: str) -> tuple[bool, list[Any], list[str]]:
    kept, said = keep_freed_memory(), Said()
    logging.getLogger("profiling.callback").addHandler(said)
    callback = ProfilingCallback(1, 0)
    long_first = [tokens(3, 2000), tokens(3, 5)]
    built = fit(TinyTokens(), long_first, Path(folder), callbacks=[callback])
    built.predict(built.lightning_module, loader(long_first))
    peaks = [(row["phase"], row["peak_memory_mib"]) for row in callback.rows()]
    return kept, peaks, said.lines


def in_child(server: ForkServerContext, work: Any, folder: Path) -> Any:
    outcome = run_in_child(server, f"{__name__}:{work.__name__}", str(folder), 100)
    assert outcome.kind == "ok", outcome
    return outcome.value


def test_a_run_that_goes_on_has_the_peak_of_one_that_begins(
    server: ForkServerContext, tmp_path: Path
) -> None:
    fresh = in_child(server, begin_and_save, tmp_path)
    assert fresh > WEIGHTS_MIB + STATE_MIB
    assert in_child(server, go_on, tmp_path) == pytest.approx(fresh, abs=6)


def test_a_second_fit_with_the_same_optimiser_has_the_same_peak_and_predictions_have_no_state(
    server: ForkServerContext, tmp_path: Path
) -> None:
    first, second, predicted = in_child(server, fit_twice_and_predict, tmp_path)
    assert second == pytest.approx(first, abs=6)
    assert predicted == pytest.approx(WEIGHTS_MIB, abs=6)


def test_a_process_that_keeps_what_it_frees_has_no_peaks_and_that_is_said_once(
    server: ForkServerContext, tmp_path: Path
) -> None:
    kept, peaks, said = in_child(server, fit_and_predict_with_freed_memory_kept, tmp_path)
    if not kept:
        pytest.skip("this C library keeps no freed memory")
    assert peaks == [("inference", None)] * 2 + [("training", None)] * 2
    (sentence,) = said
    assert "leaves out peaks of memory: this process keeps the memory that it frees" in sentence


def test_state_and_gradients_count_once_wherever_an_optimiser_keeps_them() -> None:
    module = TinyTokens()
    weights = module.head.weight
    weights.grad = torch.ones_like(weights)
    other = torch.ones(7)
    optimizer = torch.optim.SGD(module.parameters())
    optimizer.state[weights] = {"step": 3, "old": [other, (other, weights)], "seen": weights.grad}
    elsewhere = torch.optim.SGD([weights])
    elsewhere.state[weights] = {"there": torch.ones(100, device="meta"), "again": other}
    found = kept_mib(module, [optimizer, elsewhere, object()], "cpu")
    assert found * MIB == other.nbytes + weights.nbytes
