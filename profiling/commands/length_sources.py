"""Which data sets `profile.py lengths` was given: data blocks, YAML files, lengths files."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from datamodules.lengths import LengthDistribution
from datamodules.nesting import parse_yaml
from profiling.commands.data_settings import with_full_paths
from profiling.errors import SettingsError
from profiling.rows.files import check_writable

YAML_ENDINGS = (".yaml", ".yml")


def blocks_of(
    block: dict[str, Any], names: Sequence[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the data blocks to read, and the lengths files, in their order.

    Args:
        block: The block of the settings; empty where there is none.
        names: Files: YAML with a `data` block, or lengths.

    Raises:
        SettingsError: There is nothing to read, or a YAML file has no block.
    """
    configs = [name for name in names if Path(name).suffix.lower() in YAML_ENDINGS]
    files = [name for name in names if name not in configs]
    blocks = [*([block] if block else []), *map(_read_block, configs)]
    if not blocks and not files:
        raise SettingsError("`data` must be given, or files of lengths to look at")
    return blocks, files


class Places:
    """Where distributions are written: `out`, or beside it by name if there are several.

    Those of several never take the place of each other, or of a file that they are compared with.
    """

    def __init__(self, out: Path, num_blocks: int, files: Sequence[str] = ()) -> None:
        """Refuse a place that cannot be, before the reading, which may take long.

        Args:
            out: Where one block is written.
            num_blocks: How many there are.
            files: Files of lengths that are compared with them.

        Raises:
            SettingsError: `out` is one of the files, or cannot be written.
        """
        self._out, self._is_alone = out, num_blocks == 1
        self._taken = {Path(file).resolve() for file in files}
        if self._is_alone and out.resolve() in self._taken:
            raise SettingsError(
                f"`out` must be another file than those that are compared, got {out}"
            )
        if num_blocks:
            check_writable("out", out)

    def take(self, name: str) -> Path:
        """Return the place of the next data set, by its name."""
        if self._is_alone:
            return self._out
        safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in name)
        named = f"{self._out.stem}-{safe}"
        stems = itertools.chain([named], (f"{named}-{number}" for number in itertools.count(2)))
        possible = (self._out.with_name(f"{stem}{self._out.suffix}") for stem in stems)
        place = next(one for one in possible if one.resolve() not in self._taken)
        self._taken.add(place.resolve())
        return place


def told_apart(found: Sequence[LengthDistribution]) -> list[LengthDistribution]:
    """Return them, those that share a name named with the folder too, and else by number."""
    shared = {name for name, times in Counter(each.name for each in found).items() if times > 1}
    names: list[str] = []
    for each in found:
        folder = Path(each.source).parent.name
        name = f"{folder}/{each.name}" if each.name in shared and folder else each.name
        numbered = (f"{name} {number}" for number in itertools.count(2))
        names.append(next(one for one in itertools.chain([name], numbered) if one not in names))
    return [replace(each, name=name) for each, name in zip(found, names, strict=True)]


def _read_block(name: str) -> dict[str, Any]:
    try:
        content = with_full_paths(parse_yaml(Path(name).read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"`files` {name} cannot be read: {error.strerror}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise SettingsError(
            f"`files` must be YAML with a `data` block, or files of lengths, got {name}, "
            "which is not YAML"
        ) from error
    block = content.get("data") if isinstance(content, dict) else None
    if not isinstance(block, dict) or not block:
        raise SettingsError(f"`files` {name} must have a `data` block, got none")
    return block
