"""Utterances: the samples of a source of recordings."""

from collections.abc import Sequence

from datamodules.bad_samples import BadSamples
from datamodules.batching.reading import SampleReader
from datamodules.recordings.recording import Recording


class UtteranceReader(SampleReader):
    """Reads recordings or parts of them; batches tell by `index` which ones they have.

    Args:
        recordings: The audio files.
        lengths: Frames of every one, as far as it is used.
        bad_samples: Stops at a damaged one, or skips it and counts it.
    """

    tells_index = True

    def __init__(
        self, recordings: Sequence[Recording], lengths: Sequence[int], bad_samples: BadSamples
    ) -> None:
        super().__init__(lengths, bad_samples)
        self.recordings = recordings

    def identities(self) -> list[str]:
        """Return the names of the recordings within the source."""
        return [recording.name for recording in self.recordings]
