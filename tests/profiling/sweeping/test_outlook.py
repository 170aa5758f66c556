"""What a sweep would do, said before it does anything."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from profiling.planning.grids import PointMaker, make_points
from profiling.planning.points import DataFacts
from profiling.planning.ranges import Range
from profiling.planning.settings import ModalitySettings, SweepSettings
from profiling.sweeping.outlook import Outlook
from profiling.sweeping.plan import Plan
from tests.samples.places import ROOT
from tests.samples.recordings.speech import write_sounds
from tests.samples.sweeps import rows_in, sweep, write_config
from tests.samples.variants.points import CONDITIONS


def one_pair(folder: Path, **settings: object) -> Path:
    text = {"variants": ["bert", "bigbird"], "lengths": [70, 130, 768]}
    chosen = {"modalities": {"text": text}, "phases": ["inference"], "metrics": ["latency"]}
    return write_config(folder / "sweep.yaml", **(chosen | settings))


@pytest.mark.parametrize("switch", [["--dry-run"], ["--dry-run", "true"], ["--dry_run=true"]])
def test_a_dry_run_counts_points_and_visits_and_writes_nothing(
    tmp_path: Path, switch: list[str]
) -> None:
    config = one_pair(tmp_path, visits=3, implementations=["eager", "library"])
    status, said, complained = sweep(config, tmp_path / "run", *switch)
    assert (status, complained) == (0, "")
    assert "text inference: 6 points" in said
    assert "skipped, 2 points: bigbird takes 705 and more" in said
    # Two of the six are skipped once each, the others visited three times.
    assert "in all 6 points, at most 14 visits, 0 of them done" in said
    assert not (tmp_path / "run").exists()


def test_a_dry_run_foresees_that_compiling_takes_time(tmp_path: Path) -> None:
    def foreseen(compiled: list[bool]) -> str:
        variants = [{"name": "bert", "implementations": ["sdpa"], "compiled": compiled}]
        text = {"variants": variants, "lengths": [70, 80, 90, 100, 110]}
        config = one_pair(tmp_path, modalities={"text": text})
        return sweep(config, tmp_path / "run", "--dry-run")[1]

    assert "1 min or more" in foreseen([False])
    assert "2 min or more" in foreseen([True])


@pytest.mark.parametrize(
    ("name", "more", "most_minutes"),
    [("paper", [], 60), ("paper", ["--precision", "32-true"], 60), ("paper_quick", [], 10)],
)
def test_the_studys_sweeps_have_an_end_by_the_estimate_for_an_assumed_device(
    tmp_path: Path, name: str, more: list[str], most_minutes: int
) -> None:
    config = ROOT / f"configs/profile/{name}.yaml"
    dry = ["--dry-run", "--assume-device", "h100"]
    status, said, complained = sweep(config, tmp_path / "run", *dry, *more)
    assert (status, complained) == (0, "")
    assert "an estimate from the figures of an assumed h100" in said
    found = re.search(r"about (\d+) min from here", said)
    assert found
    assert 1 < int(found[1]) <= most_minutes
    skips_flash = re.search(r"skipped, \d+ points: it runs in half precision", said)
    assert bool(skips_flash) == ("32-true" in more)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--assume-device", "h100", "--dry-run"], "`assume_device` h100 needs `device` cuda"),
        (["--assume-device", "h100"], "`assume_device` needs `dry_run`"),
        (["--assume-device", "abacus", "--dry-run"], "`assume_device` has no 'abacus'; choose one"),
    ],
)
def test_a_device_can_be_assumed_only_for_an_estimate(
    tmp_path: Path, more: list[str], sentence: str
) -> None:
    status, _, complained = sweep(one_pair(tmp_path), tmp_path / "run", *more)
    assert status == 2
    assert sentence in complained


def test_a_dry_run_of_a_sweep_that_was_made_has_nothing_left(tmp_path: Path) -> None:
    config = one_pair(tmp_path, implementations=["eager", "library"])
    assert sweep(config, tmp_path / "run", reports=False)[0] == 0
    before = rows_in(tmp_path / "run")
    assert len(before) == 6
    said = sweep(config, tmp_path / "run", "--dry-run")[1]
    assert "at most 6 visits, 6 of them done; no visit is left to make" in said
    anew = sweep(config, tmp_path / "run", "--fresh", "--dry-run")[1]
    assert "at most 6 visits, 0 of them done; 1 min or more from here, a guess" in anew
    assert rows_in(tmp_path / "run") == before


def outlook_of(size: Any = "tiny", budget_s: float | None = None, refine: bool = True) -> str:
    bert = {"name": "bert", "implementations": ["sdpa"]}
    text = ModalitySettings([bert, "fnet"], lengths=[64, 256], refine=refine)
    settings = SweepSettings(
        {"text": text}, phases=["inference"], size=size, time_budget_s=budget_s
    )
    facts = {"text": DataFacts("synthetic", [64, 256], 10)}
    maker = PointMaker(settings, CONDITIONS, "text", facts["text"])
    ranges = [Range("inference", maker)] * refine
    points = [] if refine else make_points(settings, CONDITIONS, facts)
    return Outlook.of(settings, Plan(settings, points, ranges), []).describe()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "1 min or more for these points, a guess for tiny models"),
        ({"size": "wide"}, "for these points, a guess for tiny models; wide ones take longer"),
        ({"refine": False}, "1 min or more from here, a guess for tiny models"),
        ({"size": "wide", "budget_s": 2700.0}, "about 45 min from here, all that `time_budget_s`"),
    ],
)
def test_a_dry_run_says_what_its_time_is_the_time_of(settings: dict[str, Any], said: str) -> None:
    assert said in outlook_of(**settings)


def test_a_sweep_that_chooses_without_a_time_budget_is_estimated_for_an_assumed_device(
    tmp_path: Path,
) -> None:
    config = ROOT / "configs/profile/paper.yaml"
    dry = ["--dry-run", "--assume-device", "h100", "--time_budget_s", "null"]
    said = sweep(config, tmp_path / "run", *dry)[1]
    found = re.search(r"about (\d+) min for these points, an estimate from the figures", said)
    assert found
    assert int(found[1]) > 5


def test_a_dry_run_on_real_data_takes_its_lengths_and_stores_no_batch(tmp_path: Path) -> None:
    write_sounds(tmp_path / "sounds", 8)
    data = {
        "class_path": "datamodules.modalities.speech.SpeechData",
        "init_args": {"source": str(tmp_path / "sounds")},
    }
    config = tmp_path / "real.yaml"
    config.write_text(
        yaml.safe_dump({"modalities": {"speech": {"variants": ["hubert"], "data": data}}})
    )
    status, said, complained = sweep(config, tmp_path / "run", "--dry-run")
    assert (status, complained) == (0, "")
    assert "speech training: " in said
    assert not (tmp_path / "run").exists()
