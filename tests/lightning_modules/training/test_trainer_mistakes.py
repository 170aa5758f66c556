"""What Lightning raises over a setting is one sentence that names the setting."""

import pytest
import torch

import train
from lightning_modules.training.trainer_mistakes import find_trainer_mistake
from tests.samples.places import ROOT


@pytest.mark.filterwarnings("ignore:`monitor` must be a metric")  # is said before, too
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            ["--trainer.logger=false", "--trainer.callbacks+=LearningRateMonitor"],
            "`logger` must be given for `LearningRateMonitor`",
        ),
        (
            ["--trainer.callbacks+=ModelCheckpoint", "--trainer.callbacks.monitor=val_los"],
            "`monitor` must be a metric that is logged, got 'val_los'; choose one of: ",
        ),
        (
            ["--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=val_los"],
            "`monitor` must be a metric that is logged, got 'val_los'; choose one of: ",
        ),
        (["--trainer.accumulate_grad_batches=0"], "`accumulate_grad_batches` must be at least 1"),
        (["--model.init_args.lr=-1"], "`lr` must be at least 0, got -1"),
        (["--seed_everything=-5"], "`seed_everything` must be at least 0, got -5"),
        (["--trainer.val_check_interval=999"], "`val_check_interval` must be at most 2, the batch"),
    ],
)
def test_a_mistake_in_a_setting_of_the_trainer_is_one_sentence(
    settings, words, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])
    briefly = ["--trainer.max_epochs=1", "--trainer.limit_train_batches=2"]
    quiet = ["--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false"]
    config = ["fit", "--config", str(ROOT / "configs/train/vision.yaml")]
    try:
        status: object = train.main([*config, *briefly, *quiet, *settings])
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(said) == 1
    assert words in said[0]


def test_an_error_of_ours_keeps_its_traceback():
    with pytest.raises(ValueError, match="shapes") as caught:
        raise ValueError("shapes differ")
    assert find_trainer_mistake(caught.value) is None


@pytest.mark.parametrize("folder", ["lightning", "torch/optim", "pytorch_lightning"])
def test_a_folder_on_the_way_to_ones_own_code_makes_no_mistake_a_setting(folder):
    code = compile("raise ValueError('shapes differ')", f"/home/me/{folder}/own.py", "exec")
    with pytest.raises(ValueError, match="shapes") as caught:
        exec(code, {"__name__": "own"})
    assert find_trainer_mistake(caught.value) is None


def test_what_an_optimiser_refuses_is_a_setting():
    with pytest.raises(ValueError, match="Invalid learning rate") as caught:
        torch.optim.SGD([torch.zeros(1)], lr=-1.0)
    assert find_trainer_mistake(caught.value) == "`lr` must be at least 0, got -1.0"
