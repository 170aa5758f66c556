"""The facts that tell one modality from another, except its models."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from datamodules.errors import validate_choice
from datamodules.geometry import SIDE_MULTIPLE, samples_for_frames


@dataclass(frozen=True)
class Modality:
    """One of text, speech and vision.

    Args:
        name: How it is called everywhere.
        axis: Column of a measurement row on which the variants are compared.
        unit: Unit of the axis, as in `lengths.json`.
        axis_unit: The same in the words of a chart.
        lengths_setting: Setting of a sweep that lists values of the axis.
        synthetic: `module:class` of data made on the spot.
        num_classes: How many things a model's head tells apart when data are made on the spot.
        num_classes_of_size: The same for sizes of models that differ from it.
        classes_field: Field of a checkpoint's configuration that decides it instead.
        multiple: Values of the axis are rounded up to a multiple of this.
        has_position_table: Whether models have a table of positions, made for the longest length
            of a sweep, equally for all variants.
        is_audio: Whether the raw input is audio, so that the axis counts its frames.
    """

    name: str
    axis: str
    unit: str
    axis_unit: str
    lengths_setting: str
    synthetic: str
    num_classes: int
    num_classes_of_size: Mapping[str, int] = field(default_factory=dict)
    classes_field: str | None = None
    multiple: int = 1
    has_position_table: bool = False
    is_audio: bool = False

    def round_length(self, length: int) -> int:
        """Return the smallest value of the axis that is not below `length`."""
        return -(-length // self.multiple) * self.multiple

    def sequence_length(self, length: int) -> int | None:
        """Return the tokens at a value of the axis; None where only a model can say."""
        return length if self.axis == "sequence_length" else None

    def input_size(self, length: int) -> int | None:
        """Return the raw input at a value of the axis: audio samples or pixels; None for text."""
        if self.axis == "input_size":
            return length
        return samples_for_frames(length) if self.is_audio else None


MODALITIES = {
    modality.name: modality
    for modality in (
        Modality(
            name="text",
            axis="sequence_length",
            unit="tokens",
            axis_unit="tokens",
            lengths_setting="lengths",
            synthetic="datamodules.modalities.synthetic:SyntheticText",
            # The published vocabulary where there are layers enough beside it; the head is the
            # same for all variants, and of two layers it would hide what differs.
            num_classes=30522,
            num_classes_of_size={"wide": 4096, "tiny": 1024},
            classes_field="vocab_size",
            has_position_table=True,
        ),
        Modality(
            name="speech",
            axis="sequence_length",
            unit="frames",
            axis_unit="frames",
            lengths_setting="lengths",
            synthetic="datamodules.modalities.synthetic:SyntheticSpeech",
            num_classes=100,
            is_audio=True,
        ),
        Modality(
            name="vision",
            axis="input_size",
            unit="pixels",
            axis_unit="pixels per side",
            lengths_setting="input_sizes",
            synthetic="datamodules.modalities.synthetic:SyntheticVision",
            num_classes=10,
            multiple=SIDE_MULTIPLE,
        ),
    )
}


def find_modality(name: str) -> Modality:
    """Look a modality up.

    Raises:
        DataError: There is none of this name; the choices are listed.
    """
    validate_choice("modality", name, tuple(MODALITIES))
    return MODALITIES[name]
