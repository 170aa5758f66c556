"""The Trainer of `train.py`: Lightning's, with two more verbs, and checkpoints that must fit."""

from pathlib import Path
from typing import Any

from lightning import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.exceptions import SIGTERMException

from lightning_modules.checkpoints.training_runs import check_checkpoint
from profiling.errors import SettingsError
from profiling.training.checks import check_begun, check_trained


class TaskTrainer(Trainer):
    """Lightning's Trainer with two more things to do."""

    def labels(self, model: LightningModule, datamodule: LightningDataModule) -> None:
        """Turn recordings into cluster labels, in files that pre-training reads.

        Raises:
            SettingsError: Model or data are not for labelling.
        """
        from datamodules.utterances.whole import RecordingData
        from lightning_modules.units.extractor import UnitExtractor

        for setting, given, wanted in (
            ("model", model, UnitExtractor),
            ("data", datamodule, RecordingData),
        ):
            if not isinstance(given, wanted):
                raise SettingsError(
                    f"`{setting}` must be {wanted.__module__}.{wanted.__qualname__} for `labels`, "
                    f"got {type(given).__name__}"
                )
        self.predict(model, datamodule=datamodule, return_predictions=False)
        if self.is_global_zero:
            print(model.summary)

    def export(
        self,
        model: LightningModule,
        folder: str,
        datamodule: LightningDataModule | None = None,
        ckpt_path: str | None = None,
    ) -> None:
        """Write a model for transformers' `from_pretrained`.

        Args:
            model: What was trained.
            datamodule: Not used; a configuration has one.
            folder: For the exported model.
            ckpt_path: Checkpoint to take the weights from; null takes those of the `checkpoint` of
                `model`.

        Raises:
            SettingsError: The model decides by a head that was never trained, or nothing of it was.
        """
        from lightning_modules.checkpoints.exporting import export
        from lightning_modules.speech.utterance_module import UtteranceModule

        # Such a model is nothing without its head. Others are exported for what is under theirs.
        if ckpt_path is None and isinstance(model, UtteranceModule):
            check_trained("export", model)
        if ckpt_path is None:
            check_begun("export", model)
        left_out = export(model, ckpt_path, folder)
        without = f" without what was never trained: {', '.join(left_out)}" if left_out else ""
        print(f"exported to {folder}{without}")

    def _run(
        self, model: LightningModule, ckpt_path: Any = None, *settings: Any, **named: Any
    ) -> Any:
        """Compare a checkpoint with the model first; `last` and `hpc` are files by now.

        Raises:
            ModelError: It is of another model, or `fit` cannot go on from it.
            SIGTERMException: The process was asked to end.
        """
        if ckpt_path is not None and Path(ckpt_path).is_file():
            goes_on = self.state.fn == TrainerFn.FITTING
            check_checkpoint(model, str(ckpt_path), goes_on)
        signals: Any = self._signal_connector
        signals._sigterm_notifier_fn = self._note_sigterm
        try:
            return super()._run(model, ckpt_path, *settings, **named)
        except Exception as problem:
            # Others may have got the signal too, and ended first: a loader's processes, or the
            # other ones of the run.
            if self.received_sigterm:
                raise SIGTERMException from problem
            raise

    def _note_sigterm(self, signum: int, _frame: object) -> None:
        """Note that the process is to end, and tell those that it has begun.

        Lightning's own way also exchanges a tensor with them, amid whatever they exchange: then all
        wait for each other, and none ends.
        """
        launcher = self.strategy.launcher
        if launcher is not None and not self.received_sigterm:
            launcher.kill(signum)
            if isinstance(launcher, _SubprocessScriptLauncher):
                # Lightning watches this list, and kills this process where another ends before it.
                launcher.procs.clear()
        self._signal_connector.received_sigterm = True
