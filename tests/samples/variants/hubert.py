"""Tiny HuBERTs, plain and local, with the same weights."""

from typing import Any

import torch
from transformers import HubertConfig, HubertModel

from lightning_modules.lhubert import LHubertConfig, LHubertModel

TINY: dict[str, Any] = {
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 40,
    "conv_dim": (12,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 3,
    "hidden_dropout": 0.0,
    "activation_dropout": 0.0,
    "attention_dropout": 0.0,
    "layerdrop": 0.0,
}
FRAME_SAMPLES, HOP_SAMPLES = 400, 320


def hubert(**fields: Any) -> HubertModel:
    """Build a plain HuBERT, in evaluation mode."""
    torch.manual_seed(0)
    model = HubertModel(HubertConfig(**(TINY | fields)))
    model.eval()
    return model


def lhubert(attention_window: int | list[int] = 8, **fields: Any) -> LHubertModel:
    """Build an L-HuBERT, in evaluation mode, with the weights of `hubert`."""
    torch.manual_seed(0)
    config = LHubertConfig(**(TINY | fields | {"attention_window": attention_window}))
    model = LHubertModel(config)
    model.eval()
    model.load_state_dict(hubert(**fields).state_dict())
    return model


def samples_of(frames: int) -> int:
    """Return the fewest samples that give so many frames."""
    return FRAME_SAMPLES + HOP_SAMPLES * (frames - 1)


def waveform(frames: int, batch: int = 1, seed: int = 0) -> torch.Tensor:
    """Return (batch, samples) that give exactly so many frames."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, samples_of(frames), generator=generator)


def first_output(model: Any, *inputs: Any) -> torch.Tensor:
    """Return logits, or hidden states of a model that has none."""
    with torch.no_grad():
        output = model.eval()(*inputs)
    found: torch.Tensor = output.logits if hasattr(output, "logits") else output.last_hidden_state
    return found


def assert_same_weights(found: torch.nn.Module, wanted: torch.nn.Module) -> None:
    """Compare bits of weights; those of outputs may depend on where in memory weights lie."""
    ours, theirs = found.state_dict(), wanted.state_dict()
    assert ours.keys() == theirs.keys()
    assert not [name for name, value in ours.items() if not torch.equal(value, theirs[name])]
