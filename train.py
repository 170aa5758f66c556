"""Train a variant: `python train.py fit --config configs/train/text.yaml`."""

import logging
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any, Literal, NoReturn

from profiling.errors import SettingsError, find_mistake, refuse_undecodable, refuse_windows
from profiling.training.verbs import VERBS, asks_for_help, describe_verbs

if __name__ == "__main__":
    refuse_windows()
    if asks_for_help(sys.argv[1:]):
        print(describe_verbs())
        sys.exit(0)

# Lightning calls names of jsonargparse that will change; nothing that a user could act on.
os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")

from lightning import LightningDataModule, LightningModule, Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import TensorBoardLogger

from datamodules.libraries import needed
from lightning_modules import allocator
from lightning_modules.checkpoints.training_runs import validate_checkpoint
from lightning_modules.kernel_choice import choose_sdpa
from lightning_modules.reduced_precision import refuse_wrong_convolutions
from lightning_modules.training.accumulation import AccumulationWarning
from lightning_modules.training.collapse import CollapseWarning
from lightning_modules.training.folder_use import FolderUse
from lightning_modules.training.given_settings import GivenSettings
from lightning_modules.training.last_checkpoint import LastCheckpoint
from lightning_modules.training.monitors import MonitorWarning
from lightning_modules.training.moved_folder import MovedFolder
from lightning_modules.training.pending_validation import PendingValidation
from lightning_modules.training.prediction_end import PredictionEnd
from lightning_modules.training.random_states import RandomStates
from lightning_modules.training.slurm_job import SlurmJob
from lightning_modules.training.whole_checkpoints import write_whole_checkpoints
from profiling.class_names import import_classes
from profiling.training.checks import (
    check_precision,
    check_requeued,
    check_trained,
    check_written,
    warn_converted,
)
from profiling.training.data_checks import check_data
from profiling.training.ending import status_of
from profiling.training.mistakes import explain
from profiling.training.quality_file import QualityFile
from profiling.training.saved_settings import WhenBegun, saving_of
from profiling.training.task_trainer import TaskTrainer

EVALUATIONS = ("predict", "test", "validate")
OWN_COMMANDS = ("export", "labels")
CALLBACKS = (
    # Settings first: a pending validation may save what it finds of them.
    *(GivenSettings, RandomStates, PendingValidation, LastCheckpoint, MovedFolder, FolderUse),
    *(SlurmJob, PredictionEnd, AccumulationWarning, MonitorWarning, CollapseWarning, QualityFile),
)
# Of the data, for models that have such an argument.
TOLD_BY_DATA = ("alphabet", "centroids", "classes", "num_classes", "pad_token_id")


class SavedSettings(WhenBegun, SaveConfigCallback):
    """Writes the settings of a run beside its logs."""


class TrainParser(LightningArgumentParser):
    """Lightning's parser, answering a mistake in one sentence."""

    def error(self, message: str, ex: Any = None) -> NoReturn:
        """Print one sentence to stderr and exit with status 2."""
        print(f"error: {explain(message)}", file=sys.stderr)
        sys.exit(2)


