"""Pictures of training on speech, for TensorBoard: what was heard, masked and predicted."""

from typing import Any

import lightning
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from lightning_modules.lhubert.features import SAMPLE_RATE_HZ

FRAME_SECONDS = 0.02
FFT_SAMPLES = 400
LONGEST_SECONDS = 8.0  # what can be made out in one picture


def tensorboards(module: lightning.LightningModule) -> list[Any]:
    """Return the writers of the TensorBoard loggers, in the first process only."""
    trainer = module.trainer
    if not trainer.is_global_zero:
        return []
    return [
        logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)
    ]


def log_masked_prediction(
    module: lightning.LightningModule, batch: dict[str, Tensor], logits: Tensor
) -> None:
    """Show the first utterance of a batch: its sound, what was masked, labels and predictions.

    Args:
        module: Whose loggers to write to.
        batch: `input_values` (batch, samples), `mask_time_indices` and `labels` (batch, frames).
        logits: (batch, frames, clusters).
    """
    writers = tensorboards(module)
    if not writers:
        return
    frames = int(LONGEST_SECONDS / FRAME_SECONDS)
    samples = batch["input_values"][0, : int(LONGEST_SECONDS * SAMPLE_RATE_HZ)].float().cpu()
    masked = batch["mask_time_indices"][0, :frames].cpu()
    labels = batch["labels"][0, :frames].cpu()
    predicted = logits[0, :frames].argmax(-1).cpu()
    for writer in writers:
        figure = draw_masked_prediction(samples, masked, labels, predicted)
        writer.add_figure("masked_prediction", figure, module.global_step)
        peak = samples.abs().max().clamp(min=1e-6)
        writer.add_audio("audio", samples / peak, module.global_step, SAMPLE_RATE_HZ)


def draw_masked_prediction(
    samples: Tensor, masked: Tensor, labels: Tensor, predicted: Tensor
) -> Any:
    """Draw a spectrogram with the masked spans, over labels and predictions as strips of colour.

    Args:
        samples: (samples,) at 16 kHz.
        masked: (frames,) bool.
        labels: (frames,) int64.
        predicted: (frames,) int64.
    """
    from matplotlib.figure import Figure

    seconds = len(samples) / SAMPLE_RATE_HZ
    window = torch.hann_window(FFT_SAMPLES)
    spectrum = torch.stft(
        samples, FFT_SAMPLES, FFT_SAMPLES // 2, window=window, return_complex=True
    ).abs()
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    heights = {"height_ratios": [5, 1]}
    above, below = figure.subplots(2, 1, sharex=True, gridspec_kw=heights)
    extent = (0.0, seconds, 0.0, SAMPLE_RATE_HZ / 2000)
    decibels = 20 * (spectrum + 1e-5).log10()
    above.imshow(
        decibels.numpy(),
        origin="lower",
        aspect="auto",
        extent=extent,
        cmap="gray_r",
        vmin=float(decibels.max()) - 80,
    )
    for begin, end in _spans(masked):
        above.axvspan(begin * FRAME_SECONDS, end * FRAME_SECONDS, color="tab:orange", alpha=0.35)
    right = float((predicted == labels)[masked].float().mean()) if bool(masked.any()) else 0.0
    above.set(ylabel="kHz", title=f"masked frames (orange); {right:.0%} of them predicted right")
    rows = torch.stack([labels, predicted])
    strip = (0.0, len(labels) * FRAME_SECONDS, 0.0, 2.0)
    below.imshow(
        rows.numpy(), aspect="auto", extent=strip, cmap="nipy_spectral", interpolation="nearest"
    )
    below.set(yticks=[1.5, 0.5], yticklabels=["label", "predicted"], xlabel="seconds")
    return figure


def _spans(masked: Tensor) -> list[tuple[int, int]]:
    """Return begin and end of every run of masked frames."""
    edges = torch.diff(masked.int(), prepend=torch.zeros(1), append=torch.zeros(1))
    begins, ends = (edges > 0).nonzero().flatten(), (edges < 0).nonzero().flatten()
    return list(zip(begins.tolist(), ends.tolist(), strict=True))
