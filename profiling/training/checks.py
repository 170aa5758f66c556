"""What model, data and precision must be before anything is trained."""

from collections.abc import Sequence

from lightning import LightningModule
from lightning.pytorch.callbacks import BasePredictionWriter, Callback

from datamodules.base import ModalityData
from lightning_modules.models.base import VariantModule
from lightning_modules.speech.prediction_files import PredictionFiles
from lightning_modules.units.extractor import UnitExtractor
from profiling.errors import SettingsError

# Number formats of weights in 16 bits, what to take instead, and why, by subcommand.
HALF_WEIGHTS = {"bf16-true": "bf16-mixed", "16-true": "16-mixed"}
WHY_NO_HALF_WEIGHTS = {
    "fit": "in which weights take no step that is smaller than their rounding, as those of the "
    "learning rates of HuBERT are",
    "labels": "in which recordings, their spectra and the centroids are rounded, so that frames "
    "get other labels than those of their k-means",
}


def check_precision(command: str, precision: str) -> None:
    """Refuse weights in 16 bits where they would do harm.

    Raises:
        SettingsError: The precision is too low for the subcommand.
    """
    if command in WHY_NO_HALF_WEIGHTS and precision in HALF_WEIGHTS:
        raise SettingsError(
            f"`precision` must be {HALF_WEIGHTS[precision]} or 32-true for `{command}`, got "
            f"{precision}, {WHY_NO_HALF_WEIGHTS[command]}"
        )


def check_written(model: LightningModule, callbacks: Sequence[Callback]) -> None:
    """Refuse to predict what nobody would write, and labels, which have a verb of their own.

    Raises:
        SettingsError: The model is for `labels`, or no callback writes predictions.
    """
    if isinstance(model, UnitExtractor):
        raise SettingsError(
            f"`model` must be one that predicts for `predict`, got {type(model).__name__}, whose "
            "verb is `labels`"
        )
    if not any(isinstance(each, (PredictionFiles, BasePredictionWriter)) for each in callbacks):
        raise SettingsError(
            "`callbacks` must have one that writes for `predict`, PredictionFiles as in "
            "configs/train/transcribe.yaml and features.yaml or another BasePredictionWriter, got "
            "none"
        )


def check_trained(command: str, model: LightningModule) -> None:
    """Refuse to evaluate or export a model that was never trained.

    Raises:
        SettingsError: Its head is random.
    """
    if getattr(model, "head_is_random", False):
        raise SettingsError(
            f"`ckpt_path` must be given for `{command}`, or a `checkpoint` that "
            f"has the trained head of {type(model).__name__}, got neither"
        )


def check_begun(command: str, model: LightningModule) -> None:
    """Refuse to export a model of which no weight was ever trained.

    Raises:
        SettingsError: It is random: it can begin from a `checkpoint`, and has none.
    """
    if model.hparams.get("checkpoint", "") is None:
        raise SettingsError(
            f"`ckpt_path` or `checkpoint` must be given for `{command}`, got neither: all weights "
            "would be random"
        )


def check_data(model: VariantModule, data: ModalityData) -> None:
    """Refuse data that the model cannot take.

    Raises:
        SettingsError: They are of another modality, have more token ids, or are too long.
    """
    if model.modality != data.modality:
        raise SettingsError(
            f"`data` must be {model.modality} for {model.variant}, got {data.modality}"
        )
    if data.modality == "text" and data.num_classes > model.num_classes:
        raise SettingsError(
            f"`model.init_args.checkpoint` must have an embedding for each of {data.num_classes:,} "
            f"token ids, as many as `data` has, got {model.num_classes:,}"
        )
    if model.longest_input is not None:
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
