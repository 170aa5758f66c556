"""The symbols that a transcript is spelled with."""

from collections.abc import Sequence

from datamodules.counted import counted
from datamodules.errors import DataError

WORD_END = "|"
# The first is CTC's blank, which no transcript has.
LETTERS = ("", WORD_END, *"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "'")


def validate_alphabet(alphabet: Sequence[str]) -> None:
    """Raise DataError unless it is a blank, single characters that differ, and `|` among them."""
    symbols = list(alphabet[1:])
    wrong = [symbol for symbol in symbols if len(symbol) != 1 or symbol.isspace()]
    if wrong or WORD_END not in symbols or len(set(symbols)) < len(symbols):
        problem = (
            f"got {wrong[0]!r}"
            if wrong
            else f"got {counted(len(symbols), 'symbol')} after the first"
        )
        raise DataError(
            "`alphabet` must be the blank followed by single characters, each once, one of them "
            f"{WORD_END!r}, which ends a word; {problem}"
        )


def spell(
    text: str, alphabet: Sequence[str] = LETTERS, recording: str = "a transcript"
) -> list[int]:
    """Return the symbols of a transcript; every word ends with `|`.

    Args:
        text: Words with white space between them. They become upper-case, unless the alphabet has
            lower-case letters.
        alphabet: The symbols that are numbered; the first is the blank.
        recording: Name of its recording, for the message.

    Raises:
        DataError: A character is not in the alphabet.
    """
    if not any(symbol.islower() for symbol in alphabet[1:]):
        text = text.upper()
    numbers = {symbol: number for number, symbol in enumerate(alphabet) if number}
    spelled = "".join(word + WORD_END for word in text.split())
    unknown = sorted(set(spelled) - set(numbers))
    if unknown:
        raise DataError(
            f"`alphabet` must have every character of the transcripts, {recording} has "
            f"{', '.join(map(repr, unknown))}"
        )
    return [numbers[character] for character in spelled]


def frames_needed(labels: Sequence[int]) -> int:
    """Return the fewest frames that CTC can read these from: between equal ones stands a blank."""
    return len(labels) + sum(map(int.__eq__, labels, labels[1:]))