class TrainCLI(LightningCLI):
    """LightningCLI over the variants and datamodules of this project.

    Args:
        verbs: Those that may be asked for; the parser of each takes long to build.
        settings: Those of LightningCLI.
    """

    def __init__(self, verbs: Sequence[str], **settings: Any) -> None:
        self._verbs = verbs
        super().__init__(**settings)

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]  # theirs is static
        """Return what not to ask for each verb; `labels` and `export` are not Lightning's own."""
        own = {name: {"model", "datamodule"} for name in OWN_COMMANDS}
        skipped = LightningCLI.subcommands() | own
        return {verb: skipped[verb] for verb in self._verbs}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add what is said of the process, and let the data tell the module what it asks for."""
        parser.add_argument(
            "--allocator",
            type=Literal["kept", "system"],
            default="kept",
            help="On a CPU: kept (the process keeps the memory that it frees; steps take up to a "
            "third less time, and its memory stays at the highest that it ever was) or system.",
        )
        parser.add_argument(
            "--sdpa_backend",
            type=Literal["any", "flash", "efficient", "cudnn", "math"],
            default="flash",
            help="On a GPU, the kernel of fused attention: flash (efficient where there is a mask; "
            "batches of ever new shapes cost nothing), cudnn (half a second for each new shape), "
            "efficient, math, or any (torch's own order, on the newest GPUs cudnn first).",
        )
        for name in TOLD_BY_DATA:
            parser.link_arguments(f"data.{name}", f"model.init_args.{name}", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, then look at the checkpoint before Lightning reads settings out of it."""
        super().parse_arguments(parser, args)
        chosen = self.config[self.config.subcommand]
        validate_checkpoint(chosen.get("ckpt_path"), self.config.subcommand)
        if chosen.get("return_predictions", False) is None:  # Lightning keeps all in memory then
            chosen["return_predictions"] = False
        if "weights_only" in chosen:  # a checkpoint may be of anyone
            chosen["weights_only"] = True

    def _parse_ckpt_path(self) -> None:
        """Take settings from where the user gave them: Lightning would take the checkpoint's."""

    def before_instantiate_classes(self) -> None:
        """Let an evaluation leave the settings of the training beside it as they are."""
        saving = saving_of(self.config.subcommand)
        self.save_config_callback = None if saving is None else SavedSettings
        self.save_config_kwargs = saving or {}

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Build the Trainer; what it says of its settings is one sentence.

        Raises:
            SettingsError: A setting of it is wrong.
        """
        try:
            trainer: Trainer = super().instantiate_trainer(**kwargs)
        except (ValueError, MisconfigurationException) as problem:
            raise SettingsError(
                find_mistake(problem) or str(problem).split(". ")[0].splitlines()[0]
            ) from problem
        write_whole_checkpoints(trainer)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                # By default it writes a metric of -1, which a table of runs then compares.
                logger._default_hp_metric = False
        return trainer

    def after_instantiate_classes(self) -> None:
        """Compare model and data before anything is trained.

        Raises:
            SettingsError: They are of different modalities, the data have labels of another kind,
                texts are too long for the model or have token ids that it lacks, the precision is
                too low, a model is to be evaluated that was never trained, nothing would write what
                is predicted, or Lightning would take a checkpoint that was not given.
        """
        if self.config.subcommand != "labels":  # which says itself what it needs
            check_data(self.config.subcommand, self.model, self.datamodule)
        check_precision(self.config.subcommand, self.trainer.precision)
        chosen = self.config_init[self.config.subcommand]
        if self.config.subcommand != "export" and chosen.get("ckpt_path") is None:
            check_requeued(self.config.subcommand, self.trainer)
        if not isinstance(self.trainer.accelerator, CPUAccelerator):
            choose_sdpa(chosen["sdpa_backend"])
        else:
            refuse_wrong_convolutions(self.model, self.trainer.precision)
            if chosen["allocator"] == "kept":
                allocator.keep_freed_memory()
        if self.config.subcommand in EVALUATIONS and chosen.get("ckpt_path") is None:
            check_trained(self.config.subcommand, self.model)
            warn_converted(self.model)
        if self.config.subcommand == "predict":
            callbacks = self.trainer.callbacks  # type: ignore[attr-defined]
            check_written(self.model, callbacks, self.datamodule)


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand of LightningCLI; return the exit status."""
    logging.getLogger("lightning.fabric.utilities.seed").setLevel(logging.WARNING)
    # The same as above, of torch.
    warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)` is deprecated")
    import_classes()
    words = sys.argv[1:] if arguments is None else arguments
    verbs = words[:1] if words and words[0] in VERBS else [*VERBS]
    try:
        refuse_undecodable(words)
        with needed("jsonargparse", "a command line"):
            from profiling.arguments import refuse_deep_yaml
        refuse_deep_yaml()
        TrainCLI(
            verbs,
            model_class=LightningModule,
            datamodule_class=LightningDataModule,
            subclass_mode_model=True,
            subclass_mode_data=True,
            trainer_class=TaskTrainer,
            seed_everything_default=0,
            trainer_defaults={"callbacks": [callback() for callback in CALLBACKS]},
            parser_class=TrainParser,
            parser_kwargs={verb: {"description": VERBS[verb]} for verb in verbs},
            args=arguments,
        )
    except BaseException as problem:
        status = status_of(problem, verbs[0])
        if status is None:
            raise
        return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
