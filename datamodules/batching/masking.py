"""Which tokens and frames a model has to predict."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

SPAN_FRAMES = 10  # as HuBERT masks: 200 ms at a time
IGNORED_LABEL = -100


@dataclass(frozen=True)
class TokenMasking:
    """BERT's masking: of the chosen tokens 80 % are hidden, 10 % random, 10 % as they were.

    Args:
        fraction: Share of the tokens that is chosen; at least one in every sequence.
        mask_token_id: The token that takes the place of a hidden one.
        random_ids: Smallest random token, and the one after the largest.
    """

    fraction: float
    mask_token_id: int
    random_ids: tuple[int, int]

    def apply(
        self, tokens: Tensor, maskable: Tensor, generator: Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Choose tokens; return the input of the model and the labels that it must predict.

        Args:
            tokens: (..., tokens) int64.
            maskable: (..., tokens) bool, False where a token must stay.
            generator: Source of chance; None draws from torch's own.

        Returns:
            `input_ids` and `labels`, both (..., tokens) int64.
        """
        score = torch.rand(tokens.shape, generator=generator).masked_fill(~maskable, 2.0)
        chosen = score < self.fraction
        chosen.scatter_(-1, score.argmin(-1, keepdim=True), True)
        chosen &= maskable
        fate = torch.rand(tokens.shape, generator=generator)
        replacement = torch.randint(*self.random_ids, tokens.shape, generator=generator)
        input_ids = tokens.masked_fill(chosen & (fate < 0.8), self.mask_token_id)
        input_ids = torch.where(chosen & (fate >= 0.9), replacement, input_ids)
        return input_ids, tokens.masked_fill(~chosen, IGNORED_LABEL)


def mask_spans(num_frames: int, probability: float, generator: Generator | None = None) -> Tensor:
    """Choose spans of frames to hide, (num_frames,) bool, at least one frame.

    Args:
        num_frames: Frames of one utterance.
        probability: Spans times their length over frames; spans overlap, so fewer are hidden.
        generator: Source of chance; None draws from torch's own.

    Source: `mask_prob` of fairseq's HuBERT, `mask_time_prob` of transformers.
    """
    span = max(1, min(SPAN_FRAMES, num_frames // 2))
    expected = probability * num_frames / span + torch.rand((), generator=generator).item()
    starts = torch.randperm(num_frames - span + 1, generator=generator)[: max(1, int(expected))]
    mask = torch.zeros(num_frames, dtype=torch.bool)
    mask[starts[:, None] + torch.arange(span)] = True
    return mask


def without_labels(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a batch in which nothing is to be predicted.

    Args:
        batch: With `labels`, of any shape.
    """
    return batch | {"labels": torch.full_like(batch["labels"], IGNORED_LABEL)}
