"""What model, callbacks and precision must be before anything is computed."""

from collections.abc import Sequence
from pathlib import Path

from lightning import LightningDataModule, LightningModule, Trainer
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.callbacks import BasePredictionWriter, Callback
from lightning.pytorch.utilities import rank_zero_warn

from datamodules.base import ModalityData
from lightning_modules.attention.interface import find_windows
from lightning_modules.checkpoints.attention_of_runs import one_or_all
from lightning_modules.checkpoints.training_runs import read_checkpoint
from lightning_modules.speech.prediction_files import PredictionFiles
from lightning_modules.speech.training_module import SpeechTraining
from lightning_modules.training.slurm_job import is_of_this_job
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


def check_requeued(command: str, trainer: Trainer) -> None:
    """Refuse a checkpoint that nobody gave, which Lightning takes on SLURM.

    Lightning saves it at the signal that the time of a job is nearly over, and never removes it.
    The training of that job, begun again, is to go on from it; nothing else is.

    Raises:
        SettingsError: There is one that no training of this job has saved.
    """
    found = trainer._checkpoint_connector._hpc_resume_path
    if found is None or not SLURMEnvironment.detect():
        return
    trains = command == "fit"
    if trains and Path(found).is_file() and is_of_this_job(read_checkpoint(found, "meta")):
        return
    goes_on = "`--ckpt_path hpc` goes on from it; for another run " if trains else ""
    raise SettingsError(
        "`default_root_dir` must be a folder without a checkpoint of another job of SLURM where "
        f"`ckpt_path` is not given, got {found}: {goes_on}remove it, or give another "
        "`default_root_dir`"
    )


def check_written(
    model: LightningModule, callbacks: Sequence[Callback], data: LightningDataModule
) -> None:
    """Refuse to predict what nobody would write, and labels, which have a verb of their own.

    Raises:
        SettingsError: The model is for `labels`, no callback writes predictions, or the one that
            does cannot name what is predicted.
    """
    if isinstance(model, UnitExtractor):
        raise SettingsError(
            f"`model` must be one that predicts for `predict`, got {type(model).__name__}, whose "
            "verb is `labels`"
        )
    # To ask for it would open the source; data of others may have it once they are set up.
    of_recordings = "predict_reader" in dir(data) or not isinstance(data, ModalityData)
    if not of_recordings and any(type(each) is PredictionFiles for each in callbacks):
        raise SettingsError(
            "`data` must be of recordings for PredictionFiles, such as RecordingData, got "
            f"{type(data).__name__}: give it a BasePredictionWriter of your own"
        )
    if not any(isinstance(each, (PredictionFiles, BasePredictionWriter)) for each in callbacks):
        ours = "PredictionFiles as in configs/train/transcribe.yaml and features.yaml or another"
        raise SettingsError(
            "`callbacks` must have one that writes for `predict`, "
            f"{ours if of_recordings else 'a'} BasePredictionWriter, got none"
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


def warn_converted(model: LightningModule) -> None:
    """Warn of the trained head of a HuBERT over local attention, which it was not trained with.

    Whoever goes on training means it. In an evaluation it is another model, of the same weights.
    """
    found = getattr(getattr(model, "model", None), "converted_from", None)
    if found is None or not isinstance(model, SpeechTraining) or model.head_is_random:
        return
    settings = model.settings
    rank_zero_warn(
        f"`checkpoint` {settings.checkpoint!r} was trained as {found} and is taken as "
        f"{settings.variant} with `attention_window` {one_or_all(find_windows(model))}, which is "
        f"another model: --model.init_args.variant {found} takes it as it was trained"
    )
