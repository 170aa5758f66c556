"""Configurations for `train.py`: those of `configs/train/digits_*.yaml`, for one run directory."""

from pathlib import Path

import yaml

from benchmarks.digits.rounds import SAVED_EVERY, Config, Model, Run

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "train"


def base_config(name: str, seed: int) -> Config:
    """Return `configs/train/NAME.yaml` with a seed."""
    config: Config = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    return config | {"seed_everything": seed}


def save_config(config: Config, folder: Path) -> str:
    """Write a configuration into a folder, and return its path for a command."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return str(path)


def fit_config(out: Path, run: Run, weights: str | None) -> Config:
    """Return the configuration of a training run in a run directory.

    Args:
        out: The run directory.
        run: What is trained.
        weights: The folder within `out` of the weights that it begins with; an absolute path is
            taken as it is. None begins from the start.
    """
    config = base_config(run.round.config, run.seed)
    folder, steps = run.folder, run.steps
    given = config["model"]["init_args"]
    given.pop("variant", None)
    given |= run.model.settings | run.round.changes(steps)
    given["model_fields"] |= run.round.fields()
    if weights is not None:
        given["checkpoint"] = str(out / weights)
    data = config["data"]["init_args"]
    data |= {
        name: value.replace("runs/spoken_digits", str(out))
        for name, value in data.items()
        if isinstance(value, str)
    } | {"seed": run.seed}
    data |= run.round.data(out)
    trainer = config["trainer"]
    trainer["max_steps"] = steps
    trainer["val_check_interval"] = min(trainer["val_check_interval"], steps)
    trainer["callbacks"][0]["init_args"] |= {
        "dirpath": str(out / folder / "checkpoints"),
        "every_n_train_steps": min(SAVED_EVERY, steps),
    }
    trainer["logger"]["init_args"] |= {
        "save_dir": str(out / "tensorboard"),
        "name": folder.replace("/", "-"),
    }
    trainer["enable_progress_bar"] = False
    return config


def transcribe_config(out: Path, folder: str, model: Model, weights: str) -> Config:
    """Return the configuration with which a model transcribes the test utterances.

    Args:
        out: The run directory.
        folder: Where the transcripts go, within `out`.
        model: The model.
        weights: The folder of its weights, within `out`.
    """
    config = base_config("digits_ctc", 0)
    fields = config["model"]["init_args"]["model_fields"]
    config["model"]["init_args"] = model.settings | {
        "model_fields": {name: value for name, value in fields.items() if "dropout" in name},
        "checkpoint": str(out / weights),
    }
    config["data"] = {
        "class_path": "datamodules.utterances.whole.RecordingData",
        "init_args": {"source": str(out / "corpus/test"), "num_workers": 0},
    }
    writer = "lightning_modules.speech.prediction_files.PredictionFiles"
    config["trainer"] = {
        "accelerator": "cpu",
        "default_root_dir": str(out / folder),
        "logger": False,
        "enable_progress_bar": False,
        "callbacks": [{"class_path": writer, "init_args": {"folder": str(out / folder)}}],
    }
    return config
