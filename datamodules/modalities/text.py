"""Text from a hub data set or a local file, for masked-language modelling."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
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
from datamodules.errors import DataError, validate_fraction, validate_minimum
from datamodules.files.datasets_hub import local_path
from datamodules.files.fingerprints import Stamp, fingerprint_of, stamp_file
from datamodules.files.length_cache import Lengths, cached_lengths
from datamodules.modalities.real import RealData
from datamodules.modalities.text_source import load_texts, load_tokenizer
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


class TextData(RealData):
    """Texts for masked-language modelling; of the chosen tokens 80 % are hidden, 10 % random.

    Empty texts are left out.

    Args:
        source: Hub name, or a .json, .jsonl, .parquet, .csv or .tsv file (the latter without
            quoting).
        tokenizer: Hub name, or a folder with a tokenizer's files; `vocab.txt` alone is BERT's.
        text_column: Column that holds the text.
        split: Split of the data set; a slice like `train[:10%]` is one too. A file is `train`.
        subset: Subset (configuration) of a hub data set that has several.
        max_length: Longest sample in tokens, special tokens included; longer texts are cut, in
            `lengths` too. None keeps them whole.
        mask_fraction: Share of the tokens to predict.
        kwargs: Settings of RealData.
    """

    modality = "text"

    def __init__(
        self,
        source: str,
        tokenizer: str,
        text_column: str = "text",
        split: str = "train",
        subset: str | None = None,
        max_length: int | None = None,
        mask_fraction: float = 0.15,
        **kwargs: Any,
    ) -> None:
        super().__init__(source, **kwargs)
        validate_fraction("mask_fraction", mask_fraction)
        if max_length is not None:
            validate_minimum("max_length", max_length, 1)
        self.tokenizer_name = tokenizer
        self.text_column = text_column
        self.split = split
        self.subset = subset
        self.max_length = max_length
        self.mask_fraction = mask_fraction

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer, loaded at first use."""
        return load_tokenizer(self.tokenizer_name)

    @cached_property
    def texts(self) -> Any:
        """The `datasets.Dataset` of the texts, loaded at first use."""
        return load_texts(self.source, self.text_column, self.split, self.subset)

    @property
    def num_classes(self) -> int:
        """Number of embeddings that the tokenizer's ids need."""
        return vocab_size_of(self.tokenizer)

    @property
    def pad_token_id(self) -> int:
        """Token that fills up short texts."""
        return int(self.tokenizer.pad_token_id)

    def fingerprint(self) -> str:
        """Return a text that changes with the settings, the file and the tokenizer's files."""
        settings = {"max_length": self.max_length, "mask_fraction": self.mask_fraction}
        return fingerprint_of({"lengths": self._lengths_key(), **settings})

    def _lengths_key(self) -> str:
        names = ("source", "tokenizer_name", "text_column", "split", "subset")
        stamps = [*self._stamp_texts(), *_stamp_tokenizer(self.tokenizer_name)]
        return fingerprint_of({name: getattr(self, name) for name in names}, stamps)

    def _stamp_texts(self) -> list[Stamp]:
        path = local_path(self.source)
        if path is not None:
            return [stamp_file(path)]
        # Cache files of a hub data set carry its revision in their names.
        return [stamp_file(Path(file["filename"])) for file in self.texts.cache_files]

    def open_reader(self) -> TextReader:
        """Load the texts and count their tokens, unless they have been counted before."""
        shortest = self.tokenizer.num_special_tokens_to_add() + 1
        if self.max_length is not None:
            validate_minimum("max_length", self.max_length, shortest)
        chosen = self.sampling.draw(len(self.texts))
        if len(chosen) == len(self.texts):
            column = self.texts[self.text_column]
            lengths = cached_lengths(self._lengths_key(), lambda: self._count(column))
        else:  # quick, and of use to this reading alone
            column = self.texts.select(chosen)[self.text_column]
            lengths = self._count(column)
        return TextReader(
            column, self.tokenizer, lengths, self.max_length, self.mask_fraction, chosen
        )

    def _count(self, column: Any) -> Lengths:
        return count_tokens(column, self.tokenizer, self.sampling)


def _stamp_tokenizer(name: str) -> list[Stamp]:
    path = local_path(name)
    return [] if path is None else [stamp_file(file) for file in sorted(path.glob("*.*"))]
