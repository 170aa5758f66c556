"""A tiny model of each modality learns, through a plain Trainer, data made on the spot."""

import math

import lightning
import pytest
import torch
from torch.utils.data import DataLoader

from lightning_modules.variants import build_module

MASK_ID = 1


def _text(generator):
    """Tokens of one topic each, four topics of three tokens; a third is masked."""
    topics = torch.randint(0, 4, (1,), generator=generator)
    ids = 2 + 3 * topics + torch.randint(0, 3, (24,), generator=generator)
    is_masked = torch.rand(24, generator=generator) < 0.3
    is_masked[0] = True
    return {
        "input_ids": ids.masked_fill(is_masked, MASK_ID),
        "labels": ids.masked_fill(~is_masked, -100),
    }


def _speech(generator):
    """Two of four tones in a clip of 20 frames; a span inside each half is masked."""
    tones = torch.randint(0, 4, (2,), generator=generator)
    samples = 400 + 320 * 19
    phase = torch.cumsum(300.0 * (1 + tones.repeat_interleave(samples // 2)) / 16000, 0)
    is_masked = torch.zeros(20, dtype=torch.bool)
    is_masked[[2, 3, 4, 5, 13, 14, 15, 16]] = True
    return {
        "input_values": torch.sin(2 * math.pi * phase),
        "labels": tones.repeat_interleave(10),
        "mask_time_indices": is_masked,
    }


def _vision(generator):
    """Gratings of two orientations at a random phase, with noise."""
    label = torch.randint(0, 2, (), generator=generator)
    phase = 6.28 * torch.rand(1, generator=generator)
    wave = torch.sin(torch.arange(32.0) * 0.8 + phase).expand(3, 32, 32)
    image = wave if label else wave.transpose(1, 2)
    return {
        "pixel_values": image + 0.3 * torch.randn(3, 32, 32, generator=generator),
        "labels": label,
    }


# The loss of guessing is that of the best answer without looking at the input.
RECIPES = {
    "text": (_text, {"num_classes": 14, "max_length": 24}, math.log(12)),
    "speech": (_speech, {"num_classes": 4}, math.log(4)),
    "vision": (_vision, {"num_classes": 2, "max_length": 32, "lr": 3e-4}, math.log(2)),
}
NUM_STEPS, BATCH_SIZE = 32, 8


@pytest.mark.parametrize(
    ("modality", "variant", "more"),
    [
        ("text", "bert", {}),
        ("text", "local_bert", {"attention_window": 10}),
        ("speech", "hubert", {}),
        ("speech", "lhubert", {"attention_window": 10}),
        ("vision", "vit", {}),
    ],
)
def test_loss_falls_below_that_of_guessing(modality, variant, more, tmp_path):
    lightning.seed_everything(0)
    make, settings, guessing = RECIPES[modality]
    generator = torch.Generator().manual_seed(0)
    samples = [make(generator) for _ in range(BATCH_SIZE * NUM_STEPS)]
    held_out = [make(generator) for _ in range(32)]
    module = build_module(modality, variant, size="tiny", **settings, **more)
    trainer = lightning.Trainer(
        max_steps=NUM_STEPS,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(module, DataLoader(samples, batch_size=BATCH_SIZE))
    assert trainer.callback_metrics["train_loss"].isfinite()
    [metrics] = trainer.test(module, DataLoader(held_out, batch_size=32), verbose=False)
    assert metrics["test_loss"] < 0.75 * guessing
    assert len(trainer.predict(module, DataLoader(held_out, batch_size=32))) == 1
