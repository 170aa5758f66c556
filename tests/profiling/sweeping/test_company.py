"""A machine on which others compute is noticed before a sweep."""

import pytest

from profiling.instruments import neighbours
from profiling.sweeping import company
from profiling.sweeping.company import share_of_others, warn_of_company


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
