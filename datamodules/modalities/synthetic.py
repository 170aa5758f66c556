"""Data made on the spot, of an exact length, from which a model can learn something.

The same settings and the same seed give the same data.
"""

from typing import Any

from datamodules.errors import DataError, validate_fraction, validate_minimum
from datamodules.geometry import round_up_side
from datamodules.modalities.making import Stripes, Tones, TopicTexts
from datamodules.modalities.synthetic_base import SyntheticData


class SyntheticText(SyntheticData):
    """Sequences that each keep to the few tokens of one topic, some tokens masked.

    The visible tokens tell the topic, hence the hidden ones up to a choice of four. Token 0 is
    padding, the last one of the vocabulary the mask; neither is content.

    Args:
        sequence_length: Tokens per sequence.
        num_classes: Tokens of the vocabulary, at least 10.
        mask_fraction: Share of the tokens to predict.
        kwargs: Settings of SyntheticData.
    """

    modality = "text"
    pad_token_id = 0

    def __init__(
        self,
        sequence_length: int = 128,
        num_classes: int = 1024,
        mask_fraction: float = 0.15,
        **kwargs: Any,
    ) -> None:
        validate_minimum("sequence_length", sequence_length, 1)
        validate_minimum("num_classes", num_classes, 2 + 2 * TopicTexts.tokens_per_topic)
        validate_fraction("mask_fraction", mask_fraction)
        maker = TopicTexts(num_classes, mask_fraction)
        super().__init__(sequence_length, maker, num_classes, **kwargs)
        self.mask_fraction = mask_fraction


class SyntheticSpeech(SyntheticData):
    """Tones that change every 25 frames or so; a frame's label is its tone.

    Args:
        sequence_length: Frames per sample, 20 ms each (99 frames are 31,760 audio samples).
        num_classes: Different tones, 2 to 5,000.
        batch_size: Samples in a batch.
        kwargs: Settings of SyntheticData.
    """

    modality = "speech"
    label_kind = "clusters"
    max_tones = 5000

    def __init__(
        self,
        sequence_length: int = 99,
        num_classes: int = 8,
        batch_size: int = 4,
        **kwargs: Any,
    ) -> None:
        validate_minimum("sequence_length", sequence_length, 1)
        validate_minimum("num_classes", num_classes, 2)
        if num_classes > self.max_tones:
            raise DataError(f"`num_classes` must be at most {self.max_tones}, got {num_classes}")
        maker = Tones(num_classes)
        super().__init__(sequence_length, maker, num_classes, batch_size=batch_size, **kwargs)


class SyntheticVision(SyntheticData):
    """Striped images; the direction of the stripes is the class.

    Args:
        input_size: Pixels per side, rounded up to a multiple of 32.
        num_classes: Different directions, at least 2.
        kwargs: Settings of SyntheticData.
    """

    modality = "vision"

    def __init__(self, input_size: int = 64, num_classes: int = 4, **kwargs: Any) -> None:
        validate_minimum("input_size", input_size, 1)
        validate_minimum("num_classes", num_classes, 2)
        maker = Stripes(num_classes)
        super().__init__(round_up_side(input_size), maker, num_classes, **kwargs)
