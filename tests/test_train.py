"""`train.py` as a command line: its four subcommands, its own checkpoints, its errors."""

from pathlib import Path

import pytest

import train

ROOT = Path(__file__).resolve().parent.parent
TRAINING = sorted((ROOT / "configs" / "train").glob("*.yaml"))
BRIEFLY = [
    "--trainer.enable_progress_bar=false",
    "--trainer.limit_val_batches=1",
    "--trainer.limit_test_batches=1",
    "--trainer.limit_predict_batches=1",
]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])


def run(*arguments: str) -> object:
    try:
        return train.main([*arguments])
    except SystemExit as ended:
        return ended.code


def fit(config: Path, *more: str) -> object:
    return run("fit", "--config", str(config), "--trainer.max_steps=2", *BRIEFLY, *more)


@pytest.mark.parametrize("config", TRAINING, ids=lambda path: path.stem)
def test_what_fit_saved_can_be_validated_tested_used_and_trained_on(
    config: Path, tmp_path: Path
) -> None:
    assert fit(config) == 0
    (checkpoint,) = tmp_path.rglob("*.ckpt")
    given = ["--config", str(config), "--ckpt_path", str(checkpoint), *BRIEFLY]
    for subcommand in ("validate", "test", "predict"):
        assert run(subcommand, *given) == 0
    assert run("fit", *given, "--trainer.max_steps=3") == 0
    assert len(list(tmp_path.rglob("*step=3.ckpt"))) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model.init_args.size", "huge"], ["`size`", "huge", "tiny"]),
        (["--model.init_args.sise", "tiny"], ["`sise`"]),
        (["--model", "Brt"], ["`model`", "module.Class", "Brt"]),
        (["--trainer.callbacks.class_path", "Brt"], ["`trainer.callbacks`", "Brt"]),
        (["--config", "nowhere.yaml"], ["nowhere.yaml"]),
        (["--ckpt_path", "nowhere.ckpt"], ["`ckpt_path`", "last", "nowhere.ckpt"]),
        (["--data", "datamodules.synthetic.SyntheticVision"], ["`data`", "text", "vision"]),
    ],
)
def test_a_users_mistake_is_one_sentence(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit(ROOT / "configs/train/text.yaml", *arguments) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(said) == 1, said
    for word in words:
        assert word in said[0]


@pytest.mark.parametrize("content", [b"no checkpoint", b""])
def test_a_damaged_checkpoint_is_named(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "half.ckpt"
    damaged.write_bytes(content)
    assert fit(ROOT / "configs/train/text.yaml", "--ckpt_path", str(damaged)) == 2
    assert f"got {damaged}, a file that is damaged" in capsys.readouterr().err
