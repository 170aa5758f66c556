"""Tiny models and batches of every variant."""

import torch

from lightning_modules.kernel_limits import KernelUse, limit_of
from lightning_modules.variants import VARIANTS, build_module, find_variant

NUM_CLASSES = {"text": 40, "speech": 7, "vision": 3}
WINDOW = 16
VARIANT_CASES = [(modality, name) for modality in VARIANTS for name in VARIANTS[modality]]


def implementations_here(modality, variant):
    """Name those that run on a CPU in both phases."""
    use = KernelUse("cpu", is_half=False, needs_gradients=True, has_dropout=False)
    names = find_variant(modality, variant).implementations
    return [name for name in names if limit_of(name, use) is None]


CASES = [
    (modality, name, implementation)
    for modality, name in VARIANT_CASES
    for implementation in implementations_here(modality, name)
]
TEXT = sorted(VARIANTS["text"])


def build(modality, variant, **settings):
    torch.manual_seed(0)
    entry = find_variant(modality, variant)
    if entry.takes_window:
        settings.setdefault("attention_window", WINDOW)
    settings.setdefault("max_length", 800 if variant == "bigbird" else 160)
    return build_module(modality, variant, num_classes=NUM_CLASSES[modality], **settings)


def batch_of(modality, length, batch_size=2):
    generator = torch.Generator().manual_seed(length)
    if modality == "text":
        ids = torch.randint(5, 40, (batch_size, length), generator=generator)
        return {"input_ids": ids, "labels": ids.roll(1, 1)}
    if modality == "speech":
        samples = torch.randn(batch_size, 400 + 320 * (length - 1), generator=generator)
        is_masked = torch.rand(batch_size, length, generator=generator) < 0.4
        is_masked[:, 0] = True
        labels = torch.randint(0, 7, (batch_size, length), generator=generator)
        return {"input_values": samples, "mask_time_indices": is_masked, "labels": labels}
    pixels = torch.randn(batch_size, 3, length, length, generator=generator)
    return {"pixel_values": pixels, "labels": torch.arange(batch_size)}


@torch.no_grad()
def predict(module, batch):
    return module.eval().predict_step(batch, 0)


def with_same_weights(modality, first, *others):
    modules = [build(modality, **first), *(build(modality, **other) for other in others)]
    for module in modules[1:]:
        module.load_state_dict(modules[0].state_dict())
    return modules
