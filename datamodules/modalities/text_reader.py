"""Reads texts as tokens, some of them masked."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Generator

from datamodules.bad_samples import BadSamples
from datamodules.base import Batch
from datamodules.batching.masking import IGNORED_LABEL, TokenMasking
from datamodules.batching.orders import BatchDraw
from datamodules.batching.padding import attention_mask, pad_stack
from datamodules.batching.reading import SampleReader
from datamodules.counted import counted
from datamodules.errors import DataError
from datamodules.files.length_cache import Lengths
from datamodules.sampling import Sampling

TEXTS_AT_A_TIME = 1000


class TextReader(SampleReader):
    """Tokenises texts when they are asked for and masks some of their tokens.

    Args:
        texts: A `datasets` column of strings.
        tokenizer: A tokenizer with a mask and a padding token.
        lengths: Tokens of every text, special tokens included.
        max_length: Longest sample in tokens; None keeps texts whole.
        mask_fraction: Share of the tokens to predict.
        numbers: Which texts of the source they are; None for all.
    """

    def __init__(
        self,
        texts: Any,
        tokenizer: Any,
        lengths: Lengths,
        max_length: int | None,
        mask_fraction: float,
        numbers: Sequence[int] | None = None,
    ) -> None:
        self.texts = texts
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.num_special_tokens = tokenizer.num_special_tokens_to_add()
        self.masking = TokenMasking(
            mask_fraction, tokenizer.mask_token_id, (0, vocab_size_of(tokenizer))
        )
        # Unknown words are content, although the tokenizer calls their token a special one.
        frame = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id, tokenizer.mask_token_id}
        self.frame_ids = torch.tensor(sorted(frame))
        has_content = lengths > self.num_special_tokens
        self.rows = np.flatnonzero(has_content)
        kept = lengths[self.rows]
        used = kept if max_length is None else kept.clip(max=max_length)
        super().__init__(used.tolist(), BadSamples("skip"))
        for row in np.flatnonzero(~has_content).tolist():
            number = row if numbers is None else numbers[row]
            self.bad_samples.skip(f"text {number} is empty", "empty text")

    def read(self, index: int, draw: BatchDraw, generator: Generator) -> Batch:
        """Tokenise one text, cut to the exact length that is asked for, special tokens kept.

        Returns:
            `input_ids` and `labels`, both (tokens,) int64.
        """
        limits = (draw.exact_length, self.max_length)
        limit = min((limit for limit in limits if limit is not None), default=None)
        if limit is not None and limit <= self.num_special_tokens:
            raise DataError(
                "`lengths` must exceed the tokenizer's "
                f"{counted(self.num_special_tokens, 'special token')}, "
                f"got {limit}"
            )
        encoded = self.tokenizer(
            self.texts[int(self.rows[index])],
            truncation=limit is not None,
            max_length=limit,
            verbose=False,
        )
        tokens = torch.tensor(encoded["input_ids"])
        maskable = ~torch.isin(tokens, self.frame_ids)
        input_ids, labels = self.masking.apply(tokens, maskable, generator)
        return {"input_ids": input_ids, "labels": labels}

    def collate(self, samples: list[Batch], draw: BatchDraw) -> Batch:
        """Pad on the right to the longest text, or to the exact length that is asked for.

        Returns:
            `input_ids` and `labels` (batch, tokens) int64, and `attention_mask` of the same shape
            and type if anything is padded.
        """
        rows = [sample["input_ids"] for sample in samples]
        labels = [sample["labels"] for sample in samples]
        longest = draw.exact_length or max(len(row) for row in rows)
        return {
            "input_ids": pad_stack(rows, longest, self.tokenizer.pad_token_id),
            **attention_mask(rows, longest),
            "labels": pad_stack(labels, longest, IGNORED_LABEL),
        }

    def identities(self) -> Iterator[str]:
        """Yield the texts themselves: rows have no names, and the same text may be there twice."""
        for start in range(0, len(self.texts), TEXTS_AT_A_TIME):
            texts = self.texts[start : start + TEXTS_AT_A_TIME]
            first, end = np.searchsorted(self.rows, [start, start + len(texts)])
            yield from (texts[row - start] for row in self.rows[first:end].tolist())


def vocab_size_of(tokenizer: Any) -> int:
    """Return the number of embeddings that a model of this tokenizer needs."""
    return int(max(tokenizer.get_vocab().values())) + 1


def count_tokens(texts: Any, tokenizer: Any, sampling: Sampling | None = None) -> Lengths:
    """Count the tokens of every text, special tokens included, (texts,) int32."""
    lengths = np.empty(len(texts), dtype=np.int32)
    starts = range(0, len(texts), TEXTS_AT_A_TIME)
    for start in (sampling or Sampling()).follow(starts, TEXTS_AT_A_TIME):
        end = min(start + TEXTS_AT_A_TIME, len(texts))
        encoded = tokenizer(
            [text or "" for text in texts[start:end]],  # null is empty
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        lengths[start:end] = [len(tokens) for tokens in encoded["input_ids"]]
    return lengths
