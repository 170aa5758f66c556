"""Whether the HuBERT of a run directory of the spoken digits is the one with which the task begins.

The same seed, rounds and corpora give the same model, so that it need not be trained again.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import yaml

from benchmarks.digits.configurations import fit_config
from benchmarks.digits.context.stages import hubert_runs
from benchmarks.digits.rounds import HUBERT, Config, Run
from datamodules.composing.corpus import FORMAT, MANIFEST, fingerprint_words
from datamodules.composing.settings import ComposeSettings
from datamodules.composing.words import list_words
from datamodules.errors import DataError


def validate_corpora(digits: Path, recordings: str, corpora: Mapping[str, ComposeSettings]) -> None:
    """Refuse a run directory whose corpora are missing, or are not those of these recordings.

    Args:
        digits: The run directory.
        recordings: Folder of recordings.
        corpora: By name, how each must have been composed.

    Raises:
        DataError: A corpus is missing or another one, or the recordings cannot be read.
    """
    words = fingerprint_words(list_words(recordings))
    for name, settings in corpora.items():
        path = digits / name / MANIFEST
        if not path.exists():
            raise DataError(
                f"`--digits` must be a run directory of spoken_digits.py, with {name}/{MANIFEST}, "
                f"got {digits}"
            )
        found = json.loads(path.read_text())
        wanted = {"format": FORMAT, "recordings": words}
        changed = [each for each, value in wanted.items() if found.get(each) != value]
        stated = json.loads(json.dumps(asdict(settings)))  # as they are stored
        changed += [each for each in stated if found["settings"].get(each) != stated[each]]
        if changed:
            raise DataError(
                f"`--digits` must have a {name} of the same recordings and settings, got one with "
                f"another {', '.join(changed)} in {digits}"
            )


def validate_trained(digits: Path, seeds: Iterable[int], share: float) -> None:
    """Refuse a run directory without such a HuBERT as would be trained here.

    Args:
        digits: The run directory.
        seeds: Each must have its HuBERT.
        share: Of the training steps; below 1 for a trial.

    Raises:
        DataError: A round is not done, has other steps, or was trained in another way.
    """
    for seed in seeds:
        for run, weights in hubert_runs(seed, share, HUBERT.name):
            _validate_run(digits, run, weights)


def _validate_run(digits: Path, run: Run, weights: str | None) -> None:
    folder = digits / run.folder
    if not all((folder / name).exists() for name in ("done.json", "config.yaml")):
        raise DataError(
            f"`--digits` must have {run.folder} done, which spoken_digits.py does with "
            f"`--seeds {run.seed}`, got {digits} without it"
        )
    found: Config = yaml.safe_load((folder / "config.yaml").read_text())
    steps = found["trainer"]["max_steps"]
    if steps != run.steps:
        raise DataError(
            f"`--digits` must have {run.folder} with {run.steps:,} steps, as `--steps "
            f"{run.share:g}` wants them, got {steps:,} in {digits}"
        )
    wanted = fit_config(_former_place(found, run), run, weights)
    if changed := [name for name in wanted if found.get(name) != wanted[name]]:
        raise DataError(
            f"`--digits` must have {run.folder} trained as it would be here, got another "
            f"{', '.join(changed)} in {folder / 'config.yaml'}"
        )


def _former_place(config: Config, run: Run) -> Path:
    """Return how the run directory was called when it was made: its paths begin with that."""
    checkpoints = Path(config["trainer"]["callbacks"][0]["init_args"]["dirpath"])
    return checkpoints.parents[len(Path(run.folder).parts)]
