"""What is trained for the table of spoken digits, in which order, and with which commands.

Every model gets the same four rounds: pre-training, fine-tuning on one or two words, on whole
utterances, and more of that; a converted one begins as L-HuBERT with the last of them. CTC learns
nothing from whole utterances in minutes, because at first any letter may be anywhere in them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "train"
WINDOWS = (32, 100)
CONTROL_WINDOW = 2
SAVED_EVERY = 50
PRETRAIN_STEPS, WORDS_STEPS, CTC_STEPS, MORE_STEPS = 300, 1500, 600, 200


def _rate(lr: float, steps: int) -> dict[str, Any]:
    """Warm up for a tenth, hold for half, fall for the rest."""
    warm, hold = steps // 10, steps // 2
    stages = {"num_warmup_steps": warm, "num_hold_steps": hold}
    return {"lr": lr} | stages | {"num_decay_steps": steps - warm - hold}


Config = dict[str, Any]


@dataclass(frozen=True)
class Stage:
    """Something to make once: a folder, and the commands of `train.py` that make it.

    Args:
        name: The folder, within the run directory.
        write: Writes configurations into a folder of the run directory that is given, and returns
            the commands.
    """

    name: str
    write: Callable[[Path], list[list[str]]]

    def commands(self, out: Path) -> list[list[str]]:
        """Return the arguments of every call of `train.py`."""
        return self.write(out)


@dataclass(frozen=True)
class Model:
    """A model of the table: plain, or with a window from the start."""

    variant: str
    attention_window: int | None = None

    @property
    def name(self) -> str:
        """How folders are called."""
        return self.variant + (f"-w{self.attention_window}" if self.attention_window else "")

    @property
    def settings(self) -> Config:
        """The same as arguments of a module."""
        window = (
            {} if self.attention_window is None else {"attention_window": self.attention_window}
        )
        return {"variant": self.variant} | window


@dataclass(frozen=True)
class Round:
    """A round of training, the same for all models."""

    config: str
    num_steps: int
    lr: float | None = None
    corpus: str = "corpus"
    batch_seconds: float = 16.0
    mask_probability: float | None = None

    def changes(self, steps: int) -> Config:
        """Return arguments of the module that differ from its configuration."""
        return {} if self.lr is None else _rate(self.lr, steps)

    def data(self, out: Path) -> Config:
        """Return settings of the data that differ from the configuration."""
        masks = {} if self.mask_probability is None else {"mask_probability": self.mask_probability}
        source = str(out / self.corpus / "train")
        return {"source": source, "batch_seconds": self.batch_seconds} | masks

    def fields(self) -> Config:
        """Return fields of the model that differ from the configuration."""
        return {}


@dataclass(frozen=True)
class Run:
    """One model in one round with one seed; `share` of its steps."""

    folder: str
    model: Model
    round: Round
    seed: int
    share: float

    @property
    def steps(self) -> int:
        """Optimiser steps, a multiple of those after which a checkpoint is saved."""
        steps = round(self.round.num_steps * self.share)
        return max(2, steps // SAVED_EVERY * SAVED_EVERY)


ROUNDS = {
    "pretrain": Round("digits_pretrain", PRETRAIN_STEPS),
    "words": Round("digits_ctc", WORDS_STEPS, 1e-3, "words", 5.0, 0.0),
    "ctc": Round("digits_ctc", CTC_STEPS, 5e-4, "corpus", 10.0, 0.2),
    "more": Round("digits_ctc", MORE_STEPS, 3e-4, "corpus", 10.0, 0.2),
}
HUBERT = Model("hubert")
LOCAL = [Model("lhubert", window) for window in WINDOWS]


def shared_stages() -> list[Stage]:
    """Label training and validation utterances with one k-means; test utterances have none."""

    def label(split: str, **kmeans: str) -> Stage:
        def write(out: Path) -> list[list[str]]:
            config = _base("labels_mfcc", 0)
            config["data"]["init_args"] |= {"source": str(out / "corpus" / split), "num_workers": 0}
            folders = {name: str(out / path) for name, path in kmeans.items()}
            config["model"]["init_args"] |= {"folder": str(out / f"labels/{split}")} | folders
            config["trainer"]["default_root_dir"] = str(out / f"labels/{split}")
            return [["labels", "--config", _save(config, out / f"labels/{split}")]]

        return Stage(f"labels/{split}", write)

    return [label("train"), label("val", kmeans="labels/train/kmeans.safetensors")]


def seed_stages(
    seed: int, share: float, from_start: bool = True, rounds: Mapping[str, Round] = ROUNDS
) -> list[Stage]:
    """Return all that is trained and transcribed with one seed.

    Args:
        seed: Of weights, order, masks and dropout.
        share: Of the training steps; below 1 for a trial.
        from_start: Whether L-HuBERT is trained from the start too, which is two thirds of the time.
        rounds: By name, the rounds of training.
    """
    top = f"seed-{seed}"

    def fit(model: Model, name: str, before: str | None = None) -> Stage:
        run = Run(f"{top}/{name}", model, rounds[Path(name).name], seed, share)
        weights = None if before is None else f"{top}/{before}/exported"
        return fit_stage(run, weights)

    stages: list[Stage] = []
    for model in (HUBERT, *LOCAL) if from_start else (HUBERT,):
        name = model.name
        stages += [
            fit(model, f"{name}/pretrain"),
            fit(model, f"{name}/words", f"{name}/pretrain"),
            fit(model, f"{name}/ctc", f"{name}/words"),
            fit(model, f"{name}/more", f"{name}/ctc"),
            _transcribe(top, name, model, f"{name}/more"),
        ]
        if model is HUBERT:
            for local in (*LOCAL, Model("lhubert", CONTROL_WINDOW)):
                stages.append(_transcribe(top, f"{local.name}-converted", local, f"{name}/more"))
            for local in LOCAL:
                trained = f"{local.name}-trained"
                stages += [
                    fit(local, f"{trained}/more", f"{name}/ctc"),
                    _transcribe(top, trained, local, f"{trained}/more"),
                ]
    return stages


def fit_stage(run: Run, weights: str | None) -> Stage:
    """Train one model in one round, from weights that were exported or from the start."""
    return Stage(run.folder, lambda out: _fit(out, run, weights))


def fit_config(out: Path, run: Run, weights: str | None) -> Config:
    """Return the configuration of a training run in a run directory.

    Args:
        out: The run directory.
        run: What is trained.
        weights: The folder within `out` of the weights that it begins with; an absolute path is
            taken as it is. None begins from the start.
    """
    config = _base(run.round.config, run.seed)
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


def _fit(out: Path, run: Run, weights: str | None) -> list[list[str]]:
    """Write the configuration of a training run; return how to run and to export it."""
    folder = run.folder
    path = _save(fit_config(out, run, weights), out / folder)
    last = out / folder / "checkpoints" / "last.ckpt"
    resumed = ["--ckpt_path", str(last)] if last.exists() else []
    exported = ["--ckpt_path", str(last), "--folder", str(out / folder / "exported")]
    return [["fit", "--config", path, *resumed], ["export", "--config", path, *exported]]


def _transcribe(top: str, row: str, model: Model, weights: str) -> Stage:
    """Transcribe the test utterances with weights that were exported, as one row of the table."""
    folder = f"{top}/transcripts/{row}"

    def write(out: Path) -> list[list[str]]:
        config = _base("digits_ctc", 0)
        fields = config["model"]["init_args"]["model_fields"]
        config["model"]["init_args"] = model.settings | {
            "model_fields": {name: value for name, value in fields.items() if "dropout" in name},
            "checkpoint": str(out / top / weights / "exported"),
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
        return [["predict", "--config", _save(config, out / folder)]]

    return Stage(folder, write)


def _base(name: str, seed: int) -> Config:
    config: Config = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    return config | {"seed_everything": seed}


def _save(config: Config, folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return str(path)
