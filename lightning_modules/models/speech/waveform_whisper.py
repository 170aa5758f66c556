"""Whisper's encoder over waveforms: loaded from a whole Whisper, and saved as a part of one."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import WhisperConfig
from transformers import initialization as init
from transformers.models.whisper.modeling_whisper import WhisperEncoder, sinusoids

from lightning_modules.models.speech.log_mel import POSITIONS_PER_FRAME
from lightning_modules.models.speech.thirty_seconds import TOTAL_POSITIONS, ThirtySeconds

# What stands before the names of the encoder's weights in a whole Whisper, ...
ENCODER = "encoder."
# ... behind one more word where it has a last layer, ...
PREFIX = r"^(model\.)?encoder\."
# ... and of what is left out.
NOT_OF_THE_ENCODER = [r"^(model\.)?decoder\.", r"^proj_out\."]


class WaveformWhisper(WhisperEncoder):
    """The library's encoder with its front end inside, and a vector for masked features."""

    _keys_to_ignore_on_load_unexpected = NOT_OF_THE_ENCODER

    def __init__(self, config: WhisperConfig) -> None:
        """Build it with random weights.

        Args:
            config: Of the library's Whisper, whose decoder is left out.
        """
        super().__init__(config)
        self.feature_extractor = ThirtySeconds(config.num_mel_bins)
        self.masked_spec_embed = torch.nn.Parameter(torch.empty(config.num_mel_bins).uniform_())

    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor | None = None,
        mask_time_indices: Tensor | None = None,
        **more: Any,
    ) -> Any:
        """Encode recordings, each as if silence followed it.

        Args:
            input_values: (batch, samples) at 16 kHz, at most 30 s.
            attention_mask: (batch, samples), nonzero = real sample; None = all are real. It
                silences the others; attention runs over them as over the silence behind them.
            mask_time_indices: (batch, frames of 20 ms) bool, True = the model sees its mask vector.
            more: What the library's encoder takes besides.

        Returns:
            What the library's encoder returns, of (batch, 1,500, hidden size).

        Raises:
            ModelError: The recordings are longer, or shorter than a frame.
        """
        features = self.feature_extractor(input_values, attention_mask)
        if mask_time_indices is not None:
            hidden = mask_time_indices.repeat_interleave(POSITIONS_PER_FRAME, 1)
            hidden = functional.pad(hidden, (0, TOTAL_POSITIONS - hidden.shape[1]))
            vector = self.masked_spec_embed.to(features.dtype)
            features = torch.where(hidden[:, None], vector[:, None], features)
        return super().forward(input_features=features, **more)

    @classmethod
    def from_pretrained(cls, *arguments: Any, **settings: Any) -> Any:
        """Load it, also from a whole Whisper, of which the encoder is a part."""
        found = super().from_pretrained(*arguments, key_mapping={PREFIX: ""}, **settings)
        model: Any = found[0] if isinstance(found, tuple) else found
        model._weight_conversions = None  # saving would undo the change of names once more
        return found

    def save_pretrained(self, *arguments: Any, **settings: Any) -> None:
        """Save it under the names that its weights have in a whole Whisper, as its type says it is.

        The library's models take the encoder from such a folder, and draw the decoder anew.
        """
        if not self._hf_peft_config_loaded:  # else adapters are saved, by names of their own
            weights = settings.get("state_dict") or self.state_dict()
            settings["state_dict"] = {f"{ENCODER}{name}": each for name, each in weights.items()}
        super().save_pretrained(*arguments, **settings)

    @torch.no_grad()
    def _init_weights(self, module: Any) -> None:
        """Fill what a checkpoint of the library lacks, and the positions.

        The library fills these with the whole encoder, before a derived class draws its parts anew.
        """
        super()._init_weights(module)
        positions = getattr(self, "embed_positions", None)
        if positions is not None and module is positions:
            init.copy_(module.weight, sinusoids(*module.weight.shape))
        elif isinstance(module, ThirtySeconds):
            module.restore()
        elif hasattr(module, "masked_spec_embed"):
            init.uniform_(module.masked_spec_embed)
