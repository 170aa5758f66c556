"""A benchmark ends in one sentence where the user must mend something, and never waits for ever."""

import sys

import pytest
import torch

from benchmarks.answers import decisions
from benchmarks.inputs import long_recording
from benchmarks.kernels import attention_kernels
from benchmarks.measuring import breakdown, components
from benchmarks.mistakes import in_one_sentence
from profiling.children.outcome import Outcome
from profiling.errors import SettingsError
from tests.samples.rows.comparisons import row
from tests.samples.rows.runs import write_run
from tests.samples.variants.costs import point_of


def sentence_of(status, capsys):
    assert status == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    return said


def test_what_a_user_must_mend_is_a_sentence_and_all_else_a_traceback(capsys):
    @in_one_sentence
    def main(problem):
        if problem is not None:
            raise problem

    assert main(None) == 0
    assert "`size` is wrong" in sentence_of(main(SettingsError("`size` is wrong")), capsys)
    with pytest.raises(ZeroDivisionError):
        main(ZeroDivisionError())


def test_components_of_no_measurements_are_a_sentence(tmp_path, capsys):
    assert "measurements.jsonl" in sentence_of(components.main([str(tmp_path)]), capsys)
    directory = write_run(tmp_path / "run", [row("bert", "sdpa") | {"sequence_length": None}])
    assert "no row has a length" in sentence_of(components.main([str(directory)]), capsys)
    with pytest.raises(SystemExit, match="2"):
        components.main([])


@pytest.mark.parametrize(("words", "status"), [(["--help"], 0), (["huge"], 2)])
def test_a_size_that_there_is_not_is_refused_before_anything_runs(words, status, capsys):
    with pytest.raises(SystemExit, match=str(status)):
        breakdown.main(words)
    assert "tiny" in "".join(capsys.readouterr())


def test_a_point_that_fails_is_named_and_the_next_one_goes_on(monkeypatch, capsys):
    points = [point_of("text", name, "sdpa", "training", 24) for name in ("bert", "local_bert")]
    found = {"head": [1.0, 1.05, 0.9]}
    outcomes = iter([Outcome("error", message="it broke"), Outcome("ok", found)])
    monkeypatch.setattr(breakdown, "make_cases", lambda size: points)
    monkeypatch.setattr(breakdown, "start_server", lambda: None)
    monkeypatch.setattr(breakdown, "run_in_child", lambda *_: next(outcomes))

    assert breakdown.main(["tiny"]) == 1
    said = capsys.readouterr()
    assert said.err == "bert sdpa training 24: it broke\n"
    assert "| local_bert | sdpa | head | 1.00 | 1.05 | 0.90 | -5.0% | yes |" in said.out


@pytest.mark.parametrize("benchmark", [long_recording, attention_kernels])
def test_a_device_that_is_not_here_is_a_sentence(benchmark, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["benchmark", "--device", "cuda"])
    assert "`device` cuda needs a CUDA device" in sentence_of(benchmark.main(), capsys)


def test_a_decision_on_data_that_are_not_there_is_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(decisions, "profile", lambda *_: "")
    places = ["--pages", str(tmp_path), "--out", str(tmp_path / "out")]
    words = ["speech", "--data_dir", str(tmp_path / "nowhere"), *places]
    assert "nowhere" in sentence_of(decisions.main(words), capsys)


def test_a_page_without_its_marks_is_refused_before_anything_is_measured(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "text.md").write_text("my own page")
    monkeypatch.setattr(decisions, "decide", pytest.fail)
    words = ["text", "--data_dir", ".", "--pages", str(tmp_path), "--out", str(tmp_path / "out")]
    assert "once each" in sentence_of(decisions.main(words), capsys)
