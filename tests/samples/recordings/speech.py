"""Speech-like sounds made on the spot, their labels, and a small model to train on them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

NUM_CLUSTERS = 7
TINY: dict[str, Any] = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 40,
    "conv_dim": [12] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 3,
}
# Groups of eight channels are computed wrongly in bfloat16 on some CPUs; a model of one group is
# right on all (`lightning_modules.reduced_precision`).
RIGHT_IN_BFLOAT16 = {"num_conv_pos_embedding_groups": 1}
NO_DROPOUT = {
    "hidden_dropout": 0.0,
    "activation_dropout": 0.0,
    "attention_dropout": 0.0,
    "feat_proj_dropout": 0.0,
    "layerdrop": 0.0,
}


def write_sound(path: Path, num_samples: int, seed: int = 0, rate_hz: int = 16_000) -> None:
    """Write tones that change every 100 ms, with some noise."""
    random = np.random.default_rng(seed)
    hertz = np.repeat(random.uniform(200, 2000, num_samples // 1600 + 1), 1600)[:num_samples]
    sound = 0.4 * np.sin(2 * np.pi * np.cumsum(hertz) / rate_hz)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound + 0.02 * random.standard_normal(num_samples), rate_hz)


def write_sounds(folder: Path, count: int = 12) -> dict[str, int]:
    """Write recordings of different lengths, some 0.5 s; return the samples of each by name."""
    samples = {f"{index:02d}.wav": 8_000 + 397 * (index * 5 % count) for index in range(count)}
    for seed, (name, num_samples) in enumerate(samples.items()):
        write_sound(folder / name, num_samples, seed)
    return samples


def write_labels(folder: Path, samples: dict[str, int], rate_hz: int = 50, **facts: Any) -> None:
    """Write a label folder by hand; frame j of recording n has the label (j + n) % clusters."""
    folder.mkdir(parents=True, exist_ok=True)
    hop = 16_000 // rate_hz
    counts = [(num_samples - 400) // hop + 1 for num_samples in samples.values()]
    lines = [
        " ".join(str((frame + number) % NUM_CLUSTERS) for frame in range(count))
        for number, count in enumerate(counts)
    ]
    names = [f"{name}\t{count}\n" for name, count in zip(samples, counts, strict=True)]
    (folder / "labels.tsv").write_text("".join(names))
    (folder / "labels.km").write_text("".join(f"{line}\n" for line in lines))
    stated = {"num_clusters": NUM_CLUSTERS, "rate_hz": rate_hz, "centroids": "abc", "features": "m"}
    (folder / "labels.json").write_text(json.dumps(stated | facts))
