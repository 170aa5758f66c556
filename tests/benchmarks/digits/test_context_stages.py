"""What is trained for needed context, from recordings to the table."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from benchmarks.digits import needed_context
from benchmarks.digits.context import stages as context_stages
from benchmarks.digits.context.results import write_results
from benchmarks.digits.context.stages import MODELS, WINDOWS
from benchmarks.digits.rounds import ROUNDS, Model
from benchmarks.digits.running import run
from datamodules.composing.questions import Questions
from tests.samples.places import ROOT
from tests.samples.recordings.speech import write_sound

LONG_PAUSE = Questions(pause_seconds=(1.0, 1.1))


def test_every_model_gets_the_same_rounds_from_the_same_weights(tmp_path):
    stages = {stage.name: stage for stage in context_stages.context_stages(3, 1.0)}
    for model in MODELS:
        before = "digits/ctc"
        for name, each in context_stages.ASKED_ROUNDS.items():
            stage = stages[f"seed-3/{model.name}/{name}"]
            fit, _ = stage.commands(tmp_path)
            config = yaml.safe_load(Path(fit[2]).read_text())
            settings, data = config["model"]["init_args"], config["data"]["init_args"]
            assert settings["checkpoint"] == str(tmp_path / f"seed-3/{before}/exported")
            assert settings.get("attention_window") == model.attention_window
            assert data["source"] == str(tmp_path / each.corpus / "train")
            assert data["val_source"] == str(tmp_path / each.corpus / "val")
            assert config["trainer"]["max_steps"] == each.num_steps
            before = f"{model.name}/{name}"


def test_the_page_says_how_much_audio_a_hubert_saves_that_is_there_already():
    def seconds(name):
        (each,) = [of[name] for of in (ROUNDS, context_stages.ASKED_ROUNDS) if name in of]
        return each.num_steps * each.batch_seconds

    saved = sum(map(seconds, context_stages.BEFORE))
    of_seed = saved + len(MODELS) * sum(map(seconds, context_stages.ASKED_ROUNDS))
    page = " ".join((ROOT / "benchmarks/README.md").read_text().split())
    assert f"saves {saved:,.0f} of the {of_seed:,.0f} s of audio" in page


@pytest.mark.torchaudio
def test_from_recordings_to_the_table(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["train.py"])
    monkeypatch.setattr("benchmarks.digits.context.table.NUM_RESAMPLES", 500)
    monkeypatch.setattr(context_stages, "BEFORE", ())  # tested elsewhere
    monkeypatch.setattr(context_stages, "MODELS", [Model("lhubert", 8)])
    for digit in (2, 7):
        for take in range(16):
            write_sound(tmp_path / f"short/{digit}_ann_{take}.wav", 2_000, digit * take, 8_000)
    out = tmp_path / "out"
    few = replace(needed_context.FAR, val_share=0.4, passes=1, test_passes=1)
    few = replace(few, words_per_utterance=(1, 2), questions=LONG_PAUSE)
    needed_context.prepare_questions(str(tmp_path / "short"), out, {"near": few, "far": few})
    for stage in context_stages.context_stages(0, 0.0):
        run(stage, out)
    monkeypatch.setattr(needed_context, "MODELS", context_stages.MODELS)
    needed_context.answer(0, out)
    (found,) = (out / "seed-0/heard").iterdir()
    for model in MODELS:
        if model.name != found.stem:
            shutil.copy(found, found.with_stem(model.name))
    write_results(out, out)
    results = json.loads((out / "needed_context.json").read_text())
    assert results["guessing"] == 0.5
    assert sum(map(len, results["distances"])) == 20
    assert sum(map(len, results["seeds"]["0"]["hubert"]["answers"])) == 20
    assert (out / "needed_context.md").read_text().count("| L-HuBERT, window") == len(WINDOWS)
    stored = results | {"rounds": {}, "seeds": {"9": {}}}  # of other conditions
    (out / "needed_context.json").write_text(json.dumps(stored))
    write_results(out, out)
    assert list(json.loads((out / "needed_context.json").read_text())["seeds"]) == ["0"]
