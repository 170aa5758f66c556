"""A machine on which others compute is noticed before a sweep."""

import pytest

from profiling.instruments import neighbours
from profiling.rows.machine import library_versions
from profiling.sweeping import company
from profiling.sweeping.company import share_of_others, warn_of_company, warn_of_other_code


@pytest.mark.parametrize(
    ("share", "said"), [(0.47, "Other processes take 47 % of the CPU time"), (0.1, ""), (None, "")]
)
def test_a_busy_machine_is_said_in_one_sentence_and_a_calm_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    share: float | None,
    said: str,
) -> None:
    monkeypatch.setattr(company, "share_of_others", lambda threads: share)
    warn_of_company(2)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(said)
    assert printed.err.count("\n") == bool(said)


@pytest.mark.parametrize(("is_sharded", "said"), [(True, "--out"), (False, "--fresh")])
def test_what_to_do_about_a_busy_machine_is_what_the_sweep_accepts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_sharded: bool, said: str
) -> None:
    monkeypatch.setattr(company, "share_of_others", lambda threads: 0.5)
    warn_of_company(2, is_sharded)
    sentence = capsys.readouterr().err
    assert [option for option in ("--out", "--fresh") if option in sentence] == [said]


def test_the_look_counts_what_others_compute_on_the_cores_of_a_measurement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = []
    ticks = iter([0, 32])  # 0.3 s, two ticks of chance aside

    def busy(cores: list[int]) -> int:
        watched.append(len(cores))
        return next(ticks)

    monkeypatch.setattr(neighbours, "_busy_ticks", busy)
    monkeypatch.setattr(neighbours, "_waited_ns", lambda: 0)
    monkeypatch.setattr(neighbours, "with_siblings", list)
    share = share_of_others(1, seconds=0.6)
    assert watched == [1, 1]
    assert share == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize(
    ("measured_by", "now", "named"),
    [
        (["a1"], "b2", "a1"),
        (["a1"], "a1-dirty", "a1"),
        (["a1"], "a1", ""),
        ([None], "b2", ""),
        (["a1", "b2"], "b2", "a1"),  # the sweep of b2 was interrupted, and is given again
        (["a0", "a1", "a0"], "b2", "a0 and a1"),
    ],
)
def test_rows_that_the_code_of_other_commits_measured_are_told_of(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    measured_by: list[str | None],
    now: str,
    named: str,
) -> None:
    monkeypatch.setattr(company, "commit", lambda: now)
    warn_of_other_code([{"commit": one, "versions": library_versions()} for one in measured_by])
    said = capsys.readouterr().err
    assert said.startswith(f"What commit {named} measured here before counts" if named else "")
    assert said.count("\n") == said.count("`--fresh true`") == bool(named)


def test_rows_of_other_versions_do_not_count_and_nothing_is_said_of_their_commit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(company, "commit", lambda: "b2")
    warn_of_other_code([{"commit": "a1", "versions": "torch 1"}, {"commit": "a0"}])
    assert capsys.readouterr().err == ""
