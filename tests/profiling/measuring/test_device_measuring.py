"""What measures, on a GPU: memory of a known size, the clock, rows of a sweep, its limits."""

from typing import Any

import lightning
import pytest
import torch
from torch.utils.data import DataLoader

from profiling.commands.sweep import sweep
from profiling.instruments.callback import ProfilingCallback
from profiling.instruments.memory import MIB, PeakMemory, return_freed_pages
from profiling.measuring.costs import count_costs
from profiling.measuring.tasks import describe_cuda, free_cuda_gib
from profiling.planning.settings import ModalitySettings, SweepSettings
from tests.samples.sweeps import FAST, rows_in
from tests.samples.variants.costs import point_of

KNOWN_MIB = 64


@pytest.mark.gpu
def test_a_tensor_of_known_size_is_measured_as_that():
    return_freed_pages()
    torch.zeros(1, device="cuda")
    memory = PeakMemory("cuda")
    kept = torch.zeros(KNOWN_MIB * MIB // 4, device="cuda")
    memory.loaded()
    memory.reset()
    freed = torch.zeros(KNOWN_MIB * MIB // 2, device="cuda")
    del freed
    assert memory.weights_mib == pytest.approx(KNOWN_MIB, abs=2)
    assert memory.read() == pytest.approx(3 * KNOWN_MIB, abs=4)
    del kept


class Products(lightning.LightningModule):
    """Multiplies for some milliseconds, and times that with events of its own."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(2048, 2048) / 45)
        self.events = []

    def predict_step(self, batch, batch_idx):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(40):
            batch = batch @ self.weight
        end.record()
        self.events.append((begin, end))
        return batch


@pytest.mark.gpu
def test_the_callbacks_clock_agrees_with_events_of_the_device():
    callback, module = ProfilingCallback(every_n_steps=1, num_warmup_steps=2), Products()
    inputs: Any = [torch.randn(2048, 2048) for _ in range(8)]
    batches: DataLoader[Any] = DataLoader(inputs, batch_size=None)
    trainer = lightning.Trainer(
        accelerator="gpu",
        devices=1,
        callbacks=[callback],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.predict(module, batches, return_predictions=False)
    torch.cuda.synchronize()
    by_events = [begin.elapsed_time(end) for begin, end in module.events][2:]
    by_clock = [sample.latency_ms for sample in callback.samples]
    assert len(by_clock) == len(by_events)
    for clock, events in zip(by_clock, by_events, strict=True):
        assert 0.99 * events <= clock <= 1.1 * events + 2.0  # hooks of the trainer and launches


def settings_of(**more):
    text = ModalitySettings(variants=["bert", "local_bert"], lengths=[48])
    fixed: dict[str, Any] = {
        "device": "cuda",
        "modalities": {"text": text},
        "metrics": ["latency", "memory"],
    }
    settings: dict[str, Any] = FAST | fixed | {"phases": ["inference", "training"]} | more
    return SweepSettings(**settings)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["32-true", "bf16-true", "16-mixed"])
def test_a_sweep_measures_time_and_memory_on_a_gpu(tmp_path, precision):
    kernels = ["sdpa", "local_blocked"]
    sweep(settings_of(precision=precision, implementations=kernels), tmp_path)
    rows = rows_in(tmp_path)
    assert len(rows) == 4
    assert {(row["status"], row["error"]) for row in rows} == {("ok", None)}
    assert {(row["device"], row["precision"]) for row in rows} == {("cuda", precision)}
    assert all(row["latency_ms"] > 0 for row in rows)
    assert all(row["peak_memory_mib"] > row["memory_above_weights_mib"] > 0 for row in rows)


@pytest.mark.gpu
def test_what_does_not_fit_is_a_row_and_the_next_measurement_is_whole(tmp_path):
    lengths = [40, 12_000]  # whose scores take 1.1 GiB
    text = ModalitySettings(variants=["bert"], lengths=lengths)
    chosen = {"modalities": {"text": text}, "implementations": ["eager"], "visits": 2}
    limits = {"memory_budget_gib": 0.6, "phases": ["inference"], "metrics": ["latency"]}
    sweep(settings_of(**chosen, **limits), tmp_path)
    found = [(row["sequence_length"], row["status"]) for row in rows_in(tmp_path)]
    assert sorted(found) == sorted([(40, "ok"), (12_000, "oom")] * 2)
    after = found.index((12_000, "oom")) + 1
    assert (40, "ok") in found[after:]


@pytest.mark.gpu
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_a_gpu_counts_as_a_cpu_does(implementation: str) -> None:
    point = point_of("text", "bert", implementation, "training")
    on_gpu = point_of("text", "bert", implementation, "training", device="cuda")
    assert count_costs(on_gpu).flops == pytest.approx(count_costs(point).flops)


@pytest.mark.gpu
def test_the_device_says_what_is_free_and_whether_others_may_come_in():
    found = describe_cuda()
    assert 0 < free_cuda_gib() <= found["memory_gib"]
    assert isinstance(found["is_exclusive"], bool)
