"""Text from a hub data set or a local file, for masked-language modelling."""

from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from datamodules.errors import validate_fraction, validate_minimum
from datamodules.files.datasets_hub import local_path
from datamodules.files.fingerprints import Stamp, fingerprint_of, stamp_file
from datamodules.files.length_cache import Lengths, cached_lengths
from datamodules.modalities.real import RealData
from datamodules.modalities.text_reader import TextReader, count_tokens, vocab_size_of
from datamodules.modalities.text_source import hash_tokenizer, load_texts, load_tokenizer


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

    @property
    def cuts_at(self) -> str | None:
        """The setting at which longer texts are cut; None where none is."""
        return None if self.max_length is None else f"`max_length` {self.max_length}"

    def fingerprint(self) -> str:
        """Return a text that changes with the settings, the texts and the tokenizer."""
        settings = {"max_length": self.max_length, "mask_fraction": self.mask_fraction}
        return fingerprint_of({"texts": self._texts_key(), **settings})

    def _texts_key(self) -> str:
        names = ("source", "tokenizer_name", "text_column", "split", "subset")
        settings = {name: getattr(self, name) for name in names}
        content = {"tokenizer": hash_tokenizer(self.tokenizer)}
        return fingerprint_of(settings | content, self._stamp_texts())

    def _lengths_key(self) -> str:
        # Another version of the libraries may split the same texts otherwise.
        versions = {name: metadata.version(name) for name in ("tokenizers", "transformers")}
        return fingerprint_of({"texts": self._texts_key(), **versions})

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
        key = self._lengths_key()  # first: what is changed after this is known to be changed
        chosen = self.sampling.draw(len(self.texts))
        if len(chosen) == len(self.texts):
            column = self.texts[self.text_column]
            lengths = cached_lengths(key, len(column), lambda: self._count(column))
        else:  # quick, and of use to this reading alone
            column = self.texts.select(chosen)[self.text_column]
            lengths = self._count(column)
        return TextReader(
            column, self.tokenizer, lengths, self.max_length, self.mask_fraction, chosen
        )

    def _count(self, column: Any) -> Lengths:
        return count_tokens(column, self.tokenizer, self.sampling)
