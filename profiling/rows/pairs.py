"""The text that names two implementations to compare."""

import re

from profiling.errors import SettingsError


def parse_pair(pair: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return (variant, implementation) of both sides of "bert:sdpa,longformer:mask_fixed".

    Raises:
        SettingsError: The text has another form.
    """
    found = re.fullmatch(r"\s*(\w+):(\w+)\s*,\s*(\w+):(\w+)\s*", pair)
    if not found:
        raise SettingsError(
            f'`pairs` takes "variant:implementation,variant:implementation", got {pair!r}'
        )
    return (found[1], found[2]), (found[3], found[4])
