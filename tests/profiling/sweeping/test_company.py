"""A machine on which others compute is noticed before a sweep."""

import pytest

from profiling.instruments import neighbours
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
    ("measured_by", "now", "is_said"),
    [("a1", "b2", True), ("a1", "a1-dirty", True), ("a1", "a1", False), (None, "b2", False)],
)
def test_rows_that_the_code_of_another_commit_measured_are_told_of(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    measured_by: str | None,
    now: str,
    is_said: bool,
) -> None:
    monkeypatch.setattr(company, "commit", lambda: now)
    warn_of_other_code(measured_by)
    said = capsys.readouterr().err
    assert ("is of commit a1 and counts" in said and "`--fresh true`" in said) == is_said
    assert said.count("\n") == is_said
