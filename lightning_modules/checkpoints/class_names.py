"""What the outputs of a classifier stand for, as its configuration says it."""

import json
import re

from lightning_modules.side_files import find_side_file

FILE = "config.json"
# What transformers calls an output that nobody has named.
UNNAMED = re.compile(r"LABEL_\d+")


def read_class_names(checkpoint: str | None) -> list[str] | None:
    """Return the names of all outputs, in order; None where a checkpoint has named none.

    Args:
        checkpoint: Folder or hub name of a model that was loaded, so that its configuration is
            whole; None has none.
    """
    path = None if checkpoint is None else find_side_file(checkpoint, FILE)
    known = {} if path is None else json.loads(path.read_text(encoding="utf-8"))
    named = known.get("id2label") or {}
    names = [str(named[number]) for number in sorted(named, key=int)]
    return None if all(map(UNNAMED.fullmatch, names)) else names
