"""Epochs are run, step by step and from end to end."""

import json
from collections import Counter
from dataclasses import replace

import pytest
import torch

from benchmarks.answers import epochs
from benchmarks.answers.epoch_runs.anchors import Anchor
from benchmarks.answers.epoch_runs.child import in_round, in_turn, run_epochs
from benchmarks.answers.epoch_runs.judging import by_question
from benchmarks.answers.epoch_runs.planning import Amount
from benchmarks.answers.epoch_runs.running import Runner, budget_of
from benchmarks.answers.epoch_runs.tables import as_markdown
from benchmarks.answers.epoch_runs.tasks import EpochTask
from datamodules.batching.policies import PaddedBatch
from datamodules.lengths import LengthDistribution
from profiling.children.crew import Children
from tests.samples.epochs import DATA, rows
from tests.samples.rows.runs import write_run
from tests.samples.variants.costs import point_of


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_every_step_of_every_epoch_is_run_once(phase, monkeypatch):
    seen = []
    original = torch.nn.Module.__call__

    def watch(self, *arguments, **batch):
        if type(self).__name__ == "LocalBertModule":
            seen.append((len(batch["input_ids"]), batch["input_ids"].shape[1]))
        return original(self, *arguments, **batch)

    point = point_of("text", "local_bert", "local_blocked", phase, 24, attention_window=8)
    point = replace(point, conditions=replace(point.conditions, allocator="system"))
    first = tuple(PaddedBatch((n,), float(n)) for n in (11, 13, 17))
    second = (PaddedBatch((19, 20), 24.0), PaddedBatch((18, 21), 24.0))
    anchors = (Anchor(12, 1, 3, 1.0), Anchor(14, 2, 1, 900.0))
    task = EpochTask(point, anchors, (first, second), rounds=2)
    monkeypatch.setattr(torch.nn.Module, "__call__", watch)
    # A limit of memory cannot be taken back, and this is no child.
    monkeypatch.setattr("benchmarks.answers.epoch_runs.child.prepare_process", lambda point: None)

    (found,) = run_epochs(task)

    assert [len(each) for each in found["seconds"]] == [3, 2]
    assert all(value > 0 for each in found["seconds"] for value in each)
    assert [len(each) for each in found["anchors"]] == [2 * 3, 2]
    times = Counter(seen)
    assert times[1, 12] == 1 + 2 * 4  # a quick anchor: once before, and four times in each turn
    assert times[2, 14] == 1 + 2  # a slow one: once before, and once in each turn
    assert (times[1, 11], times[1, 13], times[1, 17]) == (2, 2, 2)  # each shape once before
    # The largest shape once more, for the check at the end.
    assert times[2, 24] == 1 + 2 + 1


def test_each_turn_begins_with_another_epoch():
    assert [in_turn(3, number) for number in range(3)] == [[0, 1, 2], [1, 2, 0], [2, 0, 1]]


@pytest.mark.parametrize("count", [1, 2, 5, 6, 7, 20])
def test_every_step_is_run_and_few_ones_in_several_rounds(count):
    run = Counter(place for number in range(6) for place in in_round(count, number, 6))

    assert set(run) == set(range(count))
    assert sum(run.values()) == max(count, 6)
    assert max(run.values()) - min(run.values()) <= 1


def test_a_run_is_measured_and_written_from_end_to_end(tmp_path, capsys):
    few = LengthDistribution("few", "text", "tokens", (66, 80, 100), (2, 2, 1), "nowhere")
    few.to_json(tmp_path / "few.json")
    tiny = [row | {"size": "tiny"} for row in rows()]
    directory = write_run(tmp_path / "run", tiny)
    given = [str(directory), "--lengths", str(tmp_path / "few.json"), "--out"]
    given += [str(tmp_path / "epochs"), "--phases", "inference", "--rounds", "2"]

    assert epochs.main(given) == 0

    told = capsys.readouterr().out
    (run,) = json.loads((tmp_path / "epochs.json").read_text()).values()
    assert as_markdown(run) in (tmp_path / "epochs.md").read_text()
    assert "few, inference: " in told
    ran = Counter((each["objective"], each["variant"]) for each in run["results"])
    assert ran["latency", "bert"] == 2
    assert ran["throughput", "local_bert"] == 3
    assert sum(each["recommended"] for each in run["results"]) == len(by_question(run["results"]))


def test_lengths_of_several_modalities_are_refused_in_one_sentence(tmp_path, capsys):
    directory = write_run(tmp_path / "run", rows())
    DATA.to_json(tmp_path / "text.json")
    speech = LengthDistribution("talk", "speech", "frames", (50,), (1,), "nowhere")
    speech.to_json(tmp_path / "speech.json")
    names = [str(tmp_path / "text.json"), str(tmp_path / "speech.json")]

    assert epochs.main([str(directory), "--lengths", *names]) == 2
    assert "`lengths` must all be of one modality" in capsys.readouterr().err


def test_nothing_is_run_where_a_later_phase_was_not_measured(tmp_path, capsys, monkeypatch):
    directory = write_run(tmp_path / "run", rows())
    DATA.to_json(tmp_path / "data.json")
    for name in ("call", "call_in_turns"):
        monkeypatch.setattr(Children, name, lambda *_: pytest.fail("a child was called"))

    given = [str(directory), "--lengths", str(tmp_path / "data.json"), "--phases"]
    assert epochs.main([*given, "inference", "training"]) == 2
    assert "got text in training" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("--steps=0", "`steps` must be at least 1, got 0"),
        ("--rounds=0", "`rounds` must be at least 1, got 0"),
        ("--batch_size=0", "`batch_size` must be at least 1, got 0"),
        ("--max_length=-5", "`max_length` must be at least 1, got -5"),
        ("--seconds=nan", "`seconds` must be a finite number, got nan"),
    ],
)
def test_a_number_that_cannot_be_is_refused_in_one_sentence(setting, sentence, capsys):
    assert epochs.main(["nowhere", "--lengths", "nothing.json", setting]) == 2
    assert sentence in capsys.readouterr().err


def test_size_threads_and_budget_are_those_that_were_measured_last(tmp_path, monkeypatch):
    last = {"size": "wide", "threads": 3, "memory_budget_gib": 9.0}
    both = [*rows(), *(row | last | {"key": f"{row['key']}-wide"} for row in rows())]
    directory = write_run(tmp_path / "run", both)
    DATA.to_json(tmp_path / "data.json")
    monkeypatch.setattr(Runner, "run", lambda *_: None)

    given = [str(directory), "--lengths", str(tmp_path / "data.json"), "--phases", "inference"]
    run = epochs.measure_epochs(epochs.parse(given))

    assert run["size"] == "wide"
    assert run["machine"].endswith(", 3 threads")
    runner = Runner(both, Amount(), 1, None, 6.0)
    assert budget_of(runner.find("text", "inference")) == 9.0
