"""Run the stages of an experiment on spoken digits, each once."""

import json
import logging
import sys
import time
import warnings
from pathlib import Path

import train
from benchmarks.digits.stages import Stage


def run(stage: Stage, folder: Path) -> None:
    """Run the commands of a stage, unless it is done; note how long it took."""
    done = folder / stage.name / "done.json"
    if done.exists():
        return
    began = time.time()
    for command in stage.commands(folder):
        print("train.py", " ".join(command), flush=True)
        if status := train.main(command):
            sys.exit(status)
    done.parent.mkdir(parents=True, exist_ok=True)
    done.write_text(json.dumps({"minutes": (time.time() - began) / 60}))


def silence_lightning() -> None:
    """Keep what Lightning says of every stage out of the log."""
    for noisy in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")
