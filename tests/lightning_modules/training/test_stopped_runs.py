"""Runs that a limit stops, or that save by time: nothing of them is lost where they go on."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from tests.samples.saving import OFTEN, Stops, fit, go_on, last_of, load

ONCE_PER_EPOCH: dict[str, Any] = {"val_check_interval": 1.0, "check_val_every_n_epoch": 1}


# With two batches a step the steps come behind the batches 2, 4 and 5 of each epoch.
def test_a_run_that_was_stopped_between_two_steps_takes_no_step_of_a_part_of_its_batches(
    tmp_path: Path,
) -> None:
    settings: dict[str, Any] = {"max_steps": 6, "accumulate_grad_batches": 2}
    fit(tmp_path / "whole", **settings)
    fit(tmp_path, Stops(3), **settings)
    assert load(last_of(tmp_path))["global_step"] == 2
    fit(tmp_path, resumed=last_of(tmp_path), **settings)
    whole, resumed = load(last_of(tmp_path / "whole")), load(last_of(tmp_path))
    torch.testing.assert_close(resumed["state_dict"], whole["state_dict"])
    assert resumed["loops"] == whole["loops"]


class Hours(lightning.Callback):
    """Lets every batch take an hour, as savers by time see it, and dies in the fifth one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = 0
        clock = SimpleNamespace(monotonic=lambda: 3600.0 * self.passed)
        monkeypatch.setattr("lightning.pytorch.callbacks.model_checkpoint.time", clock)

    def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
        self.passed += 1
        if self.passed == 5:
            raise KeyError("killed")


def test_a_checkpoint_by_time_waits_for_the_step_of_its_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_time() -> ModelCheckpoint:
        interval = timedelta(hours=3)  # over behind the third batch, of which no step is taken
        return ModelCheckpoint(tmp_path / "timed", train_time_interval=interval, save_last=True)

    settings: dict[str, Any] = {"max_steps": 6, "accumulate_grad_batches": 2}
    fit(tmp_path / "whole", **settings)
    with pytest.raises(KeyError, match="killed"):
        fit(tmp_path, by_time(), Hours(monkeypatch), **settings)
    monkeypatch.undo()
    assert load(tmp_path / "timed/last.ckpt")["global_step"] == 2
    fit(tmp_path, by_time(), resumed=tmp_path / "timed/last.ckpt", **settings)
    whole, resumed = load(last_of(tmp_path / "whole")), load(tmp_path / "timed/last.ckpt")
    torch.testing.assert_close(resumed["state_dict"], whole["state_dict"])
    assert resumed["loops"] == whole["loops"]


# Its validation is one more, in the middle of an epoch, or brings the end of the epoch.
@pytest.mark.parametrize("interval", [OFTEN, OFTEN | {"val_check_interval": 5}, ONCE_PER_EPOCH])
def test_what_the_validation_of_a_stop_saved_stays_the_best(
    interval: dict[str, Any], tmp_path: Path
) -> None:
    score = {2: 1.0, 3: 0.5} | dict.fromkeys(range(4, 11), 0.8)
    settings = {"score": score, "max_steps": 10} | interval
    go_on(tmp_path, "best", Stops(3), **settings)
    assert load(last_of(tmp_path))["global_step"] == 3
    assert load(tmp_path / "best/best.ckpt")["global_step"] == 3
    go_on(tmp_path, "best", resumed=last_of(tmp_path), **settings)
    assert load(last_of(tmp_path))["global_step"] == 10
    assert load(tmp_path / "best/best.ckpt")["global_step"] == 3
