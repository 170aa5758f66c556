"""Makes up for a validation that a killed run owed."""

from lightning import Callback, LightningModule, Trainer


class PendingValidation(Callback):
    """Validates at a resume where the checkpoint was written just before a validation.

    Lightning takes such a validation for done, and its figures would be missing. Where the killed
    run came to the end of it, the same figures come out again. A checkpoint that Lightning writes
    at the end of an epoch, and not of a validation, is not made up for.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validate before the first batch, as after the last one of the run that was killed."""
        loop = trainer.fit_loop.epoch_loop
        fetcher = trainer.fit_loop._data_fetcher
        # Only then does the checkpoint's batch wait for what comes after it.
        if not loop.restarted_on_train_batch_end or fetcher is None:
            return
        if loop._should_check_val_fx(fetcher):
            trainer.validating = True
            loop.val_loop.restarting = False
            loop.val_loop.run()
            trainer.training = True
