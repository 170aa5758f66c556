"""The commands of README and docs, each executed; long measurements take their smallest form."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from contextlib import chdir
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.answers import decisions
from profiling.children.crew import Children
from profiling.cli import parse
from profiling.commands.sweep import read_settings
from profiling.sweeping.preparation import Preparation
from tests.samples.documents import EXECUTED, README, commands_of
from tests.samples.places import ROOT
from tests.samples.rows.advising import keyed_rows_of, lengths_around, vanilla_law
from tests.samples.rows.runs import visits_of, write_run
from tests.samples.sweeps import command
from tests.samples.training import FITTED, offline

# Once each: some stand in two documents.
COMMANDS = [list(words) for words in dict.fromkeys(map(tuple, commands_of(*EXECUTED)))]
BRIEF_SWEEP = [
    "--size=tiny",
    "--device=cpu",
    "--precision=32-true",  # half precision is no faster on most CPUs
    "--visits=1",
    "--min_samples=1",
    "--seconds_per_measurement=0.01",
    "--metrics=[latency]",
    "--phases=[inference]",
    "--modalities.text.lengths=[80]",
    "--modalities.speech.lengths=[20]",
    "--modalities.vision.input_sizes=[64]",
    *(f"--modalities.{name}.refine=false" for name in ("text", "speech", "vision")),
    # Every variant is measured in `test_whole_sweep.py`; `test_costs.py` counts what each computes.
    "--modalities.text.variants=[{name: bert, implementations: [sdpa]},"
    "{name: local_bert, attention_window: 64, implementations: [local_blocked]}]",
    "--modalities.speech.variants=[{name: hubert, implementations: [sdpa]},"
    "{name: lhubert, attention_window: 8, implementations: [local_blocked]}]",
    "--modalities.vision.variants=[{name: vit, implementations: [sdpa]},"
    "{name: swin, implementations: [eager]}]",
]
# What a sweep would do is said on any machine: without a GPU, and with little memory.
ONLY_SAID = ["--dry-run", "--device=cpu", "--precision=32-true", "--memory_budget_gib=1"]
IS_SET_UP = (ROOT / ".venv/ready").exists()
SWEEPS = [words for words in COMMANDS if words[:3] == ["python", "profile.py", "sweep"]]
# Those that need no data; the others are executed in `test_training_page.py`.
OUT_OF_THE_BOX = [words for words in COMMANDS if words[1] == "train.py" and len(words) == 5]


def execute(*words: str) -> str:
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commands(*beginning: str) -> list[list[str]]:
    """Return those commands of the documents that begin with these words."""
    return [words for words in COMMANDS if words[: len(beginning)] == list(beginning)]


def profile(words: list[str], *more: str) -> str:
    """Run a command of `profile.py` in this process, which has the imports already."""
    assert words[:2] == ["python", "profile.py"]
    with chdir(ROOT):
        status, said, complained = command(*words[2:], *more)
    assert status == 0, complained
    return said


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Make the run directory that later commands look at; return it and what was said."""
    (words,) = [words for words in SWEEPS if "--breakdown" in words]
    out = tmp_path_factory.mktemp("readme") / "run"
    return out, profile(words, f"--out={out}", *BRIEF_SWEEP)


@pytest.fixture
def run(made: tuple[Path, str]) -> Path:
    return made[0]


def test_every_command_is_of_a_kind_that_is_executed_here() -> None:
    kinds = [
        commands("make"),
        SWEEPS,
        commands("python", "profile.py", "lengths"),
        commands("python", "profile.py", "report"),
        commands("python", "profile.py", "compare"),
        commands("python", "profile.py", "advise"),
        commands("python", "profile.py", "gpu-check"),
        commands("python", "train.py"),
        commands("python", "benchmarks/answers/decisions.py"),
        commands("tensorboard"),
    ]
    assert all(kinds)
    assert sorted(sum(kinds, [])) == sorted(COMMANDS)


@pytest.mark.skipif(not IS_SET_UP, reason="`make` has not set up .venv")
def test_make_profile_hands_its_arguments_to_a_sweep() -> None:
    assert ["make", "profile"] in COMMANDS
    assert " from here, " in execute("make", "profile", "ARGS=--dry-run")


@pytest.mark.parametrize("words", commands("make"), ids=" ".join)
def test_a_target_exists(words: list[str]) -> None:
    execute(words[0], "-n", *words[1:])


def test_a_sweep_ends_with_the_tipping_points_and_says_where_to_look(
    made: tuple[Path, str],
) -> None:
    out, said = made
    assert "beats vit" in said
    assert str(out / "report.html") in said
    assert (out / "report.html").exists()


@pytest.mark.parametrize("words", SWEEPS, ids=" ".join)
def test_a_sweep_says_beforehand_what_it_would_do(words: list[str], tmp_path: Path) -> None:
    said = profile(words, f"--out={tmp_path}/run", *ONLY_SAID, *texts_for(words, tmp_path))
    assert re.search(r"\b0 (visits|of them) done", said)
    assert " from here, " in said


def write_texts(folder: Path, numbers_of_words: Iterable[int]) -> dict[str, str]:
    """Write texts, which have two tokens more than words; return settings for them."""
    vocabulary = folder / "vocab/vocab.txt"
    vocabulary.parent.mkdir(exist_ok=True)
    vocabulary.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\n")
    lines = [json.dumps({"text": "good " * number}) for number in numbers_of_words]
    (folder / "texts.jsonl").write_text("\n".join(lines))
    return {"source": f"{folder}/texts.jsonl", "tokenizer": str(vocabulary.parent)}


