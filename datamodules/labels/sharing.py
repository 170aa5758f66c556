"""Labels of one source that another source would take for its own."""

from collections.abc import Sequence

from datamodules.errors import DataError, shown
from datamodules.labels.frame_labels import FrameLabels
from datamodules.recordings.recording import Recording
from datamodules.recordings.sharing import find_namesakes


def refuse_shared(
    labels: FrameLabels,
    split: str,
    recordings: Sequence[Recording],
    owner: str,
    others: Sequence[Recording],
) -> None:
    """Refuse labels of another source, where recordings of both would have the same ones.

    Labels go by names, and those of two sources may be equal, such as the numbers of rows. A file
    that both sources have is no other one.

    Args:
        labels: They have labels of all recordings of the split.
        split: Nobody gave labels for it.
        recordings: Those of the split.
        owner: The setting of the source that the labels were given for.
        others: Its recordings, some of which may have no labels.

    Raises:
        DataError: Two different recordings have the same labels.
    """
    namesakes = find_namesakes(recordings, others, labels.find)
    if namesakes is not None:
        recording, other = namesakes
        raise DataError(
            f"`{split}_labels` must be given, because {labels.path} has the labels of "
            f"{shown(other.path)} of `{owner}` under the name of {shown(recording.path)} of "
            f"`{split}_source`, which is another recording"
        )
