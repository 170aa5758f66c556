"""The lengths of recordings, as far as they are used."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from datamodules.lengths import LengthDistribution
from datamodules.sampling import Sampled
from datamodules.utterances.reader import UtteranceReader

HELD_OUT = "held out for validation"


def distribution_of(
    source: str,
    reader: UtteranceReader,
    indices: Sequence[int],
    held_out: Sequence[int] = (),
    sampled: Sampled | None = None,
) -> LengthDistribution:
    """Count the lengths of some recordings, and why the others are left out.

    Args:
        source: Where they are.
        reader: The opened source.
        indices: Which of its recordings are counted.
        held_out: Those that are not trained on, which count as left out.
        sampled: What the recordings of the reader were drawn from; None where they are all.

    Returns:
        Lengths in frames, as the reader uses them.
    """
    left_out = dict(reader.bad_samples.left_out)
    if held_out:
        endings = (reader.recordings[index].path.suffix.lower() for index in held_out)
        left_out[HELD_OUT] = Counter(endings)
    return LengthDistribution.from_lengths(
        [reader.lengths[index] for index in indices],
        Path(source).stem or source,
        "speech",
        source,
        left_out,
        sampled,
    )
