import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from lightning_modules.attention.interface import find_windows
from lightning_modules.speech.masked_prediction import MaskedPrediction
from lightning_modules.variants import VARIANTS, vanilla_of
from profiling.analysis.points.components import PACKING
from profiling.class_names import MODELS, full_path
from profiling.cli import build_parser
from profiling.commands.sweep import read_settings
from profiling.planning.grids import make_points, synthetic_facts
from profiling.planning.points import Point
from tests.samples.documents import README, table_below
from tests.samples.places import ROOT
from tests.samples.recordings.speech import TINY
from tests.samples.training import FITTED, TRAINING, offline
from tests.samples.variants.points import CONDITIONS

CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))
DECISIONS = [path for path in CONFIGS if path.stem.startswith("decision_")]
SWEEPS = [
    path
    for path in CONFIGS
    if path not in DECISIONS and "modalities" in yaml.safe_load(path.read_text())
]
LENGTHS = sorted((ROOT / "configs" / "profile").glob("lengths_*.yaml"))


def names(paths: list[Path]) -> list[str]:
    return [path.stem for path in paths]


def test_every_config_is_of_a_kind_that_is_tested_here() -> None:
    assert {"quickstart", "cpu", "paper"} <= set(names(SWEEPS))
    assert set(names(TRAINING)) >= set(VARIANTS)
    assert names(LENGTHS) == [f"lengths_{modality}" for modality in sorted(VARIANTS)]
    assert names(DECISIONS) == [f"decision_{modality}" for modality in sorted(VARIANTS)]
    assert set(CONFIGS) == {*SWEEPS, *DECISIONS, *LENGTHS, *TRAINING}


def points_of(path: Path) -> list[Point]:
    """Return what a sweep is asked to measure, and what it skips."""
    parsed = build_parser().parse_args(["sweep", "--config", str(path)])
    settings = read_settings(parsed.sweep)
    data = {modality: synthetic_facts(settings, modality) for modality in settings.modalities}
    return make_points(settings, CONDITIONS, data)


def measured_by(path: Path) -> set[tuple[str, str]]:
    """Return modality and variant of every point that a sweep would measure."""
    return {(point.modality, point.variant) for point in points_of(path) if not point.skip_reason}


@pytest.mark.parametrize("path", SWEEPS, ids=names(SWEEPS))
def test_a_sweep_config_measures_every_efficient_variant_beside_its_vanilla_one(path: Path) -> None:
    measured = measured_by(path)
    efficient = {each for each in measured if not VARIANTS[each[0]][each[1]].is_vanilla}
    assert efficient
    assert measured - efficient == {(each[0], vanilla_of(*each)) for each in efficient}


def test_the_cpu_sweep_measures_every_variant_that_the_readme_says_it_has() -> None:
    """A new variant is in neither until somebody measures it."""
    rows = table_below(README, "| efficient variant | against | compared by |")
    in_table = {cell.split(",")[0] for row in rows for cell in row[:2]} - {""}
    joined = set(re.findall(r"`(\w+)` joined the configuration", README.read_text()))
    measured = {name for _, name in measured_by(ROOT / "configs/profile/cpu.yaml")}
    assert measured == in_table | joined
    assert not in_table & joined


@pytest.mark.parametrize("path", DECISIONS, ids=names(DECISIONS))
def test_a_decision_measures_its_modality_at_lengths_enough_for_a_fit(path: Path) -> None:
    modality = path.stem.removeprefix("decision_")
    points = [point for point in points_of(path) if not point.skip_reason]
    assert {point.modality for point in points} == {modality}
    measured = {(p.variant, p.attention_window, p.phase) for p in points}
    assert any(VARIANTS[modality][variant].is_vanilla for variant, _, _ in measured)
    for kind in measured:
        mine = [p for p in points if (p.variant, p.attention_window, p.phase) == kind]
        assert len({p.length for p in mine}) >= 3


@pytest.mark.parametrize("path", DECISIONS, ids=names(DECISIONS))
def test_a_decision_has_every_kernel_of_the_vanilla_variant(path: Path) -> None:
    modality = path.stem.removeprefix("decision_")
    vanilla = vanilla_of(modality)
    measured = {p.implementation for p in points_of(path) if p.variant == vanilla}
    assert measured == set(VARIANTS[modality][vanilla].implementations)


