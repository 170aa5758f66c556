"""An audio file that is read in blocks, so that no header decides how much memory that takes."""

import io
import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import BadSampleError, shown
from datamodules.libraries import needed
from datamodules.recordings.claims import check_whole
from datamodules.recordings.corrected import CorrectedFile
from datamodules.recordings.mp3 import EndlessFile, find_mp3_audio
from datamodules.recordings.stated import correction_of_zero

BLOCK_VALUES = 1 << 18  # of all channels together
# No codec puts more audio into a byte: a packet of silence has a byte, and some thousand samples.
MOST_FRAMES_PER_BYTE = 8192
# Others are no speech, and would become thousands of times as many samples, or as few.
RATES_HZ = (1_000, 768_000)


class Sound:
    """The audio of an opened file, mixed to mono.

    Attributes:
        rate_hz: Samples of a second.
        num_samples: How many there are at that rate; None until it was read to its end, where the
            header cannot know.
    """

    def __init__(self, file: Any, is_known: bool) -> None:
        self._file = file
        self.rate_hz: int = file.samplerate
        self.num_samples: int | None = file.frames if is_known else None
        self._place = 0

    def count(self) -> int:
        """Return how many samples there are, if need be by decoding all of them."""
        if self.num_samples is None:
            self.read(0, 0)
        assert self.num_samples is not None
        return self.num_samples

    def read(self, first: int, end: int) -> NDArray[np.float32]:
        """Decode a part once; where the length is unknown, the rest is decoded too and counted.

        Args:
            first: Its first sample.
            end: The sample after its last one.

        Returns:
            (samples,) float32, fewer where the audio ends before.
        """
        if first and self.num_samples is not None and self._file.can_seek:
            self._place = self._file.seek(first)
        last = math.inf if self.num_samples is None else end
        parts = [np.zeros(0, np.float32)]
        while self._place < last and len(block := self._next_block()):
            begins, ends = self._place, self._place + len(block)
            if begins < end and first < ends:
                parts.append(block[max(0, first - begins) : end - begins])
            self._place = ends
        if self.num_samples is None:
            self.num_samples = self._place
        return np.concatenate(parts)

    def _next_block(self) -> NDArray[np.float32]:
        frames = max(1, BLOCK_VALUES // self._file.channels)
        block = self._file.read(frames, dtype="float32", always_2d=True)
        mixed: NDArray[np.float32] = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)
        return mixed


@contextmanager
def open_sound(
    opened: BinaryIO | Path, path: Path, *, is_thorough: bool = False
) -> Iterator[Sound]:
    """Open an audio file whose header may claim anything.

    Args:
        opened: The path of the file, or the file itself.
        path: What messages call it.
        is_thorough: Read all of the file, which joined FLAC recordings need to be found.

    Raises:
        BadSampleError: It is not what its header says, or its rate is not one of audio.
        DataError: soundfile is missing.
    """
    with needed("soundfile", "reading audio"):
        import soundfile  # noqa: F401
    with ExitStack() as files:
        file: Any = opened
        if isinstance(file, Path):
            # Not by its name, which may have bytes that are no UTF-8.
            file = files.enter_context(file.open("rb", buffering=0))
        check_whole(file, path, is_thorough=is_thorough)
        if (correction := correction_of_zero(file)) is not None:
            file = CorrectedFile(file, *correction)
        size = file.seek(0, os.SEEK_END)
        decoder = files.enter_context(_decode(file))
        is_known = decoder.frames <= size * MOST_FRAMES_PER_BYTE
        if decoder.format == "MP3":
            audio = find_mp3_audio(file)
            is_known = audio.is_known
            # Anew, because the place in the file moved.
            decoder = files.enter_context(
                _decode(file if is_known else EndlessFile(file, audio.pieces))
            )
            decoder.read(audio.delay, dtype="float32")
        _check_rate(decoder.samplerate, path)
        yield Sound(decoder, is_known)


def _check_rate(rate_hz: int, path: Path) -> None:
    lowest, highest = RATES_HZ
    if not lowest <= rate_hz <= highest:
        raise BadSampleError(
            f"audio file {shown(path)} must be sampled at {lowest} to {highest} Hz, got {rate_hz}",
            "sampling rate",
            path.suffix.lower(),
        )


def _decode(file: Any) -> Any:
    """Return a decoder of an opened file that reads on and on, and never seeks by itself."""
    import soundfile

    class Decoder(soundfile.SoundFile):
        """libsndfile says that it can seek in files where it fails, and soundfile would do it."""

        def __init__(self, file: Any) -> None:
            super().__init__(file, closefd=False)
            # In MP3 a place that is sought is some frames off.
            self.can_seek = super().seekable() and self.format != "MP3"

        def seekable(self) -> bool:
            return False

    file.seek(0)
    # Of a file on disk the number: libsndfile then reads it without going through Python.
    return Decoder(file.fileno() if isinstance(file, io.FileIO) else file)
