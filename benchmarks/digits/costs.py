"""Time and memory of a training step of the models of the spoken digits, with every window."""

from typing import Any

from benchmarks.digits.configurations import CONFIGS
from benchmarks.digits.context.stages import MODELS
from datamodules.geometry import frames_for_samples, samples_for_seconds
from profiling.children.server import run_in_child, start_server

SECONDS = (8, 32)  # of one utterance
NUM_STEPS = 12
TIMEOUT_S = 600.0


def measure_step(task: tuple[dict[str, Any], int]) -> dict[str, float]:
    """Train on one made-up utterance in a fresh process, on one thread."""
    import lightning
    import torch
    import yaml
    from torch.utils.data import DataLoader

    from lightning_modules.speech.masked_prediction import MaskedPrediction
    from profiling.instruments.callback import ProfilingCallback

    settings, seconds = task
    torch.set_num_threads(1)
    config = yaml.safe_load((CONFIGS / "digits_pretrain.yaml").read_text())
    given = config["model"]["init_args"] | settings
    module = MaskedPrediction(**given, num_classes=100)
    samples = samples_for_seconds(seconds)
    frames = frames_for_samples(samples)
    hidden = torch.arange(frames) % 25 < 10
    batch = {
        "input_values": torch.randn(1, samples) / 10,
        "mask_time_indices": hidden[None],
        "labels": torch.randint(100, (1, frames)),
        "index": torch.zeros(1, dtype=torch.long),
    }
    callback = ProfilingCallback(every_n_steps=1, num_warmup_steps=3)
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_steps=NUM_STEPS,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[callback],
    )
    batches = DataLoader[Any]([batch] * NUM_STEPS, batch_size=None)  # type: ignore[arg-type]
    trainer.fit(module, batches)
    (row,) = callback.rows()
    return {"ms": row["latency_ms"], "mib": row["peak_memory_mib"]}


def cost_table() -> str:
    """Measure every model at every length in a process of its own; return a table in Markdown."""
    server = start_server()
    header = [f"{seconds} s, {unit}" for seconds in SECONDS for unit in ("ms", "peak MiB")]
    lines = [f"| model | {' | '.join(header)} |", "|---" * (len(header) + 1) + "|"]
    for model in MODELS:
        cells = []
        for seconds in SECONDS:
            task = (model.settings, seconds)
            outcome = run_in_child(server, f"{__name__}:measure_step", task, TIMEOUT_S)
            found = outcome.value if outcome.kind == "ok" else {}
            cells += [f"{found[unit]:,.0f}" if unit in found else "" for unit in ("ms", "mib")]
        lines.append(f"| {model.name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
