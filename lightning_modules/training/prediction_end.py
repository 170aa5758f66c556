"""Ends a prediction that is asked to end."""

from typing import Any

from lightning import Callback, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException


class PredictionEnd(Callback):
    """Ends `predict` and `labels` at SIGTERM behind the batch in which it came.

    Lightning takes the signal in every verb, and ends trainings and evaluations in this way. Its
    predictions would go on to their end.
    """

    def on_predict_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """End where the signal has come.

        Raises:
            SIGTERMException: It has.
        """
        if trainer.received_sigterm:
            raise SIGTERMException
