"""The lengths of the real data that runs were measured on."""

from collections.abc import Mapping, Sequence
from typing import Any

from datamodules.lengths import LengthDistribution
from profiling.errors import SettingsError


def distributions_of(manifest: Mapping[str, Any]) -> list[LengthDistribution]:
    """Return the lengths of real data that a run was measured on; none without any."""
    listed = manifest.get("length_distributions") or ()
    return [LengthDistribution.from_dict(item) for item in listed if item.get("values")]


def shared_distribution(manifests: Sequence[Mapping[str, Any]]) -> LengthDistribution:
    """Return the lengths of the one data set that all runs were measured on.

    Raises:
        SettingsError: There is none, or more than one.
    """
    first, *others = map(distributions_of, manifests)
    shared = [each for each in first if all(each in other for other in others)]
    if len(shared) != 1:
        names = ", ".join(f"{each.name} ({each.modality})" for each in shared)
        raise SettingsError(
            "`lengths` must be given, a file that `profile.py lengths` wrote, unless every run was "
            f"measured on the same data set, and on no other, got {names or 'none that all share'}"
        )
    return shared[0]
