"""`profile.py gpu-check` as a command: what it says before it does anything."""

from collections import defaultdict
from pathlib import Path

import pytest

from profiling.analysis.points.readings import MIN_VISITS
from profiling.checking.scale import Scale, full, tiny
from profiling.children.crew import Children
from profiling.errors import SettingsError
from tests.samples.sweeps import command


def test_a_dry_run_names_every_part_its_end_and_an_estimate(tmp_path: Path) -> None:
    out = tmp_path / "check"
    status, said, complained = command(
        "gpu-check", "--dry-run", "--assume-device", "h100", "--out", str(out)
    )
    assert (status, complained) == (0, "")
    for part in ("card", "tests", "exactness", "kernels", "sweep", "replay", "recording"):
        assert f"  {part}: " in said
    assert "until  480 s  archive" in said
    assert "an estimate from the figures of an assumed h100" in said
    assert not out.exists()


def test_the_whole_check_sweeps_what_is_to_decide_something_three_times() -> None:
    first, second = full().sweeps[:2]
    assert (first.visits, second.visits) == (3, 3)
    assert [*first.modalities] == ["speech"]
    assert {tuple(each.modalities)[0] for each in full().sweeps} == {"speech", "text", "vision"}
    # Rows of text meet only where position tables are as long.
    text = [each.modalities["text"] for each in full().sweeps if "text" in each.modalities]
    assert len({max(chosen.lengths or ()) for chosen in text}) == 1
    assert {each.visits for each in tiny().sweeps} == {1, 3}


@pytest.mark.parametrize("scale", [full(), tiny()], ids=["full", "tiny"])
def test_the_longest_length_is_visited_as_often_as_a_verdict_asks_for(scale: Scale) -> None:
    """A verdict is about the longest length, one visit decides nothing, and rounds may be cut."""
    visits: dict[tuple[str, ...], dict[int, int]] = defaultdict(dict)
    longest: dict[tuple[str, ...], int] = {}
    for sweep in scale.sweeps:
        ((modality, chosen),) = sweep.modalities.items()
        for variant in sweep.variants_of(modality):
            lengths = chosen.axis_values(modality) or []
            for who in [(modality, variant.name, phase) for phase in sweep.phases]:
                longest.setdefault(who, max(lengths))
                for length in lengths:
                    visits[who][length] = max(sweep.visits, visits[who].get(length, 0))
    decided = {who for who, found in visits.items() if max(found.values()) >= MIN_VISITS}
    assert decided
    for each in decided:
        assert max(visits[each]) == longest[each]
        assert visits[each][longest[each]] >= MIN_VISITS


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--tiny"], "`out` must be given: a folder for the archive and what is in it"),
        (["--tiny", "--out", ""], "`out` must be given: a folder for the archive and what is in"),
        (["--tiny", "--out", __file__], f"`out` must be a folder to write to, got {__file__}: "),
        (["--seconds", "soon"], "`seconds` must be a number, got 'soon'"),
        (["--seconds", "0"], "`seconds` must be above zero, got 0"),
        (["--seconds", "inf"], "`seconds` must be a finite number of at most 9,223,"),
        (["--seconds", "nan"], "`seconds` must be a finite number of at most 9,223,"),
        (["--device", "tpu"], "`device` has no 'tpu'; choose one of: cpu, cuda"),
        (["--device", "cpu"], "`device` cpu needs `tiny`: the whole check would take a CPU hours"),
        (["--tinny"], "`tinny` is not a setting; choose one of: assume_device, commit, device, "),
        (["--out"], "`out`: expected one argument, got none"),
        (
            ["--dry-run", "--assume-device", "abacus"],
            "`assume_device` has no 'abacus'; choose one of: h100, h200",
        ),
        (
            ["--assume-device", "h100", "--out", "x"],
            "`assume_device` needs `dry_run`: a GPU that is not here cannot be measured",
        ),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], sentence: str) -> None:
    status, _, complained = command("gpu-check", *arguments)
    assert status == 2
    assert complained.startswith(f"error: {sentence}")
    assert complained.count("\n") == 1


def test_a_machine_without_a_gpu_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(self: Children, function: str, task: object) -> None:
        raise SettingsError("`device` cuda needs a CUDA device that torch can use, got none: why")

    monkeypatch.setattr(Children, "ask", ask)
    out = tmp_path / "check"
    status, _, complained = command("gpu-check", "--out", str(out))
    assert status == 2
    assert complained.startswith("error: `device` cuda needs a CUDA device that torch can use, ")
    assert "got none: why; `tiny` runs every part in small on a CPU" in complained
    assert not out.exists()


def test_a_sweep_that_no_check_has_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    rows = tmp_path / "sweep" / "measurements.jsonl"
    rows.write_text("of somebody")
    status, _, complained = command("gpu-check", "--tiny", "--out", str(tmp_path))
    assert (status, rows.read_text()) == (2, "of somebody")
    assert complained.startswith(
        "error: `out` must be a folder without a `sweep` that another command"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["sweep"]


def test_its_help_lists_its_settings() -> None:
    status, said, _ = command("gpu-check", "--help")
    assert status == 0
    assert all(name in said for name in ("--tiny", "--seconds", "--assume-device", "--commit"))
