"""Scripts that a test runs where packages are hidden or broken, each in a process of its own."""

# Run by every interpreter that finds it on its path, the fork server of a sweep among them. What
# is hidden looks as it does where it is not installed, to an import, to `find_spec` and to
# `importlib.metadata`.
SITECUSTOMIZE = """
import importlib.machinery
import importlib.metadata

HIDDEN = {"datasets", "hypothesis", "import-linter", "jsonargparse", "plotly", "soundfile"}
HIDDEN |= {"importlinter"}  # its module
Finder = importlib.machinery.PathFinder
find_spec, find_distributions = Finder.find_spec, Finder.find_distributions


def find_spec_but_hidden(cls, name, path=None, target=None):
    return None if name.partition(".")[0] in HIDDEN else find_spec(name, path, target)


def find_distributions_but_hidden(cls, context=importlib.metadata.DistributionFinder.Context()):
    # Whoever looks for plugins asks for all of them.
    return (found for found in find_distributions(context) if found.name not in HIDDEN)


Finder.find_spec = classmethod(find_spec_but_hidden)
Finder.find_distributions = classmethod(find_distributions_but_hidden)
"""

SWEEP = """
import sys
from pathlib import Path

from profiling.commands.sweep import sweep
from profiling.planning.settings import ModalitySettings, SweepSettings

text = ModalitySettings(variants=["bert", "local_bert"], lengths=[40])
sweep(
    SweepSettings(
        {"text": text},
        implementations=["sdpa", "local_blocked"],
        phases=["inference"],
        metrics=["latency"],
        visits=1,
        seconds_per_measurement=0.01,
        min_samples=2,
        num_warmup_steps=1,
        max_batch_size=2,
        time_budget_s=0.001,  # nothing is measured again because others compute on these cores
    ),
    Path(sys.argv[1]),
)
"""

# `profile.py` with the arguments of this script; nothing is measured again because others compute.
PROFILE = """
import runpy
import sys

from profiling.sweeping import group

group.ATTEMPTS = 1
sys.argv[0] = "profile.py"
runpy.run_path("profile.py", run_name="__main__")
"""

# One process for all that needs torch, since importing it takes long. The arguments are a folder
# with a table and a recording, and modules of tests. Prints an answer per question as JSON.
SESSION = """
import contextlib
import importlib
import io
import json
import pkgutil
import sys

from lightning import Trainer

from datamodules.modalities.speech import SpeechData
from datamodules.modalities.synthetic import SyntheticText
from datamodules.modalities.text import TextData
from lightning_modules.variants import build_module
from profiling.measuring.data_blocks import build_data

folder, *modules_of_tests = sys.argv[1:]


def train():
    module = build_module("text", "local_bert", size="tiny", max_length=24, num_classes=12)
    trainer = Trainer(
        accelerator="cpu",
        max_steps=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )
    trainer.fit(module, SyntheticText(sequence_length=24, batch_size=3, num_classes=12))
    return trainer.global_step


def complaint(use):
    try:
        use()
    except Exception as problem:
        return f"{type(problem).__name__}: {problem}"


def run_train_py():
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        return importlib.import_module("train").main(["fit"]), said.getvalue()


modules = [
    found.name
    for package in ("datamodules", "lightning_modules", "profiling")
    for found in pkgutil.walk_packages([package], package + ".")
]
answers = {
    "steps": train(),
    "modules": {name: complaint(lambda: importlib.import_module(name)) for name in modules},
    "tests": {name: complaint(lambda: importlib.import_module(name)) for name in modules_of_tests},
    "data": [
        complaint(use)
        for use in (
            lambda: TextData(f"{folder}/texts.csv", folder).lengths(),
            lambda: SpeechData(folder).lengths(),
            lambda: SpeechData("owner/sounds", layout="datasets").lengths(),
            lambda: build_data({"class_path": "datamodules.modalities.synthetic.SyntheticText"}),
        )
    ],
    "has_cli": "lightning.pytorch.cli" in sys.modules,
    "train.py": run_train_py(),
}
print(json.dumps(answers))
"""

# With a torchaudio that fails when it is imported; the argument is a recording at 8 kHz.
BROKEN = """
import sys
from pathlib import Path

import torch

from datamodules.recordings.decoding import decode
from datamodules.recordings.recording import Recording
from lightning_modules.units.frame_features import Mfcc
from lightning_modules.variants import build_module

module = build_module("speech", "hubert", size="tiny", num_classes=8)
audio = torch.zeros(1, 400 + 320 * 11)
print(tuple(module(audio).shape))
recording = Recording(Path(sys.argv[1]), 16_000)
for use in (lambda: decode(recording, 16_000), lambda: Mfcc()(torch.zeros(800))):
    try:
        use()
        print("nothing")
    except ValueError as problem:
        print(f"{type(problem).__name__}: {problem}")
"""
