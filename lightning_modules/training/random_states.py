"""What Lightning leaves out of a checkpoint, so that a killed run goes on bit for bit."""

import random
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from torch import distributed

# Words of the Mersenne Twister, and the place in them.
NUMPY_GENERATOR = "MT19937"


class RandomStates(Callback):
    """Saves the random states of every process, and gives them back at the first batch of a resume.

    Dropout, LayerDrop and masks that the model draws go on as if nothing had happened, whether a
    run was stopped before a validation or after it: what that draws is taken back. Only numbers
    and tensors are saved, which `weights_only` loads. A run with another number of processes starts
    from its seed.
    """

    def __init__(self) -> None:
        self._to_restore: dict[str, Any] | None = None
        self._before_validation: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return the states of all processes, by rank.

        Before the first batch of a resume they are those that it will give back.
        """
        own = random_state() if self._to_restore is None else self._to_restore
        if not (distributed.is_available() and distributed.is_initialized()):
            return {"states": [own]}
        states: list[Any] = [None] * distributed.get_world_size()
        distributed.all_gather_object(states, own)
        return {"states": states}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the state of this process until the first batch."""
        initialised = distributed.is_available() and distributed.is_initialized()
        rank, count = (
            (distributed.get_rank(), distributed.get_world_size()) if initialised else (0, 1)
        )
        if len(state_dict["states"]) == count:
            self._to_restore = state_dict["states"][rank]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count the step of a resume as saved.

        Lightning would save it again after the next batch, if that only accumulates: as a batch
        that was seen, without its gradients.
        """
        for callback in trainer.checkpoint_callbacks:
            if getattr(callback, "_every_n_train_steps", 0):
                callback._last_global_step_saved = trainer.global_step  # type: ignore[attr-defined]

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Restore: everything before, such as making loaders, may have drawn numbers."""
        if self._to_restore is not None:
            restore_random_state(self._to_restore)
            self._to_restore = None

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember the states: some models draw numbers in evaluation too, and use none of them."""
        self._before_validation = random_state()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go back to them, before checkpoints of this validation are written."""
        if self._before_validation is not None:
            restore_random_state(self._before_validation)
            self._before_validation = None


def random_state() -> dict[str, Any]:
    """Return the states of Python's, numpy's and torch's generators, on all devices."""
    version, words, gauss = random.getstate()
    numpy_state: Any = np.random.get_state()
    _, numpy_words, place, has_gauss, cached_gauss = numpy_state
    return {
        "python": (version, list(words), gauss),
        "numpy": (torch.from_numpy(numpy_words.astype(np.int64)), place, has_gauss, cached_gauss),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_random_state(state: dict[str, Any]) -> None:
    """Go on from what `random_state` returned."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    numpy_words, place, has_gauss, cached_gauss = state["numpy"]
    words = numpy_words.numpy().astype(np.uint32)
    np.random.set_state((NUMPY_GENERATOR, words, place, has_gauss, cached_gauss))
    torch.set_rng_state(state["torch"].cpu())
    if len(state["cuda"]) == torch.cuda.device_count() and state["cuda"]:
        torch.cuda.set_rng_state_all([each.cpu() for each in state["cuda"]])
