"""Utterances to spell, and a small model that learns to."""

from typing import Any

import torch

from datamodules.utterances.alphabet import spell
from lightning_modules.speech.ctc import CtcModule
from tests.samples.recordings.speech import NO_DROPOUT, TINY
from tests.samples.variants.hubert import samples_of, waveform

FRAMES = 40
STILL = TINY | NO_DROPOUT | {"final_dropout": 0.0, "mask_feature_prob": 0.0}
TEXTS = ("AB", "IT'S ME", "A B C", "ZZ", "HELLO", "ON", "NO NO", "X", "YES", "OK")


def module(variant: str = "lhubert", **given: Any) -> CtcModule:
    """Build one that is random for nothing but its weights."""
    torch.manual_seed(0)
    window = {"attention_window": 8} if variant == "lhubert" else {}
    chosen = {"lr": 0.003, "num_warmup_steps": 0, "freeze_encoder_steps": 0} | window | given
    return CtcModule(
        variant=variant, **(chosen | {"model_fields": STILL | given.get("model_fields", {})})
    )


def utterances(count: int, padded: bool = False) -> dict[str, torch.Tensor]:
    """Return utterances with their transcripts; with `padded`, each is shorter than the last."""
    spelled = [torch.tensor(spell(text)) for text in TEXTS[:count]]
    batch = {
        "input_values": waveform(FRAMES, count),
        "labels": torch.nn.utils.rnn.pad_sequence(spelled, True, -100),
        "index": torch.arange(count),
    }
    if padded:
        real = torch.tensor([samples_of(FRAMES - 3 * index) for index in range(count)])
        is_real = torch.arange(batch["input_values"].shape[1]) < real[:, None]
        batch["input_values"] = batch["input_values"] * is_real
        batch["attention_mask"] = is_real.long()
    return batch


def batches(count: int, size: int) -> list[dict[str, torch.Tensor]]:
    """Return so many utterances in batches of a size."""
    whole = utterances(count)
    return [
        {name: value[first : first + size] for name, value in whole.items()}
        for first in range(0, count, size)
    ]


def slow_decode(path: Any) -> list[int]:
    """Merge what repeats, then drop blanks, symbol by symbol."""
    found, last = [], None
    for symbol in path:
        if symbol not in (last, 0):
            found.append(symbol)
        last = symbol
    return found
