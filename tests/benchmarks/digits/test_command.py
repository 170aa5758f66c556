"""The commands of the experiments on spoken digits: a seed per core, and where results go."""

import json
import os

import pytest

from benchmarks.digits import needed_context, spoken_digits, unseen_speakers
from benchmarks.digits.command import results_of, run_each, start
from benchmarks.digits.side_by_side import run_side_by_side
from benchmarks.digits.speakers.folds import Fold
from benchmarks.digits.table import FROM_START
from benchmarks.keeping import RESULTS
from tests.samples.documents import commands_of
from tests.samples.places import ROOT

CORES = os.sched_getaffinity(0)

SEED = """
import os
import sys
from pathlib import Path

out, seed = Path(sys.argv[1]), sys.argv[-1]
(out / seed).write_text(f"{len(os.sched_getaffinity(0))} {os.environ['OMP_NUM_THREADS']}")
sys.exit(3 if seed == "5" else 0)
"""


def test_seeds_run_on_a_core_of_their_own(tmp_path):
    (tmp_path / "seed.py").write_text(SEED)
    command = [str(tmp_path / "seed.py"), str(tmp_path), "--seeds"]
    assert run_side_by_side(command, [2, 4, 7]) == 0
    assert {(tmp_path / seed).read_text() for seed in "247"} == {"1 1"}


def test_a_seed_that_fails_is_the_last_to_begin(tmp_path, monkeypatch):
    (tmp_path / "seed.py").write_text(SEED)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {min(CORES)})
    command = [str(tmp_path / "seed.py"), str(tmp_path), "--seeds"]
    assert run_side_by_side(command, [5, 2]) == 3
    assert not (tmp_path / "2").exists()


def test_a_seed_alone_runs_in_this_process():
    ran: list[int] = []
    run_each([3], ran.append, ["no such command"])
    assert ran == [3]


@pytest.mark.parametrize(
    ("experiment", "names", "own"),
    [
        (spoken_digits, {"seeds": [4, 7]}, ["--from_start", "7", "--costs"]),
        (unseen_speakers, {"folds": [Fold("ann", 0), Fold("bo", 1)]}, ["--few", "--means"]),
        (needed_context, {"seeds": [4, 7]}, ["--digits", "runs/digits"]),
    ],
)
def test_a_process_of_its_own_gets_the_arguments_that_were_given(
    experiment, names, own, monkeypatch
):
    commands: list[list[str]] = []

    def note(command: list[str], each: list[str]) -> int:
        commands.extend([*command, str(name)] for name in each)
        return 0

    ((option, chosen),) = names.items()
    words = ["--recordings", "r", "--out", "o", "--steps", "0.5", *own, f"--{option}"]
    command = ["x.py", *words, *(each.name if option == "folds" else str(each) for each in chosen)]
    monkeypatch.setattr(experiment, "prepare", lambda *_: None)
    monkeypatch.setattr(spoken_digits, "measure_costs", lambda _: None)
    monkeypatch.setattr("benchmarks.digits.command.run_side_by_side", note)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    given = experiment.arguments().parse_args(command[1:])
    experiment.run_all(given, command)
    assert len(commands) == len(chosen)
    for name, found in zip(chosen, commands, strict=True):
        expected = vars(given) | {option: [name]}
        if experiment is spoken_digits:
            expected["costs"] = False  # measured once, with nothing beside
        assert found[0] == "x.py"
        assert vars(experiment.arguments().parse_args(found[1:])) == expected


def test_the_command_above_the_table_of_spoken_digits_makes_that_table():
    stored = json.loads((RESULTS / "spoken_digits.json").read_text())["seeds"]
    (words,) = [
        words[2:]
        for words in commands_of(ROOT / "benchmarks/README.md")
        if words[1] == "benchmarks/digits/spoken_digits.py"
    ]
    given = spoken_digits.arguments().parse_args(words)
    assert given.seeds == sorted(map(int, stored))
    assert given.from_start == sorted(
        int(seed) for seed in stored if {*FROM_START} & {*stored[seed]}
    )


@pytest.mark.parametrize("steps", [[], ["--steps", "0.5"]])
def test_results_go_where_the_user_says(steps, tmp_path):
    words = ["--recordings", "r", "--results", str(tmp_path / "new"), *steps]
    assert results_of(spoken_digits.arguments().parse_args(words)) == tmp_path / "new"
    assert (tmp_path / "new").is_dir()


@pytest.mark.parametrize("experiment", [spoken_digits, unseen_speakers, needed_context])
def test_recordings_that_are_not_there_are_refused_in_one_sentence(
    experiment, tmp_path, monkeypatch, capsys
):
    words = ["--recordings", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", ["x.py", *words])
    monkeypatch.setattr("benchmarks.digits.command.silence_lightning", lambda: None)
    with pytest.raises(SystemExit) as ended:
        start(experiment.arguments(), experiment.run_all)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "nowhere" in said.splitlines()[-1]
