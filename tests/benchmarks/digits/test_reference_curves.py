"""Reference curves: read from logs of several seeds, kept, shown again, compared."""

import json

import pytest
import yaml
from torch.utils.tensorboard import SummaryWriter

from benchmarks.digits import reference_curves
from benchmarks.digits.curves import draw_curves, read_scalar
from benchmarks.digits.reference.compare import compare_curve
from benchmarks.digits.reference.curves import join_kept, over_seeds, read_reference
from benchmarks.digits.rounds import ROUNDS

LOSSES = {0: [5.0, 3.0, 2.0], 1: [4.0, 4.0, 2.5]}  # by seed


def write_logs(folder, values, scalar="train_loss", every=10):
    with SummaryWriter(str(folder)) as writer:
        for place, value in enumerate(values):
            writer.add_scalar(scalar, value, place * every)


@pytest.fixture
def run(tmp_path):
    """Write a run directory of two seeds."""
    out = tmp_path / "run"
    for seed, losses in LOSSES.items():
        write_logs(out / f"tensorboard/seed-{seed}-hubert-pretrain", losses)
        write_logs(out / f"tensorboard/seed-{seed}-lhubert-w32-more", [0.3], "val_wer")
        write_logs(out / f"tensorboard/seed-{seed}-lhubert-w32-trained-more", [0.9], "val_wer")
        config = out / f"seed-{seed}/hubert/pretrain/config.yaml"
        config.parent.mkdir(parents=True)
        steps = ROUNDS["pretrain"].num_steps // 2
        config.write_text(yaml.safe_dump({"trainer": {"max_steps": steps}}))
    return out


def keep(run):
    """Keep the curves of a run directory, without drawing them."""
    path = run / "kept.json"
    path.write_text(json.dumps(read_reference(run)))
    return path


def test_a_curve_has_mean_and_range_over_the_seeds(run):
    reference = read_reference(run)
    curve = reference["curves"]["hubert"]["pretrain"]["train_loss"]
    assert curve == {
        "steps": [0, 10, 20],
        "mean": [4.5, 3.5, 2.25],
        "lowest": [4.0, 3.0, 2.0],
        "highest": [5.0, 4.0, 2.5],
        "seeds": [2, 2, 2],
    }
    # A model that was converted and trained on is another one.
    assert reference["curves"]["lhubert-w32"]["more"]["val_wer"]["mean"] == [0.3]
    assert (reference["seeds"], reference["share"]) == (2, 0.5)


def test_a_model_that_was_kept_with_more_seeds_stays(run):
    reference = read_reference(run)
    few = json.loads(json.dumps(reference).replace("[2, 2, 2]", "[1, 1, 1]"))
    more = {"hubert": {"pretrain": {"train_loss": over_seeds([[(0, 9.0)]] * 3)}}}
    kept = {"seeds": 3, "curves": more}
    joined = join_kept(few, kept)
    assert joined["curves"]["hubert"] == more["hubert"]
    assert joined["curves"]["lhubert-w32"] == few["curves"]["lhubert-w32"]
    assert joined["seeds"] == 3
    assert join_kept(reference | {"curves": more}, {"seeds": 2, **few})["curves"] == (
        more | {"lhubert-w32": few["curves"]["lhubert-w32"]}
    )


def test_many_steps_are_thinned_and_the_ends_stay():
    points = [(step, float(step)) for step in range(0, 5_000, 7)]
    curve = over_seeds([points, points[:400]])
    assert len(curve["steps"]) <= 30
    assert (curve["steps"][0], curve["steps"][-1]) == (0, points[-1][0])
    assert (curve["seeds"][0], curve["seeds"][-1]) == (2, 1)


def test_a_run_that_went_on_counts_a_step_once():
    assert over_seeds([[(0, 4.0), (10, 3.0), (10, 2.0)]])["mean"] == [4.0, 2.0]


def test_curves_of_a_trial_stay_where_it_ran(run):
    assert reference_curves.main(["write", str(run)]) == 0
    assert json.loads((run / "reference_curves.json").read_text())["share"] == 0.5
    assert "| pretrain | gradient norm |" not in (run / "reference_curves.md").read_text()
    assert (run / "reference_curves.png").stat().st_size > 1_000


def test_the_curves_that_are_shown_are_those_that_were_read(run, tmp_path):
    path = keep(run)
    assert reference_curves.main(["show", str(tmp_path), "--reference", str(path)]) == 0
    shown = tmp_path / "reference-hubert-pretrain"
    assert read_scalar(shown / "highest", "train_loss") == [(0, 5.0), (10, 4.0), (20, 2.5)]
    assert read_scalar(shown / "mean", "train_loss")[-1] == (20, 2.25)


def test_ones_own_curve_is_said_to_be_within_or_outside(run, tmp_path, capsys):
    path = keep(run)
    write_logs(tmp_path / "own", [4.2, 3.9, 3.0], every=9)  # 3.0 at step 18
    words = ["compare", str(tmp_path / "own"), "--model=hubert", "--round=pretrain"]
    assert reference_curves.main([*words, f"--reference={path}"]) == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split() == ["train_loss", "2", "of", "2", "33%", "11:", "3.8,", "within", "3-4"]


def test_a_curve_that_is_the_same_in_all_seeds_is_within_although_digits_were_cut():
    points = [(step, 1e-3 * step / 7) for step in range(9)]
    found = compare_curve("lr-AdamW", over_seeds([points, points]), points)
    assert found is not None
    assert (found.within, found.side) == (9, "within")


def test_a_curve_that_falls_behind_is_above():
    curve = over_seeds([[(0, 5.0), (10, 3.0)], [(0, 5.5), (10, 3.5)]])
    found = compare_curve("train_loss", curve, [(0, 5.2), (10, 4.9), (20, 4.8)])
    assert found is not None
    assert (found.steps, found.within, found.side) == (2, 1, "above")
    assert compare_curve("train_loss", curve, [(3, 5.0), (7, 5.0)]) is None


@pytest.mark.parametrize(
    ("logs", "name", "words"),
    [("nowhere", "pretrain", "none of: train_loss"), ("nowhere", "ctc", "choose one of")],
)
def test_what_cannot_be_compared_is_said_in_a_sentence(run, capsys, logs, name, words):
    path = keep(run)
    given = ["compare", str(run / logs), "--model=hubert", f"--round={name}"]
    assert reference_curves.main([*given, f"--reference={path}"]) == 2
    assert words in capsys.readouterr().err


def test_a_folder_without_logs_has_no_curves(tmp_path, capsys):
    assert reference_curves.main(["write", str(tmp_path)]) == 2
    assert "has no logs of spoken digits" in capsys.readouterr().err


def test_the_picture_has_every_seed_and_names_only_models_that_were_fine_tuned(tmp_path):
    for seed in (1, 10, 11):
        write_logs(tmp_path / f"seed-{seed}-hubert-pretrain", [5.0, 4.0])
        write_logs(tmp_path / f"seed-{seed}-hubert-words", [0.9, 0.5], "val_wer")
    write_logs(tmp_path / "seed-1-lhubert-w32-pretrain", [5.0])
    left, right = draw_curves(tmp_path).axes
    assert len(left.lines) == 3
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["hubert"]
