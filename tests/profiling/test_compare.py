"""`profile.py compare`, as it is called."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.samples.rows.comparisons import METRICS
from tests.samples.rows.runs import noisy_rows, visits_of, write_run
from tests.samples.sweeps import command


@pytest.fixture
def runs(tmp_path: Path) -> tuple[str, str]:
    """Two runs, the second 30 % slower, by another commit and other libraries."""
    first = write_run(tmp_path / "a", noisy_rows(1, 6), machine={"commit": "abc"})
    slow = [row | {"versions": "torch 3, transformers 5"} for row in noisy_rows(2, 6, slower=1.3)]
    second = write_run(tmp_path / "b", slow, machine={"commit": "def"})
    return str(first), str(second)


def test_a_list_for_programs(runs: tuple[str, str]) -> None:
    status, said, _ = command("compare", *runs, "--json")
    assert status == 0
    entries = json.loads(said)
    assert len(entries) == 6 * 3
    for entry in entries:
        names = {"identity", "conditions", "metric", "ratio", "ci_low", "ci_high", "verdict"}
        assert entry.keys() == names
        assert entry["identity"]["variant"] == "bert"
        assert entry["conditions"]["sequence_length"] >= 100
        assert entry["conditions"]["device"] == "cpu"
        assert entry["verdict"] == "slower"
        assert 1 < entry["ci_low"] < entry["ratio"] < entry["ci_high"]


def test_a_table_for_people_names_what_differs(runs: tuple[str, str]) -> None:
    status, said, _ = command("compare", *runs)
    assert status == 0
    assert "commit: abc -> def" in said
    assert "versions: unknown -> torch 3, transformers 5" in said
    assert said.count("slower") >= 12
    assert "Of 18 intervals, 1 or so" in said
    assert "text, inference" in said


def test_a_pull_request_gets_markdown(runs: tuple[str, str]) -> None:
    status, said, _ = command("compare", *runs, "--markdown")
    assert status == 0
    assert "| variant | tokens | latency | throughput | memory |" in said
    assert "<details>" in said
    assert "No point differs." in command("compare", runs[0], runs[0], "--markdown")[1]


def test_points_of_one_run_alone_are_counted_and_named(
    runs: tuple[str, str], tmp_path: Path
) -> None:
    more = write_run(tmp_path / "more", noisy_rows(1, 6) + visits_of([10.0, 10.0], 4096))
    assert (
        "Only B has, 1 point: bert sdpa inference at 4,096"
        in command("compare", runs[0], str(more))[1]
    )


@pytest.mark.parametrize(("percent", "status"), [("0", 1), ("5", 1), ("60", 0)])
def test_a_slower_run_fails_when_it_is_slower_than_allowed(
    runs: tuple[str, str], percent: str, status: int
) -> None:
    ended, _, complained = command("compare", *runs, "--fail-on-slower", percent)
    assert ended == status
    assert ("bert sdpa inference 101 latency" in complained) == (status == 1)
    assert command("compare", *reversed(runs), "--fail-on-slower", percent)[0] == 0


def test_one_visit_fails_nothing_and_says_so(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", visits_of([10.0]))
    second = write_run(tmp_path / "b", visits_of([90.0]))
    arguments = ("compare", str(first), str(second), "--fail-on-slower", "5")
    status, _, complained = command(*arguments)
    assert status == 0
    (latency, *_) = complained.splitlines()
    assert latency == (
        "latency: 1 of 1 point could not be judged, such as bert sdpa inference 512 "
        "(1 and 1 visits; each run needs 2)"
    )


def test_a_gate_says_of_each_metric_how_much_others_kept_it_from_judging(tmp_path: Path) -> None:
    before = write_run(tmp_path / "a", noisy_rows(1, 6))
    slower = [row | {"disturbed": True} for row in noisy_rows(2, 6, slower=1.4)]
    same_memory = [row | {"peak_memory_mib": row["sequence_length"] - 50.0} for row in slower]
    partly = [row | {"disturbed": row["sequence_length"] == 101} for row in noisy_rows(2, 6)]
    for rows, unjudged in ((same_memory, 6), (partly, 1)):
        after = write_run(tmp_path / f"{unjudged}", rows)
        gate = ("compare", str(before), str(after), "--fail-on-slower", "5")
        status, _, complained = command(*gate)
        assert status == 0
        assert [line.partition(" could")[0] for line in complained.splitlines()] == [
            f"latency: {unjudged} of 6 points",
            f"throughput: {unjudged} of 6 points",
        ]
        assert complained.count("(3 and 0 undisturbed visits; each run needs 2)") == 2
        assert command(*gate, "--json")[2].endswith(complained)


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["--fail-on-slower", "-1"], "`fail_on_slower`"),
        (["--fail-on-slower", "nan"], "`fail_on_slower`"),
        (["--json", "--markdown"], "`markdown`"),
    ],
)
def test_a_wrong_setting_is_one_sentence(runs: tuple[str, str], more: list[str], word: str) -> None:
    status, said, complained = command("compare", *runs, *more)
    assert (status, said) == (2, "")
    assert word in complained
    assert complained.count("\n") == 1


def test_runs_that_share_no_point_are_refused_with_what_keeps_them_apart(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", visits_of([10.0, 11.0], size="tiny"))
    second = write_run(tmp_path / "b", visits_of([10.0, 11.0], size="base"))
    status, _, complained = command("compare", str(first), str(second))
    assert status == 2
    assert "`run_b`" in complained
    assert "size: tiny -> base" in complained


def with_one_broken(tmp_path: Path) -> tuple[str, str]:
    """Write a run of one point, and one in which all visits of that failed."""
    failed = visits_of([10.0, 11.0], status="error", error="it broke")
    broken = [row | dict.fromkeys(METRICS) for row in failed]
    whole = write_run(tmp_path / "whole", visits_of([10.0, 11.0]))
    return str(whole), str(write_run(tmp_path / "broken", broken))


def test_runs_that_share_points_without_a_number_in_the_first_are_not_said_to_share_none(
    tmp_path: Path,
) -> None:
    whole, broken = with_one_broken(tmp_path)
    status, said, complained = command("compare", broken, whole)
    assert (status, said) == (2, "")
    assert "of the 1 point that" in complained
    assert "other variants or lengths" not in complained


@pytest.mark.parametrize("more", [[], ["--markdown"], ["--json"]])
def test_a_gate_fails_and_says_what_was_lost_where_a_change_broke_all_that_it_measures(
    tmp_path: Path, more: list[str]
) -> None:
    runs = with_one_broken(tmp_path)
    named = "Lost in B, 1 point: bert sdpa inference 512 (the second run failed: it broke)"
    status, said, complained = command("compare", *runs, *more, "--fail-on-slower", "5")
    assert status == 1
    assert named in complained
    if more == ["--json"]:
        assert {each["reason"] for each in json.loads(said)} == {"the second run failed: it broke"}
    else:
        assert named in said
        assert "No point differs" not in said
    assert command("compare", *runs, *more)[0] == 0


def test_a_setting_is_taken_by_the_name_that_its_errors_give_it(runs: tuple[str, str]) -> None:
    assert command("compare", *runs, "--fail_on_slower", "5")[0] == 1


def test_running_out_of_memory_is_not_said_to_lack_visits(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", visits_of([10.0, 11.0]))
    out = [row | dict.fromkeys(METRICS) for row in visits_of([10.0, 11.0], status="oom")]
    second = write_run(tmp_path / "b", out)
    status, said, complained = command("compare", str(first), str(second), "--fail-on-slower", "5")
    assert status == 1
    assert "two visits" not in said + complained


LOSSES = {
    "oom": "only the second run ran out of memory",
    "error": "the second run failed: it broke",
    "skipped": "the second run skipped it: it broke",
}


def with_longest(tmp_path: Path, name: str, visits: int = 2, **fields: Any) -> str:
    """Write a run that measured two lengths alike, but for fields of the longer one."""
    latencies = [10.0, 10.1][:visits]
    longest = [row | fields for row in visits_of(latencies, 1024)]
    return str(write_run(tmp_path / name, visits_of([5.0, 5.1]) + longest))


@pytest.mark.parametrize("visits", [1, 2])
@pytest.mark.parametrize("status", LOSSES)
def test_a_gate_fails_where_a_point_that_ran_has_no_number_any_more(
    tmp_path: Path, status: str, visits: int
) -> None:
    before = with_longest(tmp_path, "before")
    nothing: dict[str, Any] = dict.fromkeys(METRICS) | {
        "status": status,
        "error": "it broke\nat length",
    }
    after = with_longest(tmp_path, "after", visits, **nothing)
    gate = ("compare", before, after, "--fail-on-slower", "5")
    ended, said, complained = command(*gate)
    assert ended == 1
    (named,) = [line for line in complained.splitlines() if "Lost" in line]
    assert named.startswith("Lost in B, 1 point: bert sdpa inference 1,024 (")
    assert LOSSES[status] in named
    assert named in said
    assert "Only A has" not in said
    assert named in command(*gate, "--markdown")[1]
    assert command("compare", before, after)[0] == 0
    assert command("compare", after, before, "--fail-on-slower", "5")[0] == 0


@pytest.mark.parametrize("status", LOSSES)
def test_the_list_for_programs_has_what_was_lost_and_why(tmp_path: Path, status: str) -> None:
    nothing: dict[str, Any] = dict.fromkeys(METRICS) | {"status": status, "error": "it broke"}
    runs = with_longest(tmp_path, "before"), with_longest(tmp_path, "after", **nothing)
    entries = json.loads(command("compare", *runs, "--json")[1])
    lost = [each for each in entries if each["conditions"]["sequence_length"] == 1024]
    assert [each["reason"] for each in lost] == [LOSSES[status]] * 3
    assert {each["ratio"] for each in lost} == {None}
    assert {each["verdict"] for each in lost} == {"slower" if status == "oom" else "cannot_tell"}
    assert all("reason" not in each for each in entries if each not in lost)


def test_a_point_that_nobody_asked_for_any_more_fails_no_gate(tmp_path: Path) -> None:
    before = with_longest(tmp_path, "before")
    after = str(write_run(tmp_path / "after", visits_of([5.0, 5.1])))
    ended, said, complained = command("compare", before, after, "--fail-on-slower", "5")
    assert (ended, complained) == (0, "")
    assert "Only A has, 1 point: bert sdpa inference at 1,024" in said
    unasked = with_longest(tmp_path, "unasked", latency_ms=None)
    assert command("compare", before, unasked, "--fail-on-slower", "5")[0] == 0


def test_a_run_whose_rows_are_all_of_another_state_is_refused_with_what_differs(
    tmp_path: Path,
) -> None:
    rows = visits_of([10.0, 11.0], seed=1, versions="torch 2")
    old = {"states": {"text": {"seed": 1, "versions": "torch 3"}}}
    first, second = (write_run(tmp_path / name, rows) for name in ("a", "b"))
    (second / "manifest.json").write_text(json.dumps(old))
    status, _, complained = command("compare", str(first), str(second))
    assert status == 2
    assert "must hold rows that count, but 2 of 2 rows of text are left out" in complained
    assert "`versions` differs" in complained


SWIN = {"key": "swin", "modality": "vision", "variant": "swin", "input_size": 224}
WEIGHTS = {"key": "weights", "checkpoint": "a/model"}


@pytest.mark.parametrize(
    ("point", "built", "planned"),
    [
        (SWIN, {"sequence_length": 3136}, {"sequence_length": None}),
        (WEIGHTS, {"size": "base", "parameters": 7}, {"size": "tiny"}),
    ],
)
def test_a_gate_fails_where_a_model_can_no_longer_be_built(
    tmp_path: Path, point: dict[str, Any], built: dict[str, Any], planned: dict[str, Any]
) -> None:
    nothing: dict[str, Any] = dict.fromkeys(METRICS) | {"status": "error", "error": "it broke"}
    runs = [
        write_run(tmp_path / name, visits_of([5.0, 5.1]) + visits_of([9.0, 9.1], **point, **told))
        for name, told in (("before", built), ("after", planned | nothing))
    ]
    status, said, complained = command("compare", *map(str, runs), "--fail-on-slower", "5")
    assert status == 1
    assert "Lost in B, 1 point" in complained
    assert "Only A has" not in said
    assert "size:" not in said
