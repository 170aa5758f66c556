"""Which frames of a padded batch are real: counted alike in HuBERT, L-HuBERT and their heads."""

from typing import Any, TypeVar

import torch
from torch import Tensor

from lightning_modules.errors import ModelError

Count = TypeVar("Count", int, Tensor)


class RealFrames:
    """Takes a mask of any kind, and no frame of a recording that is too short for one.

    The library sums a mask as it is: in half precision that rounds, and a 2 counts twice. Of a
    recording without a frame it takes all of them, or fails.
    """

    config: Any

    def _get_feat_extract_output_lengths(self, input_lengths: Count) -> Count:
        """Count the frames of so many samples; of an int an int, for which nothing is waited."""
        frames = input_lengths
        for width, stride in zip(self.config.conv_kernel, self.config.conv_stride, strict=True):
            frames = (frames - width) // stride + 1
        return frames * (frames > 0)

    def _get_feature_vector_attention_mask(
        self, feature_vector_length: int, attention_mask: Tensor
    ) -> Tensor:
        """Tell which frames are real: those that see real samples alone.

        Args:
            feature_vector_length: Frames of the batch.
            attention_mask: (batch, samples), not zero where a sample is real.

        Returns:
            (batch, frames) bool

        Raises:
            ModelError: There is not one value per sample of the waveforms.
        """
        frames = self._get_feat_extract_output_lengths(attention_mask.shape[-1])
        if attention_mask.dim() != 2 or frames != feature_vector_length:
            raise ModelError(
                "`attention_mask` must be (batch, samples), one per sample of the waveform, "
                f"got shape {tuple(attention_mask.shape)} for {feature_vector_length} frames"
            )
        lengths = self._get_feat_extract_output_lengths(attention_mask.ne(0).sum(-1))
        places = torch.arange(feature_vector_length, device=attention_mask.device)
        return places < lengths[:, None]
