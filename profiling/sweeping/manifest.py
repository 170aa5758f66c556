"""What a run directory's rows are to be read with, after one more sweep into it."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lightning_modules.variants import VARIANTS
from profiling.planning.settings import SweepSettings
from profiling.rows.columns import Row
from profiling.rows.locks import Shard
from profiling.rows.pairs import parse_pair


def with_sweep(
    manifest: Mapping[str, Any],
    settings: SweepSettings,
    shard: Shard,
    states: Mapping[str, Row],
    distributions: Sequence[Row],
) -> dict[str, Any]:
    """Return a manifest as a sweep leaves it.

    Of modalities that the sweep does not have, all stays that their rows are read with.

    Args:
        manifest: As it was; empty before the first sweep.
        settings: Of the sweep.
        shard: The part of it that is measured.
        states: By modality; a shard need not have points of each.
        distributions: The lengths of the sweep's real data.
    """
    earlier = manifest.get("config", {}).get("pairs", [])
    pairs = [pair for pair in earlier if _modality_of(pair) not in settings.modalities]
    lengths = manifest.get("length_distributions", [])
    kept = [one for one in lengths if one.get("modality") not in settings.modalities]
    others = [s for s in manifest.get("shards", []) if s[1:] == [shard[1]] and s != [*shard]]
    return {
        **manifest,
        "config": asdict(settings) | {"pairs": [*pairs, *settings.pairs]},
        "seed": settings.seed,
        "shards": sorted([*others, [*shard]]),
        "states": {**manifest.get("states", {}), **states},
        "length_distributions": [*kept, *distributions],
    }


def with_left_alone(
    manifest: Mapping[str, Any],
    modalities: Container[str],
    others: Container[str],
    left_alone: Sequence[str],
) -> dict[str, Any]:
    """Return a manifest that says for what a sweep had no time.

    What an earlier sweep left alone stays where this one does not have the modality; a phase of
    its own modalities that it is not asked for is missed by nobody.

    Args:
        manifest: As it was.
        modalities: Of the sweep.
        others: What other shards of the sweep choose lengths for, as "text training".
        left_alone: For what this shard had no time.
    """
    kept = [
        name
        for name in manifest.get("left_alone", [])
        if name in others or name.split()[0] not in modalities
    ]
    return {**manifest, "left_alone": sorted([*kept, *left_alone])}


def _modality_of(pair: str) -> str | None:
    """Return the modality of a comparison that was asked for; None where nobody knows it now."""
    (variant, _), _ = parse_pair(pair)
    return next((name for name, known in VARIANTS.items() if variant in known), None)
