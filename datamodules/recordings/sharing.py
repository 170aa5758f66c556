"""What belongs to recordings by their names, and would be taken for that of another one."""

import os
from collections.abc import Callable, Sequence

from datamodules.recordings.recording import Recording


def find_namesakes(
    recordings: Sequence[Recording],
    others: Sequence[Recording],
    key: Callable[[str], object] = str,
) -> tuple[Recording, Recording] | None:
    """Find two different recordings of two sources that share what goes by their names.

    A file that both sources have is no other one.

    Args:
        recordings: Those of one source.
        others: Those of the other source.
        key: Returns what is equal for names that stand for the same thing, the name itself unless
            given.

    Returns:
        One of `recordings` and one of `others`; None where there are no such two.
    """
    owners = {key(other.name): other for other in others}
    for recording in recordings:
        other = owners.get(key(recording.name))
        # Not `resolve`, which raises an error where a link leads to itself.
        if other is not None and os.path.realpath(other.path) != os.path.realpath(recording.path):
            return recording, other
    return None
