"""Features of every frame of a recording, which k-means turns into labels.

Source: HuBERT, Hsu et al. 2021, section IV-B: MFCC at first, then a layer of the model.
"""

import hashlib
from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.errors import ModelError
from lightning_modules.lhubert import LHubertModel, encode_recording
from lightning_modules.lhubert.building import SpeechModelSettings, build_speech_model, cut_layers
from lightning_modules.lhubert.features import SAMPLE_RATE_HZ
from lightning_modules.libraries import torchaudio_needed

FEATURES = ("layer", "mfcc")
FRAME_SAMPLES = 400
CEPSTRA = 13
MFCC_CHUNK_FRAMES = 6000  # a minute
CHUNK_SECONDS = 100.0


class Mfcc(nn.Module):
    """13 cepstra of Kaldi with their first and second differences, without any normalisation.

    A frame of 25 ms begins every 10 ms, and none is centred: frame 2 j sees the samples that the
    model's frame j sees.

    Args:
        chunk_frames: Frames computed at a time. Each sees only its own samples, so that chunks
            change nothing.
    """

    rate_hz = 100
    size = 3 * CEPSTRA
    description = fingerprint = "mfcc"

    def __init__(self, chunk_frames: int = MFCC_CHUNK_FRAMES) -> None:
        super().__init__()
        self.chunk_frames = chunk_frames

    def forward(self, waveform: Tensor) -> Tensor:
        """Compute the features.

        Args:
            waveform: (samples,) at 16 kHz, between -1 and 1, at least 400.

        Returns:
            (frames, 39) float32.

        Raises:
            ModelError: The waveform is too short, or torchaudio does not fit this torch.
        """
        hop = SAMPLE_RATE_HZ // self.rate_hz
        bounds = _equal_parts(_count_frames(waveform, hop), self.chunk_frames)
        with torchaudio_needed("`features` mfcc"):
            from torchaudio.compliance.kaldi import mfcc
            from torchaudio.functional import compute_deltas
        with torch.autocast(waveform.device.type, enabled=False):
            cepstra = torch.cat(
                [
                    mfcc(
                        waveform[None, first * hop : (end - 1) * hop + FRAME_SAMPLES].float(),
                        sample_frequency=SAMPLE_RATE_HZ,
                        num_ceps=CEPSTRA,
                        use_energy=False,
                        dither=0.0,
                    )
                    for first, end in bounds
                ]
            ).T
            first_differences = compute_deltas(cepstra)
            second_differences = compute_deltas(first_differences)
        return torch.cat([cepstra, first_differences, second_differences]).T.contiguous()


class LayerStates(nn.Module):
    """The hidden states of a layer of HuBERT or L-HuBERT, the layers above it left out.

    Args:
        checkpoint: Folder or hub name.
        layer: From 1 to the number of layers. The states are `hidden_states[layer]` of
            transformers, which models with stable layer norm have not yet normalised.
        variant: "hubert" or "lhubert".
        attention_window: Total width in frames, even; None = the checkpoint's, or 100.
        chunk_seconds: HuBERT, whose attention is quadratic, takes longer recordings in parts of
            equal length, at most so long; L-HuBERT takes every recording in one pass.

    Raises:
        ModelError: A setting is wrong or the checkpoint does not load.
    """

    rate_hz = 50

    def __init__(
        self,
        checkpoint: str,
        layer: int,
        variant: str = "hubert",
        attention_window: int | list[int] | None = None,
        chunk_seconds: float = CHUNK_SECONDS,
    ) -> None:
        super().__init__()
        settings = SpeechModelSettings(
            variant, attention_window=attention_window, checkpoint=checkpoint
        )
        self.model = build_speech_model("encoder", settings, layerdrop=0.0).eval()
        cut_layers(self.model, layer)
        if self.model.config.do_stable_layer_norm:
            self.model.encoder.layer_norm = nn.Identity()  # also after the last layer
        self.size: int = self.model.config.hidden_size
        self.description = f"layer {layer} of {checkpoint}"
        self.chunk_frames = max(1, int(chunk_seconds * self.rate_hz))
        self.fingerprint = _hash_model(self.model, self.chunk_frames)

    @torch.no_grad()
    def forward(self, waveform: Tensor) -> Tensor:
        """Compute the features.

        Args:
            waveform: (samples,) at 16 kHz, at least 400.

        Returns:
            (frames, hidden), one for every frame of the model, also where parts meet.
        """
        if isinstance(self.model, LHubertModel):
            return encode_recording(self.model, waveform)
        hop = SAMPLE_RATE_HZ // self.rate_hz
        bounds = _equal_parts(_count_frames(waveform, hop), self.chunk_frames)
        parts = [waveform[first * hop : (end - 1) * hop + FRAME_SAMPLES] for first, end in bounds]
        # The samples after the last frame count in the statistics of a group norm over time.
        parts[-1] = waveform[bounds[-1][0] * hop :]
        return torch.cat([self.model(part[None]).last_hidden_state[0] for part in parts])


def _count_frames(waveform: Tensor, hop: int) -> int:
    if waveform.dim() != 1 or len(waveform) < FRAME_SAMPLES:
        raise ModelError(
            f"`waveform` must be (samples,) with at least {FRAME_SAMPLES} samples, one frame, "
            f"got shape {tuple(waveform.shape)}"
        )
    return (len(waveform) - FRAME_SAMPLES) // hop + 1


def _equal_parts(num_frames: int, longest: int) -> list[tuple[int, int]]:
    """Return the first frame and the end of as few parts as possible, all of nearly one length."""
    num_parts = -(-num_frames // longest)
    bounds = [part * num_frames // num_parts for part in range(num_parts + 1)]
    return list(zip(bounds[:-1], bounds[1:], strict=True))


def _hash_model(model: Any, chunk_frames: int) -> str:
    """Return 16 characters that change with the weights, the window and the length of parts.

    A mask vector that the checkpoint lacks is drawn anew each time, and no feature depends on it.
    """
    window = getattr(model.config, "attention_window", None)
    context = f"parts of {chunk_frames}" if window is None else f"window {window}"
    digest = hashlib.sha256(context.encode())
    weights = model.state_dict()
    for name in sorted(weights.keys() - set(model.random_optional)):
        digest.update(name.encode())
        digest.update(weights[name].cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def build_features(
    features: str,
    checkpoint: str | None,
    layer: int | None,
    variant: str,
    attention_window: int | list[int] | None,
) -> Mfcc | LayerStates:
    """Build the features that the settings of a UnitExtractor ask for; see there for each.

    Raises:
        ModelError: A setting is wrong, or one is given that the features do not take.
    """
    if features not in FEATURES:
        raise ModelError(f"`features` must be one of {', '.join(FEATURES)}, got {features!r}")
    if features == "mfcc":
        if checkpoint is not None or layer is not None:
            raise ModelError("`checkpoint` and `layer` are for `features` layer, got mfcc")
        return Mfcc()
    if checkpoint is None or layer is None:
        lacking = "checkpoint" if checkpoint is None else "layer"
        raise ModelError(f"`{lacking}` must be given for `features` layer")
    return LayerStates(checkpoint, layer, variant, attention_window)
