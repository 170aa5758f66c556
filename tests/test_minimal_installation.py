"""What works where jsonargparse, datasets, soundfile and plotly are not installed.

There is a torchaudio there that goes with another torch, so that it cannot be imported.
"""

import json
import os
import re
import subprocess
import sys
import tarfile
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from profiling.checking.gpu_tests import find_tests
from tests.samples.places import ROOT
from tests.samples.scripts import BROKEN, PROFILE, SESSION, SITECUSTOMIZE, SWEEP
from tests.samples.warm.interpreter import warm_interpreter

HIDDEN = ("datasets", "hypothesis", "jsonargparse", "plotly", "soundfile")
NO_COMMAND_LINE = (
    "a command line needs jsonargparse, which is not installed: "
    "install it with `pip install 'jsonargparse[signatures]'`"
)


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a process that finds none of the hidden packages."""
    folder = tmp_path_factory.mktemp("hidden")
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
    write_other_torchaudio(folder)
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}


@pytest.fixture(scope="module")
def python(hidden: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give an interpreter that starts at once, and has never found one of the hidden packages."""
    place = tmp_path_factory.mktemp("python")
    with warm_interpreter(place, place, path=hidden["PYTHONPATH"]) as folder:
        yield str(folder / "python")


def run(
    environment: dict[str, str], *arguments: str, python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def write_other_torchaudio(folder: Path) -> None:
    """Write a torchaudio that fails when it is imported."""
    about = "torchaudio-2.11.0.dist-info/METADATA"
    for name, text in (
        ("torchaudio/__init__.py", "raise RuntimeError('another CUDA')"),
        (about, "Metadata-Version: 2.1\nName: torchaudio\nVersion: 2.11.0\n"),
    ):
        (folder / name).parent.mkdir()
        (folder / name).write_text(text)


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


def test_a_sweep_from_python_has_everything_but_the_interactive_charts(hidden, python, tmp_path):
    answer = run(hidden, "-c", SWEEP, str(tmp_path / "run"), python=python)
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
    assert {picture.stem for picture in pictures} == {"text-inference", "sentinel"}
    assert page.count('src="data:image/png;base64,') == 2
    assert "plotly was not installed" in page
    assert "<script" not in page


@pytest.fixture(scope="module")
def answers(hidden, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "texts.csv").write_text("text\na few words\n")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "few", "words"]
    (folder / "vocab.txt").write_text("\n".join(words))
    write_silence(folder / "sound.wav", rate_hz=16_000)
    answer = run(hidden, "-c", SESSION, str(folder), *modules_of_gpu_tests())
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])


def modules_of_gpu_tests():
    """Return the tests that an image with a GPU runs."""
    return [path.removesuffix(".py").replace("/", ".") for path in find_tests()]


def test_tests_of_a_gpu_are_found_by_the_names_of_their_files():
    marked = [
        str(path.relative_to(ROOT))
        for path in ROOT.glob("tests/**/test_*.py")
        if re.search(r"^(@|pytestmark = )pytest\.mark\.gpu$", path.read_text(), re.MULTILINE)
    ]
    assert "tests/lightning_modules/attention/test_gpu_windows.py" in marked
    assert {*marked} <= {*find_tests()}


def test_a_check_of_a_gpu_runs_every_part_in_small(hidden, python, tmp_path):
    """From the command line of the standard library alone, into one archive."""
    out = tmp_path / "check"
    # It ends when all is done; other processes may take most of the cores.
    options = ["--tiny", "--seconds", "1500", "--out", str(out)]
    answer = run(hidden, "-c", PROFILE, "gpu-check", *options, python=python)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    rows = [json.loads(line) for line in (out / "checks.jsonl").open()]
    done = {row["part"] for row in rows if row["status"] == "ok"}
    assert done == {"answer", "card", "exactness", "kernels", "recording", "replay", "sweep"}
    assert {row["status"] for row in rows} == {"ok", "skipped"}, answer.stdout
    assert all(row["error"] for row in rows if row["status"] == "skipped")
    (tests,) = [row for row in rows if row["part"] == "tests"]
    if not torch.cuda.is_available():
        assert (tests["status"], tests["passed"], tests["failures"]) == ("skipped", 0, 0)
        assert tests["skips"] > 50
        assert "there is no CUDA device here" in tests["error"]
    with tarfile.open(out / "gpu-check.tar.gz") as archive:
        names = set(archive.getnames())
    wanted = ["checks.jsonl", "log.txt", "manifest.json", "figures/kernels-float32-inference.png"]
    wanted += [f"sweep/{name}" for name in ("measurements.jsonl", "report.html", "figures")]
    assert {f"gpu-check/{name}" for name in wanted} <= names
    assert "gpu-check/sweep/sentinel.jsonl" not in names  # its readings would cost visits


def test_a_variant_is_trained_from_python(answers):
    assert answers["steps"] == 2


def test_every_module_is_imported_but_the_parser_of_command_lines(answers):
    assert len(answers["modules"]) > 100
    assert {module: said for module, said in answers["modules"].items() if said} == {
        "profiling.arguments": f"DataError: {NO_COMMAND_LINE}"
    }


def test_lightnings_command_line_is_imported_by_none_of_them(answers):
    assert not answers["has_cli"]


def test_tests_of_a_gpu_can_be_imported(answers):
    assert answers["tests"]
    assert not any(answers["tests"].values())


def test_data_that_need_a_hidden_package_name_it(answers):
    assert answers["data"] == [
        f"DataError: {purpose} needs {package}, which is not installed: install it with "
        f"`pip install {install}`"
        for purpose, package, install in (
            ("reading a table", "datasets", "datasets"),
            ("reading audio", "soundfile", "soundfile"),
            ("`layout` datasets", "datasets", "datasets"),
            ("a `data` block", "jsonargparse", "'jsonargparse[signatures]'"),
        )
    ]


def test_a_command_line_is_refused_in_one_sentence(hidden, answers):
    assert answers["train.py"] == [2, f"error: {NO_COMMAND_LINE}\n"]
    answer = run(hidden, "profile.py", "--help")
    assert (answer.returncode, answer.stderr) == (2, f"error: {NO_COMMAND_LINE}\n")


def test_beside_a_torchaudio_for_another_torch_only_what_uses_it_is_refused(tmp_path):
    """Here nothing has imported Lightning before; in the other processes it comes first."""
    write_other_torchaudio(tmp_path)
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    recording = write_silence(tmp_path / "sound.wav", rate_hz=8_000)
    answer = run(os.environ | {"PYTHONPATH": path}, "-c", BROKEN, str(recording))
    assert answer.returncode == 0, answer.stderr
    shape, resampled, cepstra = answer.stdout.splitlines()
    assert shape == "(1, 12, 8)"
    beside = "cannot be imported beside torch .*: torchaudio 2.11.0 goes with torch 2.11.0 .* to "
    assert re.match(f"DataError: audio that is not sampled at 16 kHz needs .* {beside}", resampled)
    assert re.match(f"ModelError: `features` mfcc needs torchaudio, which {beside}", cepstra)
