"""From letters per frame to text, and what a transcript costs."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from lightning_modules.errors import ModelError

BLANK = 0
WORD_END = "|"
LETTERS = ("", WORD_END, *"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "'")


def validate_alphabet(alphabet: Sequence[str]) -> None:
    """Raise ModelError unless it is a blank and other symbols, each once."""
    if len(alphabet) < 2 or len(set(alphabet)) < len(alphabet):
        raise ModelError(
            "`alphabet` must be the blank followed by symbols that differ, "
            f"got {len(alphabet)} symbols, {len(set(alphabet))} of them different"
        )


def ctc_losses(logits: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
    """Compute the negative log likelihood of every transcript, in float32.

    Args:
        logits: (batch, frames, symbols); symbol 0 is the blank.
        lengths: (batch,) frames that are no padding.
        labels: (batch, letters) int64; below 1 is padding.

    Returns:
        (batch,), zero where a transcript has more letters than fit into its frames.
    """
    log_probabilities = functional.log_softmax(logits, dim=-1, dtype=torch.float32)
    return functional.ctc_loss(
        log_probabilities.transpose(0, 1),
        labels.clamp(min=0),
        lengths,
        (labels > BLANK).sum(-1),
        blank=BLANK,
        reduction="none",
        zero_infinity=True,
    )


def can_be_aligned(lengths: Tensor, labels: Tensor) -> Tensor:
    """Return which transcripts fit into their frames: a blank must stand between equal letters.

    Args:
        lengths: (batch,) frames that are no padding.
        labels: (batch, letters) int64; below 1 is padding.

    Returns:
        (batch,) bool.
    """
    is_letter = labels > BLANK
    repeated = (labels[:, 1:] == labels[:, :-1]) & is_letter[:, 1:]
    return is_letter.sum(-1) + repeated.sum(-1) <= lengths.to(labels.device)


def decode_greedily(logits: Tensor, lengths: Tensor, alphabet: Sequence[str]) -> list[str]:
    """Take the best symbol of every frame, once for each run of it, without blanks.

    Args:
        logits: (batch, frames, symbols).
        lengths: (batch,) frames that are no padding.
        alphabet: What every symbol stands for.

    Returns:
        A transcript for each.
    """
    transcripts = []
    for symbols, length in zip(logits.argmax(-1).cpu(), lengths.tolist(), strict=True):
        merged = torch.unique_consecutive(symbols[:length])
        transcripts.append(read_symbols(merged[merged != BLANK].tolist(), alphabet))
    return transcripts


def read_symbols(symbols: Sequence[int], alphabet: Sequence[str]) -> str:
    """Return the text of symbols: words, one space between them."""
    letters = "".join(alphabet[symbol] for symbol in symbols)
    return " ".join(letters.replace(WORD_END, " ").split())


def read_labels(labels: Tensor, alphabet: Sequence[str]) -> list[str]:
    """Return the transcripts of labels, (batch, letters), below 1 where padded."""
    return [read_symbols(row[row > BLANK].tolist(), alphabet) for row in labels.cpu()]
