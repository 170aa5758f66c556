"""How large a batch is: of the usual kinds, and only where its dimensions leave no doubt."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeGuard

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from datamodules.geometry import frames_for_samples

# Any two of these in one batch are two modalities, of which no single length speaks.
INPUTS = ("input_ids", "inputs_embeds", "input_values", "input_features", "pixel_values")
MOST_CHANNELS = 4


class BatchShape(NamedTuple):
    """How large a batch is, in the words of a measurement row.

    Args:
        batch_size: Samples; None where nobody knows.
        sequence_length: Tokens or frames; None for images.
        input_size: Pixels per side; None for text and speech.
    """

    batch_size: int | None
    sequence_length: int | None = None
    input_size: int | None = None


UNKNOWN = BatchShape(None)


def batch_shape(batch: Any) -> BatchShape:
    """Return the shape of a batch of the usual kinds.

    Maps are read by the names of transformers: `input_ids` (batch, tokens), `inputs_embeds`
    (batch, tokens, features), `input_values` (batch, samples), `pixel_values` (batch, channels,
    height, width). Of tuples and lists the first tensor counts: (batch, tokens), (batch, tokens,
    features) or images.

    Raises:
        TypeError: The batch is of another kind; give the callback a `shape_of`.
    """
    shape = _shape_of_map(batch) if isinstance(batch, Mapping) else _shape_of_tensors(batch)
    if shape is None or min(size for size in shape if size is not None) < 1:
        raise TypeError(f"`shape_of` must be given for batches such as {_describe(batch)}")
    return shape


def count_real_tokens(batch: Any, shape: BatchShape) -> int | None:
    """Count the tokens or frames of a batch that its `attention_mask` calls real.

    Returns:
        None where there is no such mask, (batch, tokens or samples) of zeros and ones.
    """
    mask = batch.get("attention_mask") if isinstance(batch, Mapping) else None
    if not _is_plain(mask) or mask.ndim != 2 or shape.sequence_length is None:
        return None
    values = batch.get("input_values")
    of_samples = isinstance(values, Tensor)
    expected = values.shape if of_samples else (shape.batch_size, shape.sequence_length)
    if tuple(mask.shape) != tuple(expected) or bool((mask < 0).any()):
        return None
    real = mask.ne(0).sum(-1).tolist()
    return sum(frames_for_samples(n) if of_samples else n for n in real)


def _shape_of_map(batch: Mapping[str, Any]) -> BatchShape | None:
    found = [name for name in INPUTS if batch.get(name) is not None]
    if len(found) != 1 or not _is_plain(batch[found[0]]):
        return None
    name, values = found[0], batch[found[0]]
    if (name, values.ndim) in (("input_ids", 2), ("inputs_embeds", 3)):
        return BatchShape(*values.shape[:2])
    if (name, values.ndim) == ("input_values", 2):
        return BatchShape(values.shape[0], frames_for_samples(values.shape[-1]))
    return _shape_of_images(values) if name == "pixel_values" else None


def _shape_of_tensors(batch: Any) -> BatchShape | None:
    # A packed sequence is a tuple, too, whose tensors have no dimension of samples.
    if isinstance(batch, PackedSequence):
        return None
    tensors = list(batch) if isinstance(batch, list | tuple) else [batch]
    if not tensors or not _is_plain(tensors[0]) or tensors[0].ndim < 2:
        return None
    sizes = {len(t) for t in tensors if isinstance(t, Tensor) and t.ndim}
    if len(sizes) > 1:  # a list of samples rather than of a batch's tensors
        return None
    first = tensors[0]
    return _shape_of_images(first) if first.ndim > 3 else BatchShape(*first.shape[:2])


def _shape_of_images(images: Tensor) -> BatchShape | None:
    """Read (batch, channels, height, width) or (batch, height, width, channels)."""
    if images.ndim != 4:
        return None
    channels_first = images.shape[1] <= MOST_CHANNELS
    channels_last = images.shape[-1] <= MOST_CHANNELS
    if channels_first == channels_last:
        return None
    return BatchShape(images.shape[0], input_size=images.shape[3 if channels_first else 2])


def _is_plain(values: Any) -> TypeGuard[Tensor]:
    return isinstance(values, Tensor) and not values.is_nested and values.layout == torch.strided


def _describe(batch: Any) -> str:
    """Describe a batch by type, and by names and shapes where it has such."""
    name = type(batch).__name__
    if isinstance(batch, Tensor):
        return f"a {name} of {batch.ndim} dimensions"
    if isinstance(batch, Mapping):
        return f"a {name} of " + (
            ", ".join(_describe_item(*item) for item in batch.items()) or "nothing"
        )
    if isinstance(batch, list | tuple) and batch:
        return f"a {name} of {type(batch[0]).__name__}"
    return f"a {name}"


def _describe_item(name: Any, values: Any) -> str:
    is_plain = _is_plain(values)
    return f"{name} {tuple(values.shape)}" if is_plain else f"{name} ({type(values).__name__})"
