"""What `predict` and `export` write, as a user finds it."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from transformers import AutoModel, AutoModelForCTC

from lightning_modules.checkpoints.exporting import export
from lightning_modules.errors import ModelError
from lightning_modules.folder_lock import FolderLock
from lightning_modules.speech.ctc import CtcModule
from lightning_modules.speech.feature_extractor import FeatureExtractor
from lightning_modules.speech.masked_prediction import MaskedPrediction
from lightning_modules.speech.prediction_files import PredictionFiles
from tests.samples import fitting
from tests.samples.predicting import predict, process
from tests.samples.recordings.speech import NUM_CLUSTERS, TINY, write_sounds


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])


def pretrained(tmp_path, variant="lhubert", **fields):
    window = 8 if variant == "lhubert" else None
    module = MaskedPrediction(
        variant=variant,
        attention_window=window,
        model_fields=TINY | fields,
        num_classes=NUM_CLUSTERS,
    )
    export(module, None, str(tmp_path / "exported"))
    return module


@pytest.mark.parametrize(  # every pair of the three
    ("variant", "layer", "stable"),
    [("hubert", 1, False), ("hubert", 2, True), ("lhubert", 1, True), ("lhubert", 2, False)],
)
def test_features_are_the_hidden_states_of_the_layer(tmp_path, variant, layer, stable):
    samples = write_sounds(tmp_path / "sounds", 3)
    module = pretrained(tmp_path, variant, do_stable_layer_norm=stable).model.hubert.eval()
    width = "8" if variant == "lhubert" else "null"
    given = [f"--model.init_args.variant={variant}", f"--model.init_args.layer={layer}"]
    given += [f"--model.init_args.attention_window={width}"]
    assert predict("features", "--model.init_args.checkpoint=exported", *given) == 0
    for name in samples:
        waveform = torch.from_numpy(soundfile.read(f"sounds/{name}", dtype="float32")[0])
        with torch.no_grad():
            states = module(waveform[None], output_hidden_states=True)
        wanted = states.hidden_states[layer][0]
        if stable and layer == 2:
            wanted = states.last_hidden_state[0]
        found = np.load(f"runs/features/{name}.npy", allow_pickle=False)
        np.testing.assert_allclose(found, wanted.numpy(), atol=2e-4)


def test_transcripts_come_in_the_order_of_the_source_with_the_letters_of_the_model(tmp_path):
    samples = write_sounds(tmp_path / "sounds", 7)  # of unequal lengths
    alphabet = ["", "|", "X", "Y"]
    module = CtcModule(variant="lhubert", attention_window=8, model_fields=TINY, alphabet=alphabet)
    export(module, None, "exported")
    assert json.loads(Path("exported/vocab.json").read_text()) == {
        "<pad>": 0,
        "|": 1,
        "X": 2,
        "Y": 3,
    }
    assert predict("transcribe", "--model.init_args.checkpoint=exported") == 0
    lines = Path("runs/transcripts/transcripts.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines] == list(samples)
    assert set("".join(line.split("\t")[1] for line in lines)) <= set(" XY")


@pytest.mark.parametrize("blank", ["<pad>", "[PAD]"])
def test_a_model_of_others_whose_blank_is_not_the_first_output_is_refused(tmp_path, capsys, blank):
    write_sounds(tmp_path / "sounds", 2)
    alphabet = ["", "|", "X", "Y"]
    module = CtcModule(variant="lhubert", attention_window=8, model_fields=TINY, alphabet=alphabet)
    export(module, None, "exported")
    names = {"X": 0, "Y": 1, "|": 2, blank: 3}
    Path("exported/vocab.json").write_text(json.dumps(names))
    assert predict("transcribe", "--model.init_args.checkpoint=exported") == 2
    assert "must have the blank as its output 0, got it as output 3" in capsys.readouterr().err
    anew = ["", "|", "X", "Y", "Z"]  # a head of its own
    module = CtcModule(variant="lhubert", checkpoint="exported", alphabet=anew)
    assert module.head_is_random


def test_a_model_without_letters_does_not_transcribe(tmp_path, capsys):
    write_sounds(tmp_path / "sounds", 2)
    pretrained(tmp_path)
    assert predict("transcribe", "--model.init_args.checkpoint=exported") == 2
    said = capsys.readouterr().err
    assert "or a `checkpoint` that has the trained head of CtcModule, got neither" in said
    module = CtcModule(variant="lhubert", attention_window=8, checkpoint="exported")
    with pytest.raises(ModelError, match="`checkpoint` must be a model fine-tuned on 29 letters"):
        fitting.predict(module, [{}], tmp_path)


def test_other_letters_than_the_models_are_refused(tmp_path):
    module = CtcModule(
        variant="lhubert", attention_window=8, model_fields=TINY, alphabet=["", "|", "X"]
    )
    export(module, None, "exported")
    with pytest.raises(ModelError, match="`alphabet` must be |X as `checkpoint`"):
        CtcModule(variant="lhubert", checkpoint="exported", alphabet=["", "|", "Y"])


def test_an_exported_model_loads_with_transformers(tmp_path):
    weights = pretrained(tmp_path).model.hubert.state_dict()
    loaded = AutoModel.from_pretrained("exported")
    assert type(loaded).__name__ == "LHubertModel"
    assert loaded.config.attention_window == 8
    for name, value in loaded.state_dict().items():
        torch.testing.assert_close(value, weights[name], msg=name)
    export(CtcModule(variant="hubert", model_fields=TINY), None, "letters")
    assert type(AutoModelForCTC.from_pretrained("letters")).__name__ == "HubertForCTC"


def test_export_takes_the_weights_of_a_checkpoint_and_refuses_those_of_another(tmp_path):
    trained, fresh = (CtcModule(variant="hubert", model_fields=TINY) for _ in range(2))
    checkpoint = {"state_dict": trained.state_dict(), "alphabet": trained.alphabet}
    torch.save(checkpoint, "trained.ckpt")
    export(fresh, "trained.ckpt", "exported")
    loaded = AutoModelForCTC.from_pretrained("exported")
    torch.testing.assert_close(loaded.lm_head.weight, trained.model.lm_head.weight)
    other = CtcModule(variant="hubert", model_fields=TINY | {"num_hidden_layers": 1})
    with pytest.raises(ModelError, match="`ckpt_path` must be of a CtcModule with these settings"):
        export(other, "trained.ckpt", "elsewhere")
    assert not Path("elsewhere").exists()


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
def test_a_model_without_its_upper_layers_is_not_exported(tmp_path, variant):
    pretrained(tmp_path, variant)
    for layer in (None, 2):
        export(FeatureExtractor("exported", variant, layer=layer), None, "whole")
    with pytest.raises(ModelError, match="`layer` must be left out or 2 for `export`.* got 1"):
        export(FeatureExtractor("exported", variant, layer=1), None, "cut")
    assert not Path("cut").exists()


def test_export_replaces_a_model_and_nothing_else(tmp_path):
    module = CtcModule(variant="hubert", model_fields=TINY)
    export(module, None, "exported")
    export(module, None, "exported")
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("all of it")
    with pytest.raises(ModelError, match="`folder` must be new or an exported model, got mine"):
        export(module, None, "mine")
    assert [path.name for path in Path().iterdir()].count("mine") == 1
    assert not list(Path().glob(".*"))


def test_pretraining_on_other_clusters_than_a_checkpoint_has_is_refused(tmp_path):
    module = MaskedPrediction(
        variant="hubert", model_fields=TINY, num_classes=NUM_CLUSTERS, centroids="abc"
    )
    module.on_train_start()
    export(module, None, "exported")
    same: dict[str, Any] = {
        "variant": "hubert",
        "checkpoint": "exported",
        "num_classes": NUM_CLUSTERS,
    }
    MaskedPrediction(**same, centroids="abc")
    with pytest.raises(ModelError, match="`labels` must be of the k-means abc .* got xyz"):
        MaskedPrediction(**same, centroids="xyz")


@pytest.mark.parametrize("layer", [0, 3])
def test_a_layer_that_is_not_there_is_named(tmp_path, layer):
    pretrained(tmp_path)
    with pytest.raises(ModelError, match=f"`layer` must be from 1 to 2, got {layer}"):
        FeatureExtractor("exported", layer=layer)


def test_a_name_that_would_break_the_lines_of_transcripts_is_refused(tmp_path, capsys):
    write_sounds(tmp_path / "sounds", 1)
    (tmp_path / "sounds/00.wav").rename(tmp_path / "sounds/a\nb.wav")
    module = CtcModule(variant="lhubert", attention_window=8, model_fields=TINY, alphabet=["", "|"])
    export(module, None, "exported")
    assert predict("transcribe", "--model.init_args.checkpoint=exported") == 2
    said = capsys.readouterr().err.splitlines()
    assert any("must have no tab and no line end, got 'a\\nb.wav'" in line for line in said)
    assert not Path("runs/transcripts/transcripts.tsv").exists()


def test_a_folder_that_another_process_predicts_into_is_refused(tmp_path, capsys):
    write_sounds(tmp_path / "sounds", 1)
    module = CtcModule(variant="lhubert", attention_window=8, model_fields=TINY, alphabet=["", "|"])
    export(module, None, "exported")
    lock = FolderLock("runs/transcripts")
    assert predict("transcribe", "--model.init_args.checkpoint=exported") == 2
    assert "`folder` must be a folder that no other process writes" in capsys.readouterr().err
    lock.release()
    assert predict("transcribe", "--model.init_args.checkpoint=exported") == 0
    assert not list(Path("runs/transcripts").glob(".*"))


def test_features_of_recordings_elsewhere_do_not_replace_each_other(tmp_path):
    write_sounds(tmp_path / "elsewhere", 2)
    (tmp_path / "elsewhere/00.wav").rename(tmp_path / "-a.wav")
    (tmp_path / "elsewhere/01.wav").rename(tmp_path / "a.wav")
    (tmp_path / "root").mkdir()
    write_sounds(tmp_path / "root", 1)
    (tmp_path / "root/00.wav").rename(tmp_path / "root/-a.wav")
    counts = [len(soundfile.read(tmp_path / place)[0]) for place in ("a.wav", "root/-a.wav")]
    (tmp_path / "sounds").write_text(f"root\n../a.wav\t{counts[0]}\n-a.wav\t{counts[1]}\n")
    pretrained(tmp_path)
    given = ["--model.init_args.variant=lhubert", "--model.init_args.layer=1"]
    with pytest.warns(UserWarning, match=r"such as '../a.wav' in a.wav-\w+.npy"):
        assert (
            predict(
                "features",
                "--model.init_args.checkpoint=exported",
                "--model.init_args.attention_window=8",
                "--data.init_args.layout=manifest",
                *given,
            )
            == 0
        )
    assert len(list((tmp_path / "runs/features").rglob("*.npy"))) == 2


@pytest.mark.parametrize("character", ["\t", "\n", "\u2028", "\r", "\x85"])
def test_a_name_that_cannot_stand_in_transcripts_stops_before_anything_is_transcribed(
    tmp_path, character
):
    names = ("a.wav", "b.wav", f"c{character}d.wav")
    files = PredictionFiles(str(tmp_path / "out"))
    at_work = process(names)
    files.on_predict_start(at_work, None)
    said = re.escape(f"must have no tab and no line end, got {names[-1]!r}")
    with pytest.raises(ModelError, match=said):
        files.on_predict_batch_end(at_work, None, ["X"], {"index": torch.tensor([0])}, 0)
    files.teardown(at_work, None, "predict")
    assert not [path for path in (tmp_path / "out").iterdir() if "transcripts" in path.name]
