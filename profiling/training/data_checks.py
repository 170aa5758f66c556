"""What the data of a command must be for its model, before anything is computed."""

from importlib import import_module

from lightning import LightningDataModule, LightningModule

from datamodules.base import ModalityData
from lightning_modules.models.base import VariantModule
from profiling.class_names import DATA, short_name
from profiling.errors import SettingsError

# Verbs in which labels are learnt, or compared with.
WITH_LABELS = ("fit", "test", "validate")


def check_data(command: str, model: LightningModule, data: LightningDataModule) -> None:
    """Refuse data that the model cannot take; classes of others say nothing of themselves.

    Raises:
        SettingsError: They are of another modality, have labels of another kind or more token ids,
            or are too long.
    """
    name = getattr(model, "variant", type(model).__name__)
    modality, given = getattr(model, "modality", None), getattr(data, "modality", None)
    kind = getattr(model, "label_kind", None) if command in WITH_LABELS else None
    kind_given = getattr(data, "label_kind", None)
    if None not in (modality, given) and modality != given:
        raise SettingsError(
            f"`data` must be {modality} for {name}, got {given}{_choices(modality, kind)}"
        )
    if None not in (kind, kind_given) and kind != kind_given:
        raise SettingsError(
            f"`data` must have {kind} for {name}, got {type(data).__name__}, which has "
            f"{kind_given}{_choices(modality, kind)}"
        )
    if isinstance(model, VariantModule) and isinstance(data, ModalityData):
        _check_sizes(model, data)


def _choices(modality: str | None, kind: str | None) -> str:
    """List the data of a modality, with labels of one kind, or of any where that is None."""
    found = {short_name(path): import_module(path.rpartition(".")[0]) for path in DATA}
    classes = [getattr(module, name) for name, module in found.items()]
    fitting = [
        each.__name__
        for each in classes
        if each.modality == modality and kind in (None, each.label_kind)
    ]
    return f"; choose one of: {', '.join(sorted(fitting))}"


def _check_sizes(model: VariantModule, data: ModalityData) -> None:
    if data.modality == "text" and data.num_classes > model.num_classes:
        raise SettingsError(
            f"`model.init_args.checkpoint` must have an embedding for each of {data.num_classes:,} "
            f"token ids, as many as `data` has, got {model.num_classes:,}"
        )
    if model.longest_input is None:
        return
    longest = data.lengths().values[-1]
    if longest > (model.registered.maximum_length or longest):
        raise SettingsError(
            f"`data` must have inputs of at most {model.registered.maximum_length:,} "
            f"{data.lengths().unit} for {model.variant}, got {longest:,}"
        )
    if longest > model.longest_input:
        raise SettingsError(
            f"`model.init_args.max_length` must be at least {longest}, the longest input "
            "of `data` (which `data.init_args.max_length` cuts), got "
            f"{model.longest_input}"
        )
