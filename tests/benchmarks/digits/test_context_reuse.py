"""A HuBERT that was trained on spoken digits begins the task, or is refused in one sentence."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from benchmarks.digits import needed_context, spoken_digits
from benchmarks.digits.context.reuse import validate_corpora, validate_trained
from benchmarks.digits.context.stages import MODELS, context_stages
from benchmarks.digits.stages import seed_stages
from datamodules.composing.corpus import compose
from datamodules.composing.questions import Questions
from datamodules.errors import DataError
from tests.samples.recordings.speech import write_sound

FEW = replace(spoken_digits.WHOLE, words_per_utterance=(1, 3), val_share=0.4, passes=1)
CORPORA = {"corpus": FEW, "words": replace(FEW, words_per_utterance=(1, 2))}


@pytest.fixture
def digits(tmp_path, monkeypatch):
    """Write what `spoken_digits.py` leaves of HuBERT with seed 3, in `runs/digits`."""
    monkeypatch.chdir(tmp_path)
    out = Path("runs/digits")
    for stage in seed_stages(3, 1.0):
        if "/hubert/" in stage.name:
            stage.commands(out)
            (out / stage.name / "done.json").write_text(json.dumps({"minutes": 1.0}))
    return out


@pytest.fixture
def recordings(tmp_path):
    """Write 32 short sounds of two digits."""
    for digit in (2, 7):
        for take in range(16):
            write_sound(tmp_path / f"short/{digit}_ann_{take}.wav", 2_000, digit * take, 8_000)
    return str(tmp_path / "short")


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_hubert_of_the_same_seed_and_steps_is_taken_by_whatever_path(digits):
    validate_trained(digits, [3], 1.0)
    validate_trained(digits.resolve(), [3], 1.0)
    moved = digits.rename("elsewhere")
    validate_trained(moved, [3], 1.0)


@pytest.mark.parametrize("name", ["pretrain", "words", "ctc"])
def test_a_round_that_is_not_done_is_named(digits, name):
    (digits / f"seed-3/hubert/{name}/done.json").unlink()
    with pytest.raises(DataError, match=f"`--digits` must have seed-3/hubert/{name} done"):
        validate_trained(digits, [3], 1.0)


def test_every_seed_must_be_there(digits):
    with pytest.raises(DataError, match="seed-5/hubert/pretrain done.* `--seeds 5`"):
        validate_trained(digits, [3, 5], 1.0)


def test_a_hubert_of_other_steps_is_refused(digits):
    sentence = "seed-3/hubert/pretrain with 150 steps, as `--steps 0.5` wants them, got 300"
    with pytest.raises(DataError, match=sentence):
        validate_trained(digits, [3], 0.5)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("lr: 0.0005", "lr: 0.0006", "model"),
        ("batch_seconds: 10.0", "batch_seconds: 12.0", "data"),
        ("seed_everything: 3", "seed_everything: 4", "seed_everything"),
    ],
)
def test_a_hubert_that_was_trained_in_another_way_is_refused(digits, old, new, place):
    change(digits / "seed-3/hubert/ctc/config.yaml", old, new)
    with pytest.raises(DataError, match=f"seed-3/hubert/ctc trained .* got another {place} in"):
        validate_trained(digits, [3], 1.0)


def test_every_model_begins_with_what_the_spoken_digits_exported(digits):
    (ctc,) = [stage for stage in seed_stages(3, 1.0) if stage.name == "seed-3/hubert/ctc"]
    _, export = ctc.commands(digits)
    exported = Path(export[export.index("--folder") + 1])
    stages = {stage.name: stage for stage in context_stages(3, 1.0, digits)}
    assert not [name for name in stages if "/digits/" in name]
    assert len(stages) == 2 * len(MODELS)
    for model in MODELS:
        fit, _ = stages[f"seed-3/{model.name}/near"].commands(Path("runs/context"))
        settings = yaml.safe_load(Path(fit[2]).read_text())["model"]["init_args"]
        assert settings["checkpoint"] == str(exported.resolve())


@pytest.mark.torchaudio
def test_corpora_are_refused_where_they_are_missing_or_others(recordings, tmp_path):
    out = tmp_path / "out"
    for name, settings in CORPORA.items():
        with pytest.raises(DataError, match=rf"with {name}/manifest\.json"):
            validate_corpora(out, recordings, CORPORA)
        compose(recordings, str(out / name), settings)
    validate_corpora(out, recordings, CORPORA)
    others = CORPORA | {"words": replace(FEW, words_per_utterance=(1, 2), seed=7)}
    with pytest.raises(DataError, match="a words of .* another seed in"):
        validate_corpora(out, recordings, others)
    questions = CORPORA | {"corpus": replace(FEW, questions=Questions())}
    with pytest.raises(DataError, match="a corpus of .* another questions in"):
        validate_corpora(out, recordings, questions)
    write_sound(Path(recordings, "2_ann_16.wav"), 2_000, 1, 8_000)
    with pytest.raises(DataError, match="a corpus of .* another recordings in"):
        validate_corpora(out, recordings, CORPORA)


@pytest.mark.torchaudio
def test_with_digits_nothing_of_theirs_is_composed_again(digits, recordings, monkeypatch):
    asked = replace(FEW, questions=Questions(pause_seconds=(1.0, 1.1)))
    monkeypatch.setattr(spoken_digits, "CORPORA", CORPORA)
    monkeypatch.setattr(needed_context, "NEAR", asked)
    monkeypatch.setattr(needed_context, "FAR", asked)
    for name, settings in CORPORA.items():
        compose(recordings, str(digits / name), settings)
    words = ["--recordings", recordings, "--out", "runs/context", "--seeds", "3"]
    given = needed_context.arguments().parse_args([*words, "--digits", str(digits)])
    before = sorted(digits.rglob("*"))
    needed_context.prepare(given)
    composed = {path.name for path in given.out.iterdir()}
    assert composed == {"near", "far", "answers-near", "answers-far"}
    assert sorted(digits.rglob("*")) == before
