"""Speakers who were never heard: nothing is learnt of them, and every one is left out once."""

import json
from dataclasses import replace

import numpy as np
import pytest
import yaml

from benchmarks.digits import unseen_speakers
from benchmarks.digits.command import results_of
from benchmarks.digits.rounds import ROUNDS, SAVED_EVERY
from benchmarks.digits.speakers import folds as speaker_folds
from benchmarks.digits.speakers.folds import (
    MEANS,
    REGULAR,
    Fold,
    Recipe,
    fold_stages,
    list_folds,
    prepare,
)
from benchmarks.digits.speakers.table import ROWS, write_results
from benchmarks.digits.stages import seed_stages
from benchmarks.digits.table import BASELINE, CONTROL
from datamodules.composing.voices import Voices
from tests.samples.recordings.speech import write_sound

NAMES = ("ann", "bo", "cy")
FEW = replace(speaker_folds.WHOLE, words_per_utterance=(2, 3), val_share=0.3, passes=1)


@pytest.fixture
def recordings(tmp_path):
    """Write 24 short sounds of three speakers, cy's longer than the others'."""
    for number, name in enumerate(NAMES):
        for digit in (2, 7):
            for take in range(4):
                seed = 100 * digit + 10 * number + take
                length = 2_000 if name != "cy" else 2_400
                write_sound(tmp_path / f"short/{digit}_{name}_{take}.wav", length, seed, 8_000)
    return tmp_path / "short"


def test_every_speaker_is_left_out_once_with_every_seed(recordings):
    folds = list_folds(str(recordings), [0, 3])
    assert [fold.name for fold in folds] == [f"{name}:{seed}" for seed in (0, 3) for name in NAMES]
    assert [Fold.read(fold.name) for fold in folds] == folds
    with pytest.raises(ValueError, match="`speaker:seed`"):
        Fold.read("ann")


def test_a_fold_has_all_rows_of_the_table_and_no_training_from_the_start():
    names = [stage.name for stage in fold_stages(Fold("bo", 2), 1.0)]
    assert {name.rpartition("/")[2] for name in names if "/transcripts/" in name} == set(ROWS)
    assert not any("/lhubert-w32/" in name for name in names)
    assert CONTROL in ROWS
    assert all(each.num_steps % SAVED_EVERY == 0 for each in Recipe(MEANS).rounds.values())


def fields_of(stages, tmp_path, name):
    (stage,) = [stage for stage in stages if stage.name == name]
    stage.commands(tmp_path)
    config = yaml.safe_load((tmp_path / name / "config.yaml").read_text())
    return config["model"]["init_args"]["model_fields"]


def test_fine_tuning_masks_features_and_the_table_of_known_speakers_stays_as_it_was(tmp_path):
    unseen = fold_stages(Fold("bo", 0), 1.0, Recipe(MEANS))
    known = seed_stages(0, 1.0)
    assert set(Recipe(MEANS).rounds) == set(ROUNDS)
    for name in ("words", "ctc", "more"):
        fields = fields_of(unseen, tmp_path, f"seed-0/hubert/{name}")
        assert fields.items() >= REGULAR.items()
        before = fields_of(known, tmp_path, f"seed-0/hubert/{name}")
        assert before["mask_feature_prob"] == before["hidden_dropout"] == 0
        assert fields == before | REGULAR
    assert fields_of(unseen, tmp_path, "seed-0/hubert/pretrain") == fields_of(
        known, tmp_path, "seed-0/hubert/pretrain"
    )


def test_means_that_are_not_chosen_change_nothing(tmp_path):
    recipe = Recipe(("formants",))
    assert recipe.whole.augmentation == Voices(formants=speaker_folds.VOICES.formants)
    assert replace(recipe.whole, augmentation=speaker_folds.VOICES) == speaker_folds.WHOLE
    assert Recipe(MEANS).whole == speaker_folds.WHOLE
    few = fold_stages(Fold("bo", 1), 1.0, recipe, few=True)
    assert [each.name for each in few] == [
        *(f"seed-1/hubert/{name}" for name in ROUNDS),
        f"seed-1/transcripts/{BASELINE}",
        f"seed-1/transcripts/{CONTROL}",
    ]
    assert fields_of(few, tmp_path, "seed-1/hubert/ctc")["mask_feature_prob"] == 0


@pytest.mark.torchaudio
def test_nothing_is_learnt_or_labelled_of_the_speaker_who_is_left_out(
    recordings, tmp_path, monkeypatch
):
    labelled = []
    monkeypatch.setattr(speaker_folds, "run", lambda stage, _: labelled.append(stage.name))
    folder = tmp_path / "bo"
    for _ in range(2):  # a second seed finds all of it
        prepare("bo", str(recordings), folder, FEW)
    assert labelled[:2] == ["labels/train", "labels/val"]
    for corpus in ("corpus", "words"):
        manifest = json.loads((folder / corpus / "manifest.json").read_text())
        heard = {
            split: {part["name"].split("_")[1] for parts in utterances.values() for part in parts}
            for split, utterances in manifest["utterances"].items()
        }
        assert heard == {"train": {"ann", "cy"}, "val": {"ann", "cy"}, "test": {"bo"}}
    for stage in fold_stages(Fold("bo", 0), 1.0):
        stage.commands(folder)
        if "/transcripts/" not in stage.name:
            data = yaml.safe_load((folder / stage.name / "config.yaml").read_text())["data"]
            sources = [data["init_args"][name] for name in ("source", "val_source")]
            assert [path.rpartition("/")[2] for path in sources] == ["train", "val"]
            assert all(path.startswith(str(folder)) for path in sources)


@pytest.mark.torchaudio
def test_folds_that_are_done_are_added_and_those_of_other_sounds_are_not_kept(
    recordings, tmp_path, monkeypatch
):
    monkeypatch.setattr(speaker_folds, "run", lambda *_: None)
    out, results = tmp_path / "out", tmp_path / "results"
    results.mkdir()
    path = results / "unseen_speakers.json"
    path.write_text(json.dumps({"settings": {}, "folds": {"eve": {}}}))
    for name in NAMES[:2]:
        prepare(name, str(recordings), out / name, FEW)
        said = (out / name / "corpus/test/transcripts.tsv").read_text()
        for row in ROWS:
            folder = out / name / "seed-0/transcripts" / row
            folder.mkdir(parents=True)
            (folder / "transcripts.tsv").write_text(said.replace("TWO", "TEN"))
        write_results(out, results)
    found = json.loads(path.read_text())["folds"]
    assert list(found) == ["ann", "bo"]
    assert np.mean(found["bo"]["0"][BASELINE]) == 0.5  # every TWO, half of the words
    table = path.with_suffix(".md").read_text()
    assert "50.0% is not below 50%" in table
    assert "| HuBERT | 50.0% | 50.0% | 50.0% |" in table


def test_the_command_takes_folds_by_name():
    words = ["--recordings", "r", "--folds", "bo:3", "--steps", "0.1"]
    given = unseen_speakers.arguments().parse_args(words)
    assert given.folds == [Fold("bo", 3)]
    assert results_of(given, unseen_speakers.is_whole(given)) == given.out


@pytest.mark.parametrize("option", [[], ["--few"], ["--means", "regular"], ["--steps", "0.5"]])
def test_only_the_whole_experiment_is_written_into_the_repository(option):
    given = unseen_speakers.arguments().parse_args(["--recordings", "r", *option])
    found = results_of(given, unseen_speakers.is_whole(given))
    assert (found.name == "results") == (not option)
