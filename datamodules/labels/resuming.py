"""Whether a folder that has labels, all or some, may be gone on with: they must be of these audio.

While labels are unfinished, the folder keeps the stamps with which recordings are labelled; a
complete one has what it needs beside its facts.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from datamodules.errors import DataError
from datamodules.files.writing import write_text
from datamodules.labels.format import LabelFacts
from datamodules.labels.origin import Stamps
from datamodules.labels.reading import LabelFolder
from datamodules.labels.writing import PARTS
from datamodules.nesting import parse_json
from datamodules.recordings.recording import Recording

STAMPS_FILE = ".stamps.json"


def check_complete(
    labels: LabelFolder,
    facts: LabelFacts,
    recordings: Sequence[Recording],
    stamps: Stamps,
    skips_damaged: bool,
) -> None:
    """Check that a complete folder is what would be made now.

    Args:
        labels: The folder.
        facts: Of the labels that would be made.
        recordings: All that are to be labelled.
        stamps: Of all of them, as the first process has them.
        skips_damaged: Whether those may lack labels that were damaged, and are unchanged.

    Raises:
        DataError: It has labels of other facts, of other audio or recordings, or lacks some.
    """
    if not labels.facts.agree(facts):
        raise DataError(
            f"`folder` {labels.path} holds labels of other facts, {labels.facts}, got "
            f"{facts}: give another `folder`"
        )
    check_names(labels.names, stamps, labels.path)
    for name in (each.name for each in recordings if each.name not in labels):
        if not (skips_damaged and labels.origin.excuses(name, stamps.get(name, ""))):
            raise DataError(
                f"`folder` {labels.path} holds labels without recording {name}: give another "
                "`folder`"
            )
    labels.check([recording for recording in recordings if recording.name in labels])
    if not labels.origin.is_of(labels.names, stamps):
        raise DataError(
            f"`folder` {labels.path} holds labels of other audio, as sizes or times of change of "
            "recordings of `source` say: give another `folder`"
        )


def check_names(labelled: Iterable[str], stamps: Stamps, folder: str | Path) -> None:
    """Check that all recordings that have labels are among those to be labelled.

    Raises:
        DataError: One is not.
    """
    if others := sorted(name for name in labelled if name not in stamps):
        raise DataError(
            f"`folder` {folder} holds labels of recordings that `source` has not, such as "
            f"{others[0]}: give another `folder`"
        )


def check_unfinished(folder: Path, before: Stamps, done: Iterable[str], stamps: Stamps) -> None:
    """Check that labels may be finished: of the same audio, and of no further recordings.

    The k-means of the folder was not fitted on further ones. Those that have no labels yet may be
    gone, or mended, but not all of them: then they are of another source with the same names.

    Args:
        folder: It holds the parts.
        before: Stamps of the recordings that it was begun with; none where nobody noted them.
        done: Names of the recordings that have labels.
        stamps: Of all recordings, as they are now.

    Raises:
        DataError: A labelled recording has another stamp than before, all have, or one is new.
    """
    unchanged = {name for name in stamps if before.get(name, stamps[name]) == stamps[name]}
    if changed := sorted(set(done) - unchanged):
        raise DataError(
            f"`folder` {folder} holds unfinished labels of other audio, as size or time of change "
            f"of {changed[0]} says: give another `folder`, or remove {PARTS} in it to begin anew"
        )
    others = stamps.keys() - before.keys() if unchanged else stamps.keys()
    if before and others:
        raise DataError(
            f"`folder` {folder} holds unfinished labels begun without recording {min(others)} as "
            "it is now: give another `folder`"
        )


def note_stamps(folder: Path, stamps: Stamps) -> None:
    """Keep which recordings a folder was begun with, and their stamps, for a run that goes on."""
    write_text(folder / STAMPS_FILE, json.dumps(stamps) + "\n")


def forget_stamps(folder: Path) -> None:
    """Remove the stamps of a folder that is complete."""
    path = folder / STAMPS_FILE
    if path.exists():  # to remove what is not there fails where nothing may be written
        path.unlink()


def read_stamps(folder: Path) -> Stamps:
    """Return the stamps of a run before; none where there are none, or they are damaged."""
    try:
        stamps = parse_json((folder / STAMPS_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return stamps if isinstance(stamps, dict) else {}
