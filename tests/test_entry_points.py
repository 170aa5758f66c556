import json
import subprocess
import sys
from pathlib import Path

import pytest

from datamodules.lengths import LengthDistribution
from tests.samples.places import ROOT


def run(
    *arguments: str, folder: Path = ROOT, python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    command = [python, *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


def test_importing_profile_from_the_root_gives_the_standard_library() -> None:
    code = "import cProfile, profile; assert profile.run.__module__ == 'profile'; cProfile.run('1')"
    assert run("-c", code).returncode == 0


def test_a_file_of_lengths_is_told_without_torch(tmp_path: Path) -> None:
    LengthDistribution.from_lengths([3, 900], "a", "text", "a.csv").to_json(tmp_path / "a.json")
    command = ["profile.py", "lengths", f"{tmp_path}/a.json", "--picture", f"{tmp_path}/a.png"]
    answer = run("-X", "importtime", *command)
    assert answer.returncode == 0
    assert "recommended max_length: 1,024" in answer.stdout
    assert "| torch\n" not in answer.stderr


def test_profile_runs_from_another_folder(tmp_path: Path) -> None:
    assert run(str(ROOT / "profile.py"), "--help", folder=tmp_path).returncode == 0


@pytest.mark.parametrize("script", ["profile.py", "train.py"])
@pytest.mark.parametrize("asked", ["-h", "--help"])
def test_a_script_answers_help_without_torch_in_100_columns(script: str, asked: str) -> None:
    answer = run("-X", "importtime", script, asked)
    assert answer.returncode == 0
    assert f"usage: {script}" in answer.stdout
    assert max(map(len, answer.stdout.splitlines())) <= 100
    assert "| torch\n" not in answer.stderr
    assert "| lightning\n" not in answer.stderr


def test_train_imports_lightning_beside_profile_py_and_answers_help() -> None:
    answer = run("train.py", "fit", "--help")
    assert answer.returncode == 0
    assert "--config" in answer.stdout


@pytest.mark.parametrize("command", [("profile.py", "sweep"), ("train.py", "fit")])
@pytest.mark.parametrize("content", [pytest.param("[" * 100_000, id="deep"), "data: [text"])
def test_settings_that_no_parser_can_follow_are_one_sentence(
    command: tuple[str, str], content: str, tmp_path: Path, interpreter: Path
) -> None:
    (tmp_path / "damaged.yaml").write_text(content)
    words = [*command, "--config", str(tmp_path / "damaged.yaml")]
    answer = run(*words, python=str(interpreter / "python"))
    assert answer.returncode == 2
    (sentence,) = answer.stderr.splitlines()
    assert "`config` must be a file of YAML: " in sentence


QUICKSTART = "configs/profile/quickstart.yaml"
HELPED = ["sweep", "report", "compare", "lengths"]
MISTAKES: list[tuple[list[str], list[str]]] = [
    (["sweep", "--config", QUICKSTART, "--size", "huge"], ["`size`", "base", "huge"]),
    (["sweep", "--config", QUICKSTART, "--sise", "tiny"], ["`sise`", "size"]),
    (["sweep", "--config", QUICKSTART, "--implementations", "[fast]"], ["fast", "eager"]),
    (["sweep", "--config", QUICKSTART, "--modalities.text.lengths", "[0]"], ["`lengths`", "0"]),
    (["sweep", "--config", QUICKSTART, "--modalities.text.variants", "[brt]"], ["brt", "bert"]),
    (
        [
            "sweep",
            "--config",
            QUICKSTART,
            "--modalities.text.variants",
            "[{name: longformer, attention_window: 7}]",
        ],
        ["`attention_window`", "even", "7"],
    ),
    (["sweep", "--config", "nowhere.yaml"], ["`config`", "nowhere.yaml"]),
    (["lengths", "--data.source", "[" * 500], ["`source`", "[["]),
    (["lengths", "--data.source", "[text"], ["`source`", "[text"]),
    (["sweep"], ["`modalities`"]),
    (["sweep", "--config", QUICKSTART, "--shard", "3/2"], ["`shard`", "3/2"]),
    (["sweep", "--config", QUICKSTART, "--threads", "999"], ["`threads`", "999"]),
    (["sweep", "--config", QUICKSTART, "--memory_budget_gib", "9e9"], ["`memory_budget_gib`"]),
    (["report", "nowhere"], ["nowhere", "measurements.jsonl"]),
    (["compare", "nowhere", "nowhere"], ["nowhere", "measurements.jsonl"]),
    (["compare", "nowhere"], ["`run_b`"]),
    (["compare", "a", "b", "--fail-on-slower", "x"], ["`fail_on_slower`", "x"]),
    (["compare", "a", "b", "--jsn"], ["`jsn`", "json"]),
    (["lengths"], ["`data`"]),
    (["lengths", "--sorce", "x"], ["`sorce`", "data", "out"]),
    (["lengths", "nowhere.json"], ["nowhere.json"]),
    (["lengths", "--sample", "5", "nowhere.json"], ["`sample`", "`data`"]),
    (["lengths", "--batch_size", "x"], ["`batch_size`", "x"]),
    (["lengths", "--data.source", "x", "--picture", "a.pdf"], ["`picture`", ".png", "a.pdf"]),
    (["measure"], ["`command`", "measure", "sweep", "report"]),
    ([], ["`command` must be given", "advise", "gpu-check", "sweep"]),
]
# One process for all of them: it imports the parser once. Prints status, stdout, stderr and whether
# torch was imported.
ANSWERING = """
import contextlib
import io
import json
import sys

from profiling.cli import main

answers = []
for arguments in json.loads(sys.argv[1]):
    said, complained = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
        try:
            status = main(arguments)
        except SystemExit as ended:
            status = ended.code
    answers.append((status, said.getvalue(), complained.getvalue(), "torch" in sys.modules))
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, str, bool]]:
    """Return what is answered to each command, by its words."""
    out = ["--out", str(tmp_path_factory.mktemp("out"))]
    asked = [[command, "--help"] for command in HELPED] + [words for words, _ in MISTAKES]
    given = [words + out * (words[:1] == ["sweep"]) for words in asked]
    answer = run("-c", ANSWERING, json.dumps(given))
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    return {" ".join(words): each for words, each in zip(asked, found, strict=True)}


@pytest.mark.parametrize("command", HELPED)
def test_profile_answers_help_without_torch(
    command: str, answers: dict[str, tuple[int, str, str, bool]]
) -> None:
    status, said, _, has_torch = answers[f"{command} --help"]
    assert status == 0
    assert "usage: profile.py" in said
    assert not has_torch


@pytest.mark.parametrize(("arguments", "words"), MISTAKES)
def test_a_users_mistake_is_one_sentence_without_torch(
    arguments: list[str], words: list[str], answers: dict[str, tuple[int, str, str, bool]]
) -> None:
    status, _, complained, has_torch = answers[" ".join(arguments)]
    assert status == 2, complained
    (sentence,) = complained.splitlines()
    for word in words:
        assert word in sentence
    assert not has_torch


# Where the system is Windows, and these are not there to be imported.
ON_WINDOWS = """
import runpy, sys

sys.platform = "win32"
sys.modules.update(dict.fromkeys(["fcntl", "resource"]))
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@pytest.mark.parametrize("script", ["profile.py", "train.py"])
@pytest.mark.parametrize("asked", ["--help", "sweep"])
def test_windows_is_refused_in_one_sentence(script: str, asked: str) -> None:
    answer = run("-c", ON_WINDOWS, script, asked)
    assert (answer.returncode, answer.stdout) == (2, "")
    (sentence,) = answer.stderr.splitlines()
    assert sentence.startswith("error: the system must be Linux or macOS, got Windows")
