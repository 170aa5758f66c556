"""A run that goes on takes its settings from the user, not from its checkpoint."""

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, Timer
from lightning.pytorch.utilities import rank_zero_warn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.hooks import RemovableHandle

from lightning_modules.errors import ModelError

RATES = ("lr", "initial_lr")
Groups = Sequence[dict[str, Any]]


class GivenSettings(Callback):
    """Keeps settings where a checkpoint brings other ones; says what changed of an optimiser.

    torch takes the settings from the checkpoint too, and the highest rate of a schedule. Those of
    the module and the Trainer, such as the steps of a warm-up, are the user's in any case.

    Lightning takes the time that a run has had, and the patience with which it waits for a figure.
    A run that `max_time` has stopped would stop again at once, and so would every one after it: a
    limit of time is that of the command.

    Where the rate of a schedule follows from the one before, as with ReduceLROnPlateau, the rate
    stays the checkpoint's.
    """

    def __init__(self) -> None:
        self._hooks: list[RemovableHandle] = []

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Take out of the states of callbacks what is a setting, before they take them."""
        states = checkpoint["callbacks"]
        for each in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(each, Timer):
                states.pop(each.state_key, None)
            elif isinstance(each, EarlyStopping) and each.state_key in states:
                states[each.state_key]["patience"] = each.patience

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Wait for the states: Lightning restores them after this."""
        schedules = [config.scheduler for config in trainer.lr_scheduler_configs]
        chained = {id(each.optimizer) for each in schedules if not isinstance(each, LambdaLR)}
        settings = dict(pl_module.hparams)
        for optimizer in trainer.optimizers:
            left = RATES if id(optimizer) in chained else ()
            hook = functools.partial(_keep_settings, settings=settings, left=left)
            self._hooks.append(optimizer.register_load_state_dict_pre_hook(hook))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let schedules that are factors of a rate go on with the rate of their optimiser."""
        while self._hooks:
            self._hooks.pop().remove()
        if trainer.ckpt_path is None:
            return
        for config in trainer.lr_scheduler_configs:
            if isinstance(config.scheduler, LambdaLR):
                _take_rate(config.scheduler)


def _keep_settings(
    optimizer: torch.optim.Optimizer,
    state: dict[str, Any],
    settings: dict[str, Any],
    left: Iterable[str],
) -> dict[str, Any]:
    """Return a state for an optimiser with the settings that the optimiser has already.

    Args:
        optimizer: About to take the state.
        state: Of a checkpoint; it stays as it is.
        settings: Of the module, by name.
        left: What of the optimiser's settings is the checkpoint's.

    Raises:
        ModelError: The state is of an optimiser of other weights.
    """
    saved, own = state["param_groups"], optimizer.param_groups
    _check_sizes(saved, own, settings)
    ours = [{k: v for k, v in group.items() if k not in ("params", *left)} for group in own]
    for name in ours[0]:
        if name in settings:
            _tell_change(name, saved[0], ours[0])
    return state | {"param_groups": [old | new for old, new in zip(saved, ours, strict=True)]}


def _check_sizes(saved: Groups, own: Groups, settings: dict[str, Any]) -> None:
    trained, wanted = (sum(len(group["params"]) for group in groups) for groups in (saved, own))
    if [len(group["params"]) for group in saved] == [len(group["params"]) for group in own]:
        return
    freezing = [
        f"`{name}`"
        for name, value in settings.items()
        if name.startswith("freeze") and isinstance(value, bool)
    ]
    deciding = f": {' and '.join(freezing)} must be as it was then" if freezing else ""
    raise ModelError(
        f"`ckpt_path` must be of a run that trained the same weights, it trained {trained} of them "
        f"and this one trains {wanted}{deciding}"
    )


def _tell_change(name: str, saved: dict[str, Any], own: dict[str, Any]) -> None:
    # A schedule has changed `lr` by then.
    before, now = (group.get(f"initial_{name}", group.get(name)) for group in (saved, own))
    if before != now:
        rank_zero_warn(f"`{name}` was {before} in the checkpoint and is {now} from here on")


def _take_rate(schedule: LambdaLR) -> None:
    groups = schedule.optimizer.param_groups
    schedule.base_lrs = [group["initial_lr"] for group in groups]
    factors = [factor(schedule.last_epoch) for factor in schedule.lr_lambdas]
    rates = [rate * factor for rate, factor in zip(schedule.base_lrs, factors, strict=True)]
    for group, rate in zip(groups, rates, strict=True):
        group["lr"] = rate
    schedule._last_lr = rates