@pytest.mark.parametrize("modality", VARIANTS)
def test_the_ladder_has_every_rung_and_lengths_enough_to_advise_from(modality: str) -> None:
    vanilla = vanilla_of(modality)
    points = points_of(ROOT / "configs/profile/ladder.yaml")
    mine = [point for point in points if (point.modality, point.variant) == (modality, vanilla)]
    kernels = {*VARIANTS[modality][vanilla].implementations} - {*PACKING}
    expected = {(kernel, False) for kernel in kernels} | {("sdpa", True)}
    assert {(point.implementation, point.compiled) for point in mine} == expected
    for rung in expected:
        lengths = {p.length for p in mine if (p.implementation, p.compiled) == rung}
        assert len(lengths) >= 3


@pytest.mark.parametrize("path", LENGTHS, ids=names(LENGTHS))
def test_a_lengths_config_builds_its_datamodule(path: Path) -> None:
    from profiling.measuring.data_blocks import build_data

    parsed = build_parser().parse_args(["lengths", "--config", str(path)])
    block = parsed.lengths.data
    assert build_data(block).modality == path.stem.removeprefix("lengths_")


# Those of HuBERT and L-HuBERT, beside what the data tell them.
OF_SPEECH: dict[str, dict[str, Any]] = {
    "features": {"layer": 2},
    "lhubert_ctc": {},
    "lhubert_keywords": {"classes": ["no", "yes"]},
    "lhubert_pretrain_base": {"num_classes": 5},
    "superb_asr": {"head_size": 6},
}


@pytest.mark.parametrize("name", sorted(OF_SPEECH))
def test_a_training_config_leaves_a_model_of_ones_own_its_window(name: str, tmp_path: Path) -> None:
    own = MaskedPrediction(attention_window=8, model_fields=TINY, num_classes=5)
    own.model.save_pretrained(tmp_path / "local")
    MaskedPrediction(variant="hubert", model_fields=TINY).model.save_pretrained(tmp_path / "full")
    model = yaml.safe_load((ROOT / f"configs/train/{name}.yaml").read_text())["model"]
    module, _, class_name = full_path(model["class_path"], MODELS).rpartition(".")
    kind = getattr(import_module(module), class_name)
    settings = model["init_args"] | OF_SPEECH[name]
    for checkpoint, variant, windows in (
        ("local", "lhubert", {8}),
        ("full", "lhubert", {100}),
        ("full", "hubert", {None}),
    ):
        given = {"checkpoint": str(tmp_path / checkpoint), "variant": variant}
        assert set(find_windows(kind(**(settings | given)))) == windows


@pytest.mark.parametrize(
    "name", ["superb_asr", "lhubert_keywords", "digits_ctc", "digits_pretrain"]
)
@pytest.mark.parametrize("command", ["validate", "predict"])
def test_a_head_that_was_never_trained_is_not_evaluated(
    name: str,
    command: str,
    everything: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import train

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])
    (path,) = [path for path in FITTED if path.stem == name]
    assert train.main([command, "--config", str(path), *offline(path, everything)]) == 2
    said = capsys.readouterr().err
    assert f"`ckpt_path` must be given for `{command}`, or a `checkpoint` that has the" in said


NO_HEAD = "`ckpt_path` must be given for `export`, or a `checkpoint` that has the"
NOTHING = "`ckpt_path` or `checkpoint` must be given for `export`, got neither"


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        *[(name, NO_HEAD) for name in ("lhubert_ctc", "lhubert_keywords")],
        *[(name, NOTHING) for name in ("lhubert_pretrain_base", "speech", "text", "vision")],
    ],
)
def test_what_was_never_trained_is_not_exported(
    name: str,
    refusal: str,
    everything: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import train

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])
    (path,) = [path for path in FITTED if path.stem == name]
    given = ["--config", str(path), *offline(path, everything), "--folder", "exported"]
    assert train.main(["export", *given]) == 2
    assert refusal in capsys.readouterr().err
    assert not (tmp_path / "exported").exists()


def test_a_checkpoint_is_exported_without_a_run(
    everything: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import train

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])
    MaskedPrediction(variant="hubert", model_fields=TINY).model.save_pretrained("full")
    path = ROOT / "configs/train/lhubert_pretrain_base.yaml"
    given = ["--config", str(path), *offline(path, everything), "--folder", "exported"]
    assert train.main(["export", *given, "--model.init_args.checkpoint", "full"]) == 0
    assert yaml.safe_load(Path("exported/config.json").read_text())["model_type"] == "lhubert"
