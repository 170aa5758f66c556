"""What a complete label folder keeps of the recordings that its labels were made of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from datamodules.errors import DataError
from datamodules.files.fingerprints import fingerprint_of, stamp_file
from datamodules.nesting import parse_json
from datamodules.recordings.listing import stamp_source
from datamodules.recordings.recording import Recording

Stamps = Mapping[str, str]
"""By the name of a recording, a short text that changes when it does."""


@dataclass(frozen=True)
class Origin:
    """Where labels come from; it stands beside their facts.

    Args:
        damaged: Stamps of the recordings that could not be read, so that they have no labels; None
            where an earlier program wrote the folder, which did not note them.
        audio: Changes with any recording that has labels; None where nobody noted it.
    """

    damaged: Stamps | None
    audio: str | None

    @classmethod
    def of(cls, labelled: Iterable[str], damaged: Iterable[str], stamps: Stamps) -> "Origin":
        """Return the origin of labels, given the names of recordings and what stamps there are."""
        return cls({name: stamps.get(name, "") for name in damaged}, hash_audio(labelled, stamps))

    def excuses(self, name: str, stamp: str) -> bool:
        """Return whether a recording may lack labels: it was damaged, or nobody knows."""
        return self.damaged is None or self.damaged.get(name) == stamp

    def is_of(self, labelled: Iterable[str], stamps: Stamps) -> bool:
        """Return whether the recordings with labels are what they were, or nobody knows."""
        return self.audio in (None, hash_audio(labelled, stamps))


def hash_audio(names: Iterable[str], stamps: Stamps) -> str | None:
    """Return a short text that changes with any of these recordings; None if one has no stamp."""
    chosen = {name: stamps.get(name) for name in names}
    return None if None in chosen.values() else fingerprint_of(chosen)


def read_origin(path: Path) -> Origin:
    """Read the origin out of the file of facts, which was read before.

    Raises:
        DataError: Its fields are of another kind.
    """
    stated = parse_json(path.read_bytes())
    damaged, audio = stated.get("damaged"), stated.get("audio")
    if not isinstance(damaged, dict | None) or not isinstance(audio, str | None):
        raise DataError(f"`labels` {path} must have an object `damaged`, and a text `audio`")
    return Origin(damaged, audio)


def stamp_recordings(source: str, layout: str, recordings: Iterable[Recording]) -> Stamps:
    """Return the stamps of recordings: of a file its size and its time of change.

    They are the same where a source was moved, or copied with its times. Rows of `datasets` have
    one together.

    Args:
        source: Where the recordings are.
        layout: Kind of `source`.
        recordings: All of them.
    """
    if layout != "datasets":
        return {each.name: " ".join(map(str, stamp_file(each.path)[1:])) for each in recordings}
    rows = [(Path(name).name, size, time) for name, size, time in stamp_source(source, layout)]
    return dict.fromkeys((each.name for each in recordings), fingerprint_of({}, rows))
