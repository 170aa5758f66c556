"""What is made for the table of spoken digits, in which order, and with which commands.

Every model gets the rounds of `rounds.py`; a converted one begins as L-HuBERT with the last one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.digits.configurations import (
    base_config,
    fit_config,
    save_config,
    transcribe_config,
)
from benchmarks.digits.rounds import CONTROL_WINDOW, HUBERT, LOCAL, ROUNDS, Model, Round, Run


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


def shared_stages() -> list[Stage]:
    """Label training and validation utterances with one k-means; test utterances have none."""

    def label(split: str, **kmeans: str) -> Stage:
        def write(out: Path) -> list[list[str]]:
            config = base_config("labels_mfcc", 0)
            config["data"]["init_args"] |= {"source": str(out / "corpus" / split), "num_workers": 0}
            folders = {name: str(out / path) for name, path in kmeans.items()}
            config["model"]["init_args"] |= {"folder": str(out / f"labels/{split}")} | folders
            config["trainer"]["default_root_dir"] = str(out / f"labels/{split}")
            return [["labels", "--config", save_config(config, out / f"labels/{split}")]]

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


def _fit(out: Path, run: Run, weights: str | None) -> list[list[str]]:
    """Write the configuration of a training run; return how to run and to export it."""
    folder = run.folder
    path = save_config(fit_config(out, run, weights), out / folder)
    last = out / folder / "checkpoints" / "last.ckpt"
    resumed = ["--ckpt_path", str(last)] if last.exists() else []
    exported = ["--ckpt_path", str(last), "--folder", str(out / folder / "exported")]
    return [["fit", "--config", path, *resumed], ["export", "--config", path, *exported]]


def _transcribe(top: str, row: str, model: Model, weights: str) -> Stage:
    """Transcribe the test utterances with weights that were exported, as one row of the table."""
    folder = f"{top}/transcripts/{row}"

    def write(out: Path) -> list[list[str]]:
        config = transcribe_config(out, folder, model, f"{top}/{weights}/exported")
        return [["predict", "--config", save_config(config, out / folder)]]

    return Stage(folder, write)