def texts_for(words: list[str], folder: Path) -> list[str]:
    """Return settings for texts of 3 to 202 tokens, one of each, where a sweep has data."""
    block = "--modalities.text.data."
    if not any(word.startswith(block) for word in words):
        return []
    settings = write_texts(folder, range(1, 201))
    return [f"{block}{name}={value}" for name, value in settings.items()]


def test_texts_of_ones_own_are_measured_at_their_lengths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (words,) = [words for words in SWEEPS if texts_for(words, tmp_path)]
    parsed = parse([*words[2:], *ONLY_SAID, *texts_for(words, tmp_path)])
    plan = Preparation(read_settings(parsed.sweep), Children(), batches=None).plan()
    measured = {(point.length, point.batch_source) for point in plan.first_points()}
    assert measured == {(length, "real") for length in (22, 102, 182, 200, 202)}


@pytest.mark.parametrize("words", commands("python", "profile.py", "compare"), ids=" ".join)
def test_two_runs_are_compared(words: list[str], tmp_path: Path) -> None:
    before = write_run(tmp_path / "before", visits_of([10.0, 10.2]))
    after = write_run(tmp_path / "after", visits_of([10.1, 10.0]))
    places = {"runs/before": str(before), "runs/after": str(after)}
    assert "bert" in profile([places.get(word, word) for word in words])


@pytest.mark.parametrize("words", commands("python", "profile.py", "advise"), ids=" ".join)
def test_a_variant_is_advised(words: list[str], tmp_path: Path) -> None:
    lengths_around(500).to_json(tmp_path / "lengths.json")
    measured = write_run(tmp_path / "measured", keyed_rows_of("bert", "sdpa", vanilla_law))
    places = {"runs/cpu": str(measured), "lengths.json": str(tmp_path / "lengths.json")}
    assert "Keep bert sdpa" in profile([places.get(word, word) for word in words])


@pytest.mark.parametrize("words", commands("python", "profile.py", "lengths"), ids=" ".join)
def test_lengths_of_a_local_file_are_written(words: list[str], tmp_path: Path) -> None:
    out = tmp_path / "lengths.json"
    texts = write_texts(tmp_path, [2, 1])
    data = [f"--data.init_args.{name}={value}" for name, value in texts.items()]
    profile(words, *data, f"--out={out}")
    found = json.loads(out.read_text())
    assert (found["values"], found["counts"], found["unit"]) == ([3, 4], [1, 1], "tokens")


@pytest.mark.parametrize("words", commands("python", "profile.py", "report"), ids=" ".join)
def test_a_report_is_rebuilt(words: list[str], run: Path) -> None:
    before = (run / "report.html").stat().st_mtime_ns
    profile([*words[:3], str(run)])
    assert (run / "report.html").stat().st_mtime_ns > before


@pytest.mark.parametrize("words", commands("python", "profile.py", "gpu-check"), ids=" ".join)
def test_a_check_of_a_gpu_says_what_it_would_do(words: list[str]) -> None:
    """What it does is in `test_minimal_installation.py`."""
    assert "archive" in profile(words, "--dry-run")


@pytest.mark.parametrize("words", commands("tensorboard"), ids=" ".join)
def test_tensorboard_finds_the_run(words: list[str], run: Path) -> None:
    folder = run / Path(words[2]).name
    executable = Path(sys.executable).with_name("tensorboard")
    said = execute(str(executable), words[1], str(folder), "--inspect")
    assert "text/inference/latency_ms" in said


def test_the_charts_are_shown_by_the_command_that_a_sweep_prints(
    made: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (printed,) = [line for line in made[1].splitlines() if line.startswith("Charts: ")]
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # no environment is active
    said = execute(*shlex.split(printed.removeprefix("Charts: ")), "--inspect")
    assert "text/inference/latency_ms" in said


@pytest.mark.parametrize(
    "words", commands("python", "benchmarks/answers/decisions.py"), ids=" ".join
)
def test_a_decision_is_refused_for_its_steps_alone(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = [f"--out={tmp_path}", f"--pages={tmp_path}"]
    assert decisions.main([*words[2:], *places, "--steps=0"]) == 2
    assert "`steps` must be at least 1, got 0" in capsys.readouterr().err


@pytest.mark.parametrize("words", OUT_OF_THE_BOX, ids=" ".join)
def test_training_needs_no_more_than_its_configuration(words: list[str], tmp_path: Path) -> None:
    """Each is trained with in `test_training_configs.py`."""
    verb, option, path = words[2:]
    assert (verb, option) == ("fit", "--config")
    assert ROOT / path in FITTED
    assert offline(ROOT / path, tmp_path) == []


def test_a_command_of_the_readme_takes_what_one_before_it_made() -> None:
    made: set[str] = set()
    taken: set[str] = set()
    for words in commands_of(README):
        options = dict(pairwise(words))
        if words[2:3] in (["advise"], ["report"]):
            taken |= {words[3], options.get("--lengths", words[3])}
        assert taken <= made, words
        if words == ["make", "profile"]:
            made.add("runs/quickstart")
        if "--config" in options:
            made.add(options.get("--out", f"runs/{Path(options['--config']).stem}"))
    assert len(taken) == 3


def test_the_first_command_stands_in_the_first_20_lines() -> None:
    head = "\n".join(README.read_text().splitlines()[:20])
    assert "make profile" in head
