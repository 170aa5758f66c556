"""What works where jsonargparse, datasets, soundfile and plotly are not installed."""

import json
import os
import re
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from tests.samples.places import ROOT

# Run by every interpreter that finds it on its path, the fork server of a sweep among them. What
# is hidden looks as it does where it is not installed, to an import, to `find_spec` and to
# `importlib.metadata`.
SITECUSTOMIZE = """
import importlib.machinery
import importlib.metadata

HIDDEN = {"datasets", "jsonargparse", "plotly", "soundfile"}
Finder = importlib.machinery.PathFinder
find_spec, find_distributions = Finder.find_spec, Finder.find_distributions


def find_spec_but_hidden(cls, name, path=None, target=None):
    return None if name.partition(".")[0] in HIDDEN else find_spec(name, path, target)


def find_distributions_but_hidden(cls, context=importlib.metadata.DistributionFinder.Context()):
    return () if context.name in HIDDEN else find_distributions(context)


Finder.find_spec = classmethod(find_spec_but_hidden)
Finder.find_distributions = classmethod(find_distributions_but_hidden)
"""
HIDDEN = ("datasets", "jsonargparse", "plotly", "soundfile")

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
    ),
    Path(sys.argv[1]),
)
"""

TRAINING = """
import sys

from lightning import Trainer

from datamodules.modalities.synthetic import SyntheticText
from lightning_modules.variants import build_module

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
print(trainer.global_step, "lightning.pytorch.cli" in sys.modules)
"""

# What importing every module says, by module.
IMPORTS = """
import importlib, json, pkgutil

said = {}
for package in ("datamodules", "lightning_modules", "profiling"):
    for found in pkgutil.walk_packages([package], package + "."):
        try:
            importlib.import_module(found.name)
            said[found.name] = None
        except Exception as problem:
            said[found.name] = f"{type(problem).__name__}: {problem}"
print(json.dumps(said))
"""

# What real data say: the argument is a folder with a table, a tokenizer and a recording.
DATA = """
import sys
from pathlib import Path

from datamodules.modalities.speech import SpeechData
from datamodules.modalities.text import TextData
from profiling.measuring.real_batches import build_data

folder = Path(sys.argv[1])
table, tokenizer = str(folder / "texts.csv"), str(folder / "tokenizer")
for use in (
    lambda: TextData(table, tokenizer).lengths(),
    lambda: SpeechData(str(folder)).lengths(),
    lambda: SpeechData("owner/sounds", layout="datasets").lengths(),
    lambda: build_data({"class_path": "datamodules.modalities.synthetic.SyntheticText"}),
):
    try:
        use()
        print("nothing")
    except ValueError as problem:
        print(f"{type(problem).__name__}: {problem}")
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


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a process that finds none of the hidden packages."""
    folder = tmp_path_factory.mktemp("hidden")
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def write_silence(path: Path, rate_hz: int) -> Path:
    """Write a second of it, without the library that is hidden."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate_hz, 0, "NONE", ""))
        file.writeframes(bytes(2 * rate_hz))
    return path


def test_the_packages_look_as_if_they_were_not_installed(hidden):
    code = """
import importlib.metadata, importlib.util, sys
for name in sys.argv[1:]:
    assert importlib.util.find_spec(name) is None
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as problem:
        assert problem.name == name
    try:
        importlib.metadata.version(name)
        raise SystemExit(name)
    except importlib.metadata.PackageNotFoundError:
        pass
assert importlib.metadata.version("numpy")
"""
    answer = run(hidden, "-c", code, *HIDDEN)
    assert answer.returncode == 0, answer.stderr


def test_a_sweep_from_python_has_everything_but_the_interactive_charts(hidden, tmp_path):
    answer = run(hidden, "-c", SWEEP, str(tmp_path / "run"))
    assert answer.returncode == 0, answer.stderr
    rows = [json.loads(line) for line in (tmp_path / "run/measurements.jsonl").open()]
    assert {(row["variant"], row["status"]) for row in rows} == {
        ("bert", "ok"),
        ("local_bert", "ok"),
    }
    assert json.loads((tmp_path / "run/tipping_points.json").read_text())
    assert list((tmp_path / "run/tensorboard").rglob("events.out.tfevents*"))
    page = (tmp_path / "run/report.html").read_text()
    pictures = list((tmp_path / "run/figures").glob("*.png"))
    assert len(pictures) == 1
    assert page.count('src="data:image/png;base64,') == 1
    assert "plotly was not installed" in page
    assert "<script" not in page


def test_a_variant_is_trained_from_python(hidden):
    answer = run(hidden, "-c", TRAINING)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == ["2", "False"]


def test_every_module_is_imported_but_the_parser_of_command_lines(hidden):
    answer = run(hidden, "-c", IMPORTS)
    assert answer.returncode == 0, answer.stderr
    said = json.loads(answer.stdout)
    assert len(said) > 100
    assert {module: problem for module, problem in said.items() if problem} == {
        "profiling.arguments": "DataError: a command line needs jsonargparse, which is not "
        "installed: install it with `pip install 'jsonargparse[signatures]'`"
    }


@pytest.mark.parametrize("command", ["profile.py", "train.py"])
def test_a_command_line_is_refused_in_one_sentence(hidden, command):
    answer = run(hidden, command, "--help")
    assert answer.returncode == 2, answer.stderr
    assert answer.stderr.startswith("error: a command line needs jsonargparse, which is not inst")
    assert len(answer.stderr.splitlines()) == 1


def test_data_that_need_a_hidden_package_name_it(hidden, tmp_path):
    (tmp_path / "texts.csv").write_text("text\na few words\n")
    (tmp_path / "tokenizer").mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "few", "words"]
    (tmp_path / "tokenizer/vocab.txt").write_text("\n".join(words))
    write_silence(tmp_path / "sound.wav", rate_hz=16_000)
    answer = run(hidden, "-c", DATA, str(tmp_path))
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == [
        f"DataError: {purpose} needs {package}, which is not installed: install it with "
        f"`pip install {install}`"
        for purpose, package, install in (
            ("reading a table", "datasets", "datasets"),
            ("reading audio", "soundfile", "soundfile"),
            ("`layout` datasets", "datasets", "datasets"),
            ("a `data` block", "jsonargparse", "'jsonargparse[signatures]'"),
        )
    ]


def test_beside_a_torchaudio_for_another_torch_only_what_uses_it_is_refused(tmp_path):
    (tmp_path / "torchaudio").mkdir()
    (tmp_path / "torchaudio/__init__.py").write_text("raise RuntimeError('another CUDA')")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    recording = write_silence(tmp_path / "sound.wav", rate_hz=8_000)
    answer = run(os.environ | {"PYTHONPATH": path}, "-c", BROKEN, str(recording))
    assert answer.returncode == 0, answer.stderr
    trained, resampled, cepstra = answer.stdout.splitlines()
    assert trained == "(1, 12, 8)"
    beside = "cannot be imported beside torch .*: torchaudio 2.11.0 goes with torch 2.11.0 .* to "
    assert re.match(f"DataError: audio that is not sampled at 16 kHz needs .* {beside}", resampled)
    assert re.match(f"ModelError: `features` mfcc needs torchaudio, which {beside}", cepstra)


def test_tests_of_a_gpu_can_be_collected(hidden):
    marked = [
        str(path)
        for path in ROOT.glob("tests/lightning_modules/**/test_*.py")
        if "pytest.mark.gpu" in path.read_text()
    ]
    assert marked
    answer = run(hidden, "-m", "pytest", "--collect-only", "-q", "-m", "gpu", *marked)
    assert answer.returncode == 0, answer.stdout
