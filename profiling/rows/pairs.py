"""Names of kernels: how one reads, and the text that names two of them to compare."""

import re

from profiling.errors import SettingsError

COMPILED = " compiled"
GRAPHED = " graphed"


def kernel_name(implementation: str, compiled: bool, graphed: bool = False) -> str:
    """Return what tells a kernel from others of the same model, such as "sdpa compiled"."""
    return implementation + COMPILED * compiled + GRAPHED * graphed


def implementation_of(kernel: str) -> str:
    """Return the implementation of a kernel, compiled or not, graphed or not."""
    return kernel.removesuffix(GRAPHED).removesuffix(COMPILED)


def parse_pair(pair: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return (variant, kernel) of both sides of "bert:sdpa compiled,longformer:mask_fixed".

    Raises:
        SettingsError: The text has another form.
    """
    side = rf"\s*(\w+):(\w+(?:{COMPILED}|{GRAPHED})?)\s*"
    found = re.fullmatch(f"{side},{side}", pair)
    if not found:
        raise SettingsError(
            '`pairs` takes "variant:implementation,variant:implementation", where an '
            f'implementation may end in "{COMPILED}" or "{GRAPHED}", got {pair!r}'
        )
    return (found[1], found[2]), (found[3], found[4])
