"""Files beside the weights of a checkpoint, in a folder or on the hub."""

from pathlib import Path
from typing import Any

from transformers.utils.hub import cached_file

QUIETLY = tuple(
    f"_raise_exceptions_for_{what}"
    for what in ("connection_errors", "gated_repo", "missing_entries")
)


def find_side_file(source: str, name: str, **of_the_hub: Any) -> Path | None:
    """Return a file of a checkpoint, fetched where it is on the hub; None where it has none.

    Where the hub cannot be asked, the file is looked for among those that were fetched before.

    Args:
        source: Folder or hub name.
        name: Of the file.
        of_the_hub: What a loader hands on to the hub, such as `revision`.

    Raises:
        OSError: There is no such folder, and nothing of that name on the hub.
    """
    found = cached_file(source, name, **of_the_hub, **dict.fromkeys(QUIETLY, False))
    return None if found is None else Path(found)
