"""From operations of a step to hours of a GPU: recipes, peaks, published hours. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass

FRAMES = 615  # of the mean utterance of LibriSpeech, 12.3 s
UTTERANCE_S = FRAMES / 50
HOUR_S = 3600


@dataclass(frozen=True)
class Recipe:
    """A training run.

    Args:
        name: What it is.
        task: "pretraining" or "ctc".
        steps: Optimiser steps.
        audio_s: Seconds of audio of a step, of all GPUs together.
        frozen_steps: In which only the head learns, so that a step is little more than a forward.
    """

    name: str
    task: str
    steps: int
    audio_s: float
    frozen_steps: int = 0

    def flops(self, counts: Mapping[str, float]) -> float:
        """Return the operations of the whole run.

        Args:
            counts: Of one utterance of `FRAMES` frames: `forward`, and `step` with the way back.
        """
        of_steps = self.frozen_steps * counts["forward"]
        of_steps += (self.steps - self.frozen_steps) * counts["step"]
        return of_steps * self.audio_s / UTTERANCE_S


# Steps and seconds as in configs/train/lhubert_pretrain_base.yaml, which is the first iteration,
# and lhubert_ctc.yaml. They have them from fairseq's and torchaudio's recipes.
RECIPES = (
    Recipe("pre-training, first iteration", "pretraining", 250_000, 2_800),
    Recipe("pre-training, second iteration", "pretraining", 400_000, 2_800),
    Recipe("fine-tuning on 10 hours", "ctc", 25_000, 200, 10_000),
    Recipe("fine-tuning on 100 hours", "ctc", 80_000, 1_600, 10_000),
)


@dataclass(frozen=True)
class Gpu:
    """A GPU: half-precision operations per second of dense products, by NVIDIA's data sheet."""

    name: str
    peak_flops: float


GPUS = (Gpu("V100", 125e12), Gpu("A100", 312e12), Gpu("H100", 989e12))
UTILISATIONS = (0.1, 0.2, 0.4)


@dataclass(frozen=True)
class Published:
    """Hours that somebody published.

    Args:
        what: Who, and of what.
        gpus: How many.
        gpu: Which; a key of `GPUS`.
        hours: Of the run.
        source: Where it says so.
        recipes: Indices of `RECIPES` that it may be; none where another model was trained.
    """

    what: str
    gpus: int
    gpu: str
    hours: float
    source: str
    recipes: tuple[int, ...] = ()

    @property
    def gpu_hours(self) -> float:
        """Of all GPUs together."""
        return self.gpus * self.hours


PUBLISHED = (
    Published("ESPnet, an iteration", 32, "V100", 7 * 24, "espnet#3911", (0, 1)),
    Published("Fast-HuBERT, all", 8, "V100", 1.1 * 24, "arXiv 2309.13860"),
)


def find_gpu(name: str) -> Gpu:
    """Look a GPU up by its name."""
    return next(gpu for gpu in GPUS if gpu.name.lower() == name.lower())


def gpu_hours(flops: float, gpu: Gpu, utilisation: float) -> float:
    """Return the hours of one GPU that so many operations take.

    Args:
        flops: Operations.
        gpu: Which.
        utilisation: Share of its peak that is reached, above zero.
    """
    return flops / (gpu.peak_flops * utilisation) / HOUR_S


def utilisation(flops: float, gpu: Gpu, hours: float) -> float:
    """Return the share of its peak that one GPU reached that took so many hours."""
    return flops / (gpu.peak_flops * hours * HOUR_S)


def measured_hours(
    recipe: Recipe, audio_s_per_s: float, counts: Mapping[str, Mapping[str, float]]
) -> float:
    """Return the hours of a run on the GPUs on which pre-training was measured.

    Fine-tuning is taken to be faster by what it computes less.

    Args:
        recipe: The run.
        audio_s_per_s: Seconds of audio that pre-training takes per second, on all GPUs together.
        counts: By task, operations of one utterance.
    """
    of_step = counts["pretraining"]["step"] / UTTERANCE_S * audio_s_per_s  # per second
    return recipe.flops(counts[recipe.task]) / of_step / HOUR_S
