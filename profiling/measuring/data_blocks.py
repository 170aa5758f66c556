"""Build the datamodule of a `data` block, in a child."""

from collections.abc import Iterable
from typing import Any

from lightning import LightningDataModule

from datamodules.base import ModalityData
from datamodules.errors import DataError
from datamodules.libraries import needed
from datamodules.utterances.base import UtteranceData
from profiling.class_names import DATA, MEASURED_DATA, full_path, short_name
from profiling.errors import find_mistake

DataOfLengths = ModalityData | UtteranceData
EVERY_DATA = tuple(sorted(map(short_name, DATA)))


def build_data(block: dict[str, Any]) -> ModalityData:
    """Build data of which a batch has any length, from a `class_path` / `init_args` block.

    Raises:
        DataError: As `build_any_data`, or they are others.
    """
    built = _build(block, MEASURED_DATA)
    if not isinstance(built, ModalityData):
        raise DataError(_refusal("batches of any length for a sweep", built, MEASURED_DATA))
    return built


def build_any_data(block: dict[str, Any]) -> DataOfLengths:
    """Build data whose samples have lengths; of our classes the name is enough.

    Raises:
        DataError: The class or an argument does not exist or has the wrong type, or the library
            that looks for them is missing.
    """
    built = _build(block, EVERY_DATA)
    if not isinstance(built, ModalityData | UtteranceData):
        raise DataError(_refusal("samples with lengths", built, EVERY_DATA))
    return built


def _build(block: dict[str, Any], choices: Iterable[str]) -> Any:
    with needed("jsonargparse", "a `data` block"):
        from jsonargparse import ArgumentError, ArgumentParser

        from profiling.arguments import one_sentence

    if isinstance(name := block.get("class_path"), str):
        block = block | {"class_path": full_path(name, DATA)}
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(LightningDataModule, "data", required=True)
    try:
        return parser.instantiate(parser.parse_object({"data": block})).data
    except (ArgumentError, ValueError) as problem:
        mistake = find_mistake(problem)
        if mistake is None and isinstance(problem, ArgumentError):
            mistake = one_sentence(str(problem))
        if mistake is None:
            raise
        if "must be the path of a class" in mistake:
            mistake += f"; choose one of: {', '.join(choices)}"
        raise DataError(mistake) from problem


def _refusal(wanted: str, built: Any, choices: Iterable[str]) -> str:
    listed = f"choose one of: {', '.join(choices)}"
    return f"`data` must have {wanted}, got {type(built).__name__}; {listed}"
