"""Labels of a k-means that was fitted elsewhere, by us or by others."""

import pickle
from pathlib import Path

import joblib
import numpy as np
import pytest
import soundfile
import torch
from safetensors.numpy import save_file

import train
from datamodules.labels.reading import LabelFolder
from datamodules.utterances.whole import RecordingData
from lightning_modules.errors import ModelError
from tests.samples.labels.command import CONFIGS, make_labels
from tests.samples.recordings.speech import write_sound
from tests.samples.training import offline
from tests.samples.variants.hubert import hubert


@pytest.mark.torchaudio
def test_labels_of_a_kmeans_that_is_elsewhere_are_not_fitted_anew(sounds, made, tmp_path):
    source, _ = sounds
    make_labels(source, tmp_path / "val", kmeans=str(made / "kmeans.safetensors"))
    with pytest.raises(ModelError, match="`kmeans` must be given for `folder`"):
        make_labels(source, tmp_path / "val")
    assert not (tmp_path / "val/kmeans.safetensors").exists()


@pytest.mark.parametrize("kind", ["npy", "safetensors"])
def test_centroids_of_others_label_as_the_nearest_ones(sounds, checkpoints, tmp_path, kind):
    source, samples = sounds
    model = hubert()
    centroids = np.random.default_rng(0).normal(size=(6, 24))  # float64, as scikit-learn has them
    if kind == "npy":
        np.save(tmp_path / "kmeans.npy", centroids)
    else:
        save_file({"cluster_centers_": centroids}, tmp_path / "kmeans.safetensors")
    kmeans = str(tmp_path / f"kmeans.{kind}")
    layer = {"features": "layer", "layer": 2, "checkpoint": str(checkpoints / "hubert")}
    make_labels(source, tmp_path / "out", kmeans=kmeans, **layer)
    folder = LabelFolder(tmp_path / "out")
    for recording in RecordingData(str(source)).predict_reader.recordings[:2]:
        waveform = torch.from_numpy(soundfile.read(recording.path, dtype="float32")[0])
        with torch.no_grad():
            states = model(waveform[None], output_hidden_states=True).hidden_states[2][0]
        nearest = torch.cdist(states.double(), torch.from_numpy(centroids)).argmin(1)
        assert folder.ids(recording.name).tolist() == nearest.tolist()
    assert folder.names == list(samples)
    wrong = "`kmeans` must have 39 features for each cluster, as mfcc has, got 24"
    with pytest.raises(ModelError, match=wrong):
        make_labels(source, tmp_path / "mfcc", kmeans=kmeans)


def test_fit_trains_on_labels_of_others(everything, tmp_path, capsys):
    config = CONFIGS / "lhubert_pretrain_base.yaml"
    listed = (everything / "labels/labels.tsv").read_text().splitlines()
    names = [line.split("\t")[0] for line in listed]
    samples = [soundfile.info(everything / "sounds" / name).frames for name in names]
    lines = [f"{name}\t{count}\n" for name, count in zip(names, samples, strict=True)]
    (tmp_path / "train.tsv").write_text("".join([f"{everything}/sounds\n", *lines]))
    (tmp_path / "train.km").write_bytes((everything / "labels/labels.km").read_bytes())
    (tmp_path / "dict.km.txt").write_text("".join(f"{label} 1\n" for label in range(7)))
    given = [each for each in offline(config, everything) if ".layout" not in each]
    given += [f"--data.init_args.source={tmp_path / 'train.tsv'}", "--data.init_args.layout=auto"]
    given += ["--trainer.max_steps=2", f"--data.init_args.labels={tmp_path / 'train.km'}"]
    assert train.main(["fit", "--config", str(config), *given]) == 0
    (last,) = tmp_path.rglob("last.ckpt")
    weights = torch.load(last, weights_only=True)["state_dict"]
    assert [len(value) for name, value in weights.items() if "label_embeddings" in name] == [7]
    (tmp_path / "train.km").unlink()
    assert train.main(["fit", "--config", str(config), *given]) == 2
    assert "train.km does not exist" in capsys.readouterr().err


def test_a_pickled_kmeans_is_never_loaded(sounds, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path(tmp_path / "sprung").touch, ())

    for name, dump in {
        "km.bin": lambda path: path.write_bytes(pickle.dumps(Trap())),
        "compressed.joblib": lambda path: joblib.dump(Trap(), path, compress=3),
        "km.pt": lambda path: torch.save(Trap(), path),
    }.items():
        dump(tmp_path / name)
        with pytest.raises(ModelError, match=f"{name} is a pickle.*numpy.save"):
            make_labels(sounds[0], tmp_path / "out", kmeans=str(tmp_path / name))
    np.save(tmp_path / "objects.npy", np.array([Trap()], dtype=object))
    with pytest.raises(ModelError, match="`kmeans` must be"):
        make_labels(sounds[0], tmp_path / "out", kmeans=str(tmp_path / "objects.npy"))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.torchaudio
def test_other_recordings_get_labels_of_the_same_kmeans(made, tmp_path):
    write_sound(tmp_path / "val/a.wav", 9_000, seed=99)
    kmeans = str(made / "kmeans.safetensors")
    make_labels(tmp_path / "val", tmp_path / "out", kmeans=kmeans)
    first, second = LabelFolder(made).facts, LabelFolder(tmp_path / "out").facts
    assert first == second
    assert not (tmp_path / "out/kmeans.safetensors").exists()
