"""HuBERT's convolutional front end in chunks: a recording of any length, the same result.

Source of the geometry: HuBERT Base, Hsu et al. 2021, section III-A; its group norm takes the mean
and the variance of a channel over the whole recording.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers.models.hubert.modeling_hubert import (
    HubertFeatureEncoder,
    HubertGroupNormConvLayer,
)

from lightning_modules.cuda_graphs import is_recorded
from lightning_modules.errors import ModelError
from lightning_modules.lhubert.channel_statistics import mean_and_variance
from lightning_modules.lhubert.chunk_sizes import WidestLayer, ask_again, frames_at_once
from lightning_modules.widest_float import widened, widest_float

SAMPLE_RATE_HZ = 16_000
# On a CPU a convolution is compiled for the length of its input, 20 ms for each gradient of the
# later layers: in training on recordings of all lengths that was two thirds of a small model's
# step. So their inputs are filled up to one of so many lengths between a power of two and its
# double.
LENGTHS_PER_OCTAVE = 8


class ChunkedFeatureEncoder(HubertFeatureEncoder):
    """HuBERT's feature encoder; without gradients it takes long recordings chunk by chunk.

    It has the same parts, so that `swap_class` makes one of an encoder that the library has built.
    """

    @property
    def hop_samples(self) -> int:
        """Samples from one frame to the next."""
        return math.prod([conv.stride[0] for conv in self._convolutions()])

    @property
    def frame_samples(self) -> int:
        """Samples that one frame sees."""
        samples, hop = 1, 1
        for conv in self._convolutions():
            samples += (conv.kernel_size[0] - 1) * hop
            hop *= conv.stride[0]
        return samples

    def _convolutions(self) -> list[Any]:
        layers: Any = self.conv_layers
        return [layer.conv for layer in layers]

    def forward(self, input_values: Tensor) -> Tensor:
        """Compute the features.

        Args:
            input_values: (batch, samples).

        Returns:
            (batch, channels, frames)

        Raises:
            ModelError: The samples are fewer than one frame sees, or, where chunks are taken,
                not finite.
        """
        validate_length(input_values, self.frame_samples)
        if torch.is_grad_enabled():
            return self._whole(input_values)
        if torch.compiler.is_compiling():  # no exception reaches what is compiled
            return self._without_gradients(input_values)
        try:
            return self._without_gradients(input_values)
        except torch.OutOfMemoryError:
            if is_recorded():
                raise
        # Behind the exception, which holds all that was made before it.
        ask_again()
        return self._without_gradients(input_values)

    def _without_gradients(self, input_values: Tensor) -> Tensor:
        chunk_frames = self._chunk_frames(input_values)
        if self._frames_of(input_values) <= chunk_frames:
            return self._whole(input_values)
        validate_waveform(input_values, self.frame_samples)
        return self.in_chunks(input_values, chunk_frames)

    def _whole(self, input_values: Tensor) -> Tensor:
        waveform = input_values[:, None]
        if self._requires_grad and self.training and waveform.is_leaf:
            waveform.requires_grad = True  # as the library does, for gradient checkpointing
        return self._later_layers(self.conv_layers[0](waveform))

    def _frames_of(self, input_values: Tensor) -> int:
        return (input_values.shape[-1] - self.frame_samples) // self.hop_samples + 1

    def _chunk_frames(self, input_values: Tensor) -> int:
        first = self._convolutions()[0]
        positions = self.hop_samples // first.stride[0]  # of its output, for one frame
        device = input_values.device
        layer = WidestLayer(
            samples=len(input_values),
            values=positions * first.out_channels,
            whole_bytes=first.weight.element_size(),
            chunk_bytes=widest_float(device).itemsize,
        )
        return frames_at_once(self._frames_of(input_values), layer, device)

    def in_chunks(self, input_values: Tensor, chunk_frames: int) -> Tensor:
        """Compute the same as `forward`, `chunk_frames` at a time.

        Args:
            input_values: (batch, samples).
            chunk_frames: Frames of one chunk; each is computed once.

        Returns:
            (batch, channels, frames)
        """
        num_frames = self._frames_of(input_values)
        first = self._first_layer(input_values, chunk_frames)
        features: Tensor | None = None
        for begin in range(0, num_frames, chunk_frames):
            end = min(begin + chunk_frames, num_frames)
            last_sample = (end - 1) * self.hop_samples + self.frame_samples
            chunk = first(input_values[:, None, begin * self.hop_samples : last_sample])
            chunk = self._later_layers(chunk)
            if features is None:
                features = chunk.new_empty(*chunk.shape[:2], num_frames)
            features[:, :, begin:end] = chunk
        assert features is not None
        return features

    def _later_layers(self, hidden: Tensor) -> Tensor:
        """Compute all layers but the first, which alone looks at the whole input to normalise it.

        None of them pads, so that what is filled in behind the end reaches no frame that is kept.

        Args:
            hidden: (batch, channels, positions), of the first layer.

        Returns:
            (batch, channels, frames)
        """
        later = self._convolutions()[1:]
        frames = hidden.shape[-1]
        for conv in later:
            frames = (frames - conv.kernel_size[0]) // conv.stride[0] + 1
        if hidden.device.type == "cpu":
            positions = round_up_by_octave(frames)
            for conv in reversed(later):
                positions = (positions - 1) * conv.stride[0] + conv.kernel_size[0]
            hidden = functional.pad(hidden, (0, positions - hidden.shape[-1]))
        for layer in self.conv_layers[1:]:
            hidden = layer(hidden)
        return hidden[..., :frames]

    def _first_layer(self, input_values: Tensor, chunk_frames: int) -> Callable[[Tensor], Tensor]:
        layer = self.conv_layers[0]
        if not isinstance(layer, HubertGroupNormConvLayer):
            return layer
        samples = chunk_frames * self.hop_samples
        mean, variance = mean_and_variance(layer.conv, input_values, samples)
        norm = layer.layer_norm
        # (x - mean) / deviation * weight + bias, as one multiplication and one addition; in float32
        # at least and rounded once, as torch's group norm does in half precision.
        exact = torch.promote_types(norm.weight.dtype, torch.float32)
        scale = widened(norm.weight)[:, None] * (variance + norm.eps).rsqrt()
        shift = (widened(norm.bias)[:, None] - mean * scale).to(exact)
        scale = scale.to(exact)

        def normalised(chunk: Tensor) -> Tensor:
            hidden = layer.conv(chunk)
            moved = torch.addcmul(shift, hidden.to(exact), scale)
            activated: Tensor = layer.activation(moved.to(hidden.dtype))
            return activated

        return normalised


def round_up_by_octave(frames: int) -> int:
    """Return the next of `LENGTHS_PER_OCTAVE` numbers between a power of two and its double."""
    unit = max(1, (1 << frames.bit_length() >> 1) // LENGTHS_PER_OCTAVE)
    return -(-frames // unit) * unit


def validate_waveform(input_values: Tensor, frame_samples: int) -> None:
    """Raise ModelError for a waveform that is too short for one frame, or holds NaN or infinity.

    Its values are not looked at while the calls to a GPU are recorded.
    """
    validate_length(input_values, frame_samples)
    # Not whether all are finite: who counts a step without values answers that nothing is wrong.
    if not is_recorded() and bool((~input_values.isfinite()).any()):
        raise ModelError("`input_values` must be finite, got NaN or infinity")


def validate_length(input_values: Tensor, frame_samples: int) -> None:
    """Raise ModelError for a waveform that is too short for one frame."""
    if input_values.shape[-1] < frame_samples:
        raise ModelError(
            f"`input_values` must have at least {frame_samples} samples, one frame, "
            f"got {input_values.shape[-1]}"
        )
