"""Recordings of any length through L-HuBERT: two layers' states in memory, whatever its depth.

A window lets every layer be computed chunk by chunk: a chunk of its output needs that chunk of its
input and half a window on each side. So nothing is ever held but the input and the output of one
layer, and what a caller wants of the layers is handed over as it is made.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from lightning_modules.attention import IMPLEMENTATIONS
from lightning_modules.attention.interface import find_implementations, find_windows
from lightning_modules.errors import ModelError
from lightning_modules.lhubert.features import validate_waveform
from lightning_modules.lhubert.modeling import LHubertModel
from lightning_modules.whole_files import whole_file

CHUNK_FRAMES = 2048

Sink = Callable[[int, int, Tensor], None]
"""Is given a layer (0 is the input of the first), a first frame, and (frames, hidden)."""


@torch.no_grad()
def encode_recording(
    model: LHubertModel,
    waveform: Tensor,
    sink: Sink | None = None,
    chunk_frames: int = CHUNK_FRAMES,
) -> Tensor:
    """Encode one recording in one pass, with the result of `model(waveform[None])`.

    Args:
        model: In evaluation mode.
        waveform: (samples,) at 16 kHz, on the device of the model.
        sink: Is handed the hidden states of every layer, chunk by chunk, each frame once and in
            order; those of the last layer are returned anyway.
        chunk_frames: Frames that a layer computes at a time.

    Returns:
        (frames, hidden), the last hidden states.

    Raises:
        ModelError: The model is in training mode, has a head or no local attention, or the
            waveform is too short or not finite.
    """
    if model.training:
        raise ModelError("`model` must be in evaluation mode: call `model.eval()` first")
    if waveform.dim() != 1:
        raise ModelError(f"`waveform` must be (samples,), got shape {tuple(waveform.shape)}")
    if not find_implementations(model) <= set(IMPLEMENTATIONS):
        raise ModelError(f"`model` must have local attention, got a {type(model).__name__}")
    if not isinstance(model, LHubertModel):
        raise ModelError(
            f"`model` must be an LHubertModel, without a head, got a {type(model).__name__}"
        )
    extractor, encoder = _parts(model)
    validate_waveform(waveform, extractor.frame_samples)
    hidden = _project(model, extractor(waveform[None])[0], chunk_frames)
    hidden = _add_positions(model, hidden, chunk_frames)
    _hand_over(sink, 0, hidden, chunk_frames)
    windows = find_windows(model)
    for number, (layer, window) in enumerate(zip(encoder.layers, windows, strict=True), start=1):
        assert window is not None
        hidden = _in_chunks(layer, hidden, window // 2, chunk_frames)
        _hand_over(sink, number, hidden, chunk_frames)
    last: Tensor = encoder.layer_norm(hidden) if model.config.do_stable_layer_norm else hidden
    return last


def _parts(model: LHubertModel) -> tuple[Any, Any]:
    return model.feature_extractor, model.encoder


def _project(model: LHubertModel, features: Tensor, chunk_frames: int) -> Tensor:
    parts = features.split(chunk_frames, dim=1)
    return torch.cat([model.feature_projection(part.T) for part in parts])


def _add_positions(model: LHubertModel, hidden: Tensor, chunk_frames: int) -> Tensor:
    _, encoder = _parts(model)
    margin = model.config.num_conv_pos_embeddings // 2

    def positioned(chunk: Tensor) -> Tensor:
        summed: Tensor = chunk + encoder.pos_conv_embed(chunk)
        if model.config.do_stable_layer_norm:
            return summed  # it normalises after the last layer
        normalised: Tensor = encoder.layer_norm(summed)
        return normalised

    return _in_chunks(positioned, hidden, margin, chunk_frames)


def _in_chunks(
    compute: Callable[[Tensor], Tensor], hidden: Tensor, margin: int, chunk_frames: int
) -> Tensor:
    """Compute (frames, hidden) in chunks, each with `margin` frames of its neighbours around it.

    What is computed may be of another dtype: autocast leaves norms, and so the states between
    layers, in float32 on a GPU.
    """
    output: Tensor | None = None
    num_frames = len(hidden)
    for begin in range(0, num_frames, chunk_frames):
        end = min(begin + chunk_frames, num_frames)
        first, last = max(0, begin - margin), min(num_frames, end + margin)
        computed = compute(hidden[None, first:last])[0]
        if output is None:
            output = torch.empty_like(hidden, dtype=computed.dtype)
        output[begin:end] = computed[begin - first : end - first]
    assert output is not None
    return output


def _hand_over(sink: Sink | None, layer: int, hidden: Tensor, chunk_frames: int) -> None:
    if sink is not None:
        for first in range(0, len(hidden), chunk_frames):
            sink(layer, first, hidden[first : first + chunk_frames])


class HiddenStateFiles:
    """A sink that writes the hidden states of some layers to `layer-<number>.npy`.

    Files are complete or not there: they get their names when the context ends without an error.

    Args:
        folder: Made if need be.
        layers: Which ones; 0 is the input of the first layer.
        num_frames: Frames of the recording.
        hidden_size: Width of the states.

    Raises (at the end of the context):
        ModelError: A layer was not handed over as a whole.
    """

    def __init__(
        self, folder: str | Path, layers: Sequence[int], num_frames: int, hidden_size: int
    ) -> None:
        """Remember what to write; files are opened with the context."""
        self.folder = Path(folder)
        self.layers = tuple(layers)
        self.shape = (num_frames, hidden_size)
        self._written: dict[int, int] = {}
        self._states: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Open one file per layer, under a temporary name."""
        self._written = dict.fromkeys(self.layers, 0)  # anew for every pass
        with ExitStack() as files:
            for layer in self._written:
                unfinished = files.enter_context(whole_file(self.folder / f"layer-{layer}.npy"))
                self._states[layer] = np.lib.format.open_memmap(
                    unfinished, "w+", np.float32, self.shape
                )
            self._files = files.pop_all()
        return self

    def __call__(self, layer: int, first_frame: int, hidden: Tensor) -> None:
        """Write a chunk of a layer; of other layers, nothing."""
        if layer in self._states:
            values = hidden.float().cpu().numpy()
            self._states[layer][first_frame : first_frame + len(values)] = values
            self._written[layer] += len(values)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Name the files, or remove them after an error."""
        for layer in list(self._states):
            self._states.pop(layer).flush()
        if error is not None:
            self._files.__exit__(kind, error, trace)
            return
        with self._files:
            self._check_whole()

    def _check_whole(self) -> None:
        for layer, frames in self._written.items():
            if frames != self.shape[0]:
                raise ModelError(
                    f"`layers` must be handed over with all {self.shape[0]} frames, got {frames} "
                    f"of layer {layer}"
                )
