"""JSON and YAML that a user hands over; what nests too deeply is damaged, and breaks no parser.

In files of our own formats, nor do its numbers break what computes, or its texts what writes.
"""

import json
from collections.abc import Callable
from typing import Any

# Of YAML: its fast parser has no limit of its own, and ends the process where the stack ends.
MOST_LEVELS = 100
TOO_DEEP = "it is nested too deeply"
LARGEST_INTEGER = 2**63 - 1  # what arrays of numbers can hold


def parse_json(text: str | bytes, **options: Any) -> Any:
    """Parse JSON as `json.loads` does, with the same options.

    Raises:
        ValueError: It is none, or is nested more deeply than Python can follow.
    """
    try:
        return json.loads(text, **options)
    except RecursionError:  # its traceback would have a thousand lines
        raise ValueError(TOO_DEEP) from None


def parse_bounded_json(text: str, **options: Any) -> Any:
    """Parse JSON as `parse_json` does: of numbers to compute with, and texts that can be written.

    Raises:
        ValueError: It is none, or is nested too deeply, or an integer is too large, or a text has
            half of a pair of surrogates.
    """
    found = parse_json(text, parse_int=_bounded, **options)
    refuse_half_pairs(text, found)
    return found


def refuse_half_pairs(text: str, parsed: Any) -> None:
    """Refuse JSON with a text that no file in UTF-8 can hold.

    Args:
        text: The JSON.
        parsed: What it says.

    Raises:
        ValueError: A text has half of a pair of surrogates.
    """
    if "\\ud" not in text.lower():  # only an escape can bring one into a file that was decoded
        return
    try:
        json.dumps(parsed, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("it has a text with half of a pair of surrogates") from None


def _bounded(digits: str) -> int:
    # By their number first: Python refuses to convert very many, and takes long.
    if len(digits) > len(str(-LARGEST_INTEGER)) or abs(int(digits)) > LARGEST_INTEGER:
        raise ValueError(f"it has an integer beyond {LARGEST_INTEGER:,}")
    return int(digits)


def parse_yaml(text: str) -> Any:
    """Parse YAML as `yaml.safe_load` does.

    Raises:
        yaml.YAMLError: It is none, or is nested too deeply.
    """
    import yaml

    return guarded(yaml.safe_load)(text)


def guarded(load: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a loader of YAML that looks at the nesting before it loads.

    Args:
        load: Returns what a text says; it is not called for a text that is nested too deeply.

    Returns:
        The same function, which raises yaml.YAMLError for such a text.
    """
    import yaml

    def load_shallow(text: str) -> Any:
        if is_too_deep(text):
            raise yaml.YAMLError(TOO_DEEP)
        return load(text)

    return load_shallow


def is_too_deep(text: str) -> bool:
    """Tell whether YAML has more than `MOST_LEVELS` lists and maps in each other."""
    if len(text) <= MOST_LEVELS:
        return False
    import yaml

    level = 0
    try:
        # Events come one by one, so that no stack grows and the first level too many ends it.
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            level += isinstance(event, yaml.CollectionStartEvent)
            level -= isinstance(event, yaml.CollectionEndEvent)
            if level > MOST_LEVELS:
                return True
    except yaml.YAMLError:
        return False  # it is for its loader to say what is wrong
    return False
