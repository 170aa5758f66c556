"""Settings of a `data` block on the command line of `profile.py`.

A block is a plain map there, since only a child knows its class: jsonargparse cannot look inside.
"""

import re
from collections.abc import Sequence
from typing import Any

import yaml

from datamodules.nesting import parse_yaml
from profiling.class_names import DATA, full_path
from profiling.errors import SettingsError

# --data.init_args.source, --modalities.text.data.class_path; `init_args` may be left out.
OPTION = re.compile(r"--(?:modalities\.(\w+)\.)?data\.(?:init_args\.)?(\w+)(?:=(.*))?", re.DOTALL)

Overrides = list[tuple[str | None, str, Any]]
"""Modality, if one was named, setting and value."""


def split_data_settings(arguments: Sequence[str]) -> tuple[list[str], Overrides]:
    """Take the settings of data blocks out of a command line.

    Returns:
        The other arguments, and what was taken out.

    Raises:
        SettingsError: A setting has no value.
    """
    others: list[str] = []
    taken: Overrides = []
    left = iter(arguments)
    for argument in left:
        found = OPTION.fullmatch(argument)
        if found is None:
            others.append(argument)
            continue
        modality, name, text = found.groups()
        value = text if text is not None else next(left, None)
        if value is None:
            raise SettingsError(f"`{argument.removeprefix('--')}` must be given a value")
        taken.append((modality, name, _read_value(name, value)))
    return others, taken


def _read_value(name: str, text: str) -> Any:
    try:
        return parse_yaml(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"`{name}` must be a value as in YAML, got {text[:60]!r}") from error


def with_full_paths(value: Any) -> Any:
    """Return parsed YAML in which every `class_path` that is the name of a class of ours is whole.

    The parser of a sweep looks for the class before it is known what the block is for.
    """
    if isinstance(value, list):
        return [with_full_paths(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {name: with_full_paths(each) for name, each in value.items()}
    if isinstance(name := found.get("class_path"), str):
        found["class_path"] = full_path(name, DATA)
    return found


def set_in_block(block: dict[str, Any] | None, name: str, value: Any) -> dict[str, Any]:
    """Return a data block with one setting changed."""
    block = dict(block or {})
    if name == "class_path":
        return block | {name: value}
    return block | {"init_args": (block.get("init_args") or {}) | {name: value}}


def place_of(chosen: Any, modality: str | None, name: str, known: Sequence[str]) -> Any:
    """Return the settings that have the data block in which a setting is to be changed.

    Args:
        chosen: Settings of the command.
        modality: Whose block it is; None for the one of the command itself.
        name: Of the setting.
        known: Settings that the command has.

    Raises:
        SettingsError: There is no such block.
    """
    modalities = chosen.get("modalities") or {}
    place = chosen if modality is None else modalities.get(modality)
    if place is not None and "data" in place:
        return place
    below = "" if modality is None else f"modalities.{modality}."
    if not modalities:
        raise SettingsError(
            f"`{below}data.{name}` is not a setting; choose one of: {', '.join(sorted(known))}"
        )
    wanted = " or ".join(f"`modalities.{each}.data.{name}`" for each in modalities)
    raise SettingsError(
        f"`data` must stand below a modality, as {wanted}, got `{below}data.{name}`"
    )
