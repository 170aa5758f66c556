"""`python train.py labels` on sounds made on the spot: both kinds of features, killed, reused."""

import os
import pickle
import re
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import joblib
import numpy as np
import pytest
import soundfile
import torch
from lightning import Trainer
from safetensors.numpy import save_file

import train
from datamodules.labels.reading import LabelFolder
from datamodules.utterances.whole import RecordingData
from lightning_modules.errors import ModelError
from lightning_modules.units import waiting
from lightning_modules.units.extractor import UnitExtractor
from tests.samples.places import CONFIGS as ALL_CONFIGS
from tests.samples.speech import write_sound, write_sounds
from tests.samples.training import offline, write_everything
from tests.samples.variants.hubert import hubert, lhubert

CONFIGS = ALL_CONFIGS / "train"
MFCC, HUBERT = CONFIGS / "labels_mfcc.yaml", CONFIGS / "labels_hubert.yaml"
FILES = ("labels.json", "labels.km", "labels.tsv", "kmeans.safetensors")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    return folder, write_sounds(folder, 7)


@pytest.fixture(scope="module")
def made(sounds, tmp_path_factory):
    """Labels of all sounds, to be read only."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("sys.argv", ["train.py"])
        assert labels(MFCC, sounds[0], folder / "labels") == 0
    return folder / "labels"


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    hubert().save_pretrained(folder / "hubert")
    lhubert().save_pretrained(folder / "lhubert")
    return folder


def labels(config, source, folder, **more):
    settings = {
        "data.init_args.source": source,
        "data.init_args.num_workers": 0,
        "model.init_args.folder": folder,
        "model.init_args.num_clusters": 6,
        "trainer.accelerator": "cpu",
        "trainer.enable_progress_bar": "false",
    }
    settings |= {name.replace("__", "."): value for name, value in more.items()}
    arguments = [f"--{name}={value}" for name, value in settings.items()]
    try:
        return train.main(["labels", "--config", str(config), *arguments])
    except SystemExit as ended:
        return ended.code


def read_all(folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    return [(folder / name).read_bytes() for name in FILES]


@pytest.mark.torchaudio
def test_every_frame_of_mfcc_gets_a_label(sounds, tmp_path, capsys):
    source, samples = sounds
    assert labels(MFCC, source, tmp_path / "out") == 0
    folder = LabelFolder(tmp_path / "out")
    assert folder.names == list(samples)
    folder.check(RecordingData(str(source)).predict_reader.recordings)
    total = sum((count - 400) // 160 + 1 for count in samples.values())
    facts = folder.facts
    assert (facts.num_clusters, facts.rate_hz, facts.features) == (6, 100, "mfcc")
    said = capsys.readouterr().out
    assert f"7 recordings, {total} labels at 100 Hz, 6 of 6 clusters used" in said
    assert f"k-means {facts.centroids}: {tmp_path / 'out'}\n" in said
    before = read_all(tmp_path / "out")
    assert labels(MFCC, source, tmp_path / "out") == 0  # nothing is left to do
    assert capsys.readouterr().out == said
    assert read_all(tmp_path / "out") == before


@pytest.mark.torchaudio
def test_labels_in_double_precision_are_of_the_same_kmeans(sounds, made, tmp_path, capsys):
    more = {"model__init_args__kmeans": made / "kmeans.safetensors"}
    assert labels(MFCC, sounds[0], tmp_path / "out", trainer__precision="64-true", **more) == 0
    found, expected = LabelFolder(tmp_path / "out"), LabelFolder(made)
    assert f"k-means {expected.facts.centroids}: " in capsys.readouterr().out
    assert found.facts == expected.facts
    same = np.concatenate([found.ids(name) == expected.ids(name) for name in expected.names])
    assert same.mean() > 0.99  # a sum may be rounded otherwise


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
def test_every_frame_of_a_layer_gets_a_label(sounds, checkpoints, tmp_path, variant, capsys):
    source, samples = sounds
    model = {"model__init_args__variant": variant, "model__init_args__layer": 2}
    model["model__init_args__checkpoint"] = checkpoints / variant
    assert labels(HUBERT, source, tmp_path / "out", **model) == 0
    folder = LabelFolder(tmp_path / "out")
    assert [folder.count(name) for name in samples] == [
        (count - 400) // 320 + 1 for count in samples.values()
    ]
    assert folder.facts.features == f"layer 2 of {checkpoints / variant}"
    other = model | {"model__init_args__kmeans": tmp_path / "out/kmeans.safetensors"}
    assert labels(HUBERT, source, tmp_path / "more", **other | {"model__init_args__layer": 1}) == 2
    assert "`kmeans` must be of the same features, layer 1 of" in capsys.readouterr().err


@pytest.mark.torchaudio
def test_labels_of_a_kmeans_that_is_elsewhere_are_not_fitted_anew(sounds, made, tmp_path, capsys):
    source, _ = sounds
    kmeans = {"model__init_args__kmeans": made / "kmeans.safetensors"}
    assert labels(MFCC, source, tmp_path / "val", **kmeans) == 0
    capsys.readouterr()
    assert labels(MFCC, source, tmp_path / "val") == 2
    assert "`kmeans` must be given for `folder`" in capsys.readouterr().err
    assert not (tmp_path / "val/kmeans.safetensors").exists()


@pytest.mark.parametrize("kind", ["npy", "safetensors"])
def test_centroids_of_others_label_as_the_nearest_ones(sounds, checkpoints, tmp_path, kind, capsys):
    source, samples = sounds
    model = hubert()
    centroids = np.random.default_rng(0).normal(size=(6, 24))  # float64, as scikit-learn has them
    if kind == "npy":
        np.save(tmp_path / "kmeans.npy", centroids)
    else:
        save_file({"cluster_centers_": centroids}, tmp_path / "kmeans.safetensors")
    given = {
        "checkpoint": checkpoints / "hubert",
        "layer": 2,
        "kmeans": tmp_path / f"kmeans.{kind}",
    }
    given = {f"model__init_args__{name}": value for name, value in given.items()}
    assert labels(HUBERT, source, tmp_path / "out", **given) == 0
    folder = LabelFolder(tmp_path / "out")
    for recording in RecordingData(str(source)).predict_reader.recordings[:2]:
        waveform = torch.from_numpy(soundfile.read(recording.path, dtype="float32")[0])
        with torch.no_grad():
            states = model(waveform[None], output_hidden_states=True).hidden_states[2][0]
        nearest = torch.cdist(states.double(), torch.from_numpy(centroids)).argmin(1)
        assert folder.ids(recording.name).tolist() == nearest.tolist()
    assert folder.names == list(samples)
    wrong = given | {"model__init_args__checkpoint": "null", "model__init_args__layer": "null"}
    assert labels(MFCC, source, tmp_path / "mfcc", **wrong) == 2
    assert "`kmeans` must have 39 features for each cluster, as mfcc has, got 24" in (
        capsys.readouterr().err
    )


def test_fit_trains_on_labels_of_others(tmp_path, capsys):
    config = CONFIGS / "lhubert_pretrain_base.yaml"
    write_everything(tmp_path)
    listed = (tmp_path / "labels/labels.tsv").read_text().splitlines()
    names = [line.split("\t")[0] for line in listed]
    samples = [soundfile.info(tmp_path / "sounds" / name).frames for name in names]
    lines = [f"{name}\t{count}\n" for name, count in zip(names, samples, strict=True)]
    (tmp_path / "train.tsv").write_text("".join([f"{tmp_path}/sounds\n", *lines]))
    (tmp_path / "train.km").write_bytes((tmp_path / "labels/labels.km").read_bytes())
    (tmp_path / "dict.km.txt").write_text("".join(f"{label} 1\n" for label in range(7)))
    given = [each for each in offline(config, tmp_path) if ".layout" not in each]
    given += [f"--data.init_args.source={tmp_path / 'train.tsv'}", "--data.init_args.layout=auto"]
    given += ["--trainer.max_steps=2", f"--data.init_args.labels={tmp_path / 'train.km'}"]
    assert train.main(["fit", "--config", str(config), *given]) == 0
    (last,) = tmp_path.rglob("last.ckpt")
    weights = torch.load(last, weights_only=True)["state_dict"]
    assert [len(value) for name, value in weights.items() if "label_embeddings" in name] == [7]
    (tmp_path / "train.km").unlink()
    assert train.main(["fit", "--config", str(config), *given]) == 2
    assert "train.km does not exist" in capsys.readouterr().err


def test_a_pickled_kmeans_is_never_loaded(sounds, tmp_path, capsys):
    class Trap:
        def __reduce__(self):
            return (Path(tmp_path / "sprung").touch, ())

    for name, dump in {
        "km.bin": lambda path: path.write_bytes(pickle.dumps(Trap())),
        "compressed.joblib": lambda path: joblib.dump(Trap(), path, compress=3),
        "km.pt": lambda path: torch.save(Trap(), path),
    }.items():
        dump(tmp_path / name)
        given = {"model__init_args__kmeans": tmp_path / name}
        assert labels(MFCC, sounds[0], tmp_path / "out", **given) == 2
        said = capsys.readouterr().err
        assert f"{name} is a pickle" in said
        assert "numpy.save" in said
    np.save(tmp_path / "objects.npy", np.array([Trap()], dtype=object))
    given = {"model__init_args__kmeans": tmp_path / "objects.npy"}
    assert labels(MFCC, sounds[0], tmp_path / "out", **given) == 2
    assert "`kmeans` must be" in capsys.readouterr().err
    assert not (tmp_path / "sprung").exists()


def begin_to_wait_and_end(path: Path, sender: Connection) -> None:
    """Leave a process behind that waits for a file and sends what it says; as a fit that fails."""
    is_waiting, waits = os.pipe()
    if os.fork():
        os.read(is_waiting, 1)
        return

    def sleep(seconds: float) -> None:
        os.write(waits, b"w")  # it knows by now whose end it is to notice
        time.sleep(seconds)

    with mock.patch.object(waiting, "time", SimpleNamespace(sleep=sleep)):
        try:
            waiting.wait_for(path)
        except ModelError as error:
            sender.send(str(error))
    os._exit(0)


def test_who_waits_for_a_kmeans_ends_with_the_process_that_fits_it(server, tmp_path):
    receiver, sender = server.Pipe(duplex=False)
    path = tmp_path / "kmeans.safetensors"
    child = server.Process(target=begin_to_wait_and_end, args=(path, sender))
    child.start()
    sender.close()
    # What never ends is not worth more patience, whoever computes here: it takes seconds.
    assert receiver.poll(1200)
    assert "fitting it has ended without one" in receiver.recv()
    child.join()


@pytest.mark.torchaudio
def test_two_processes_write_the_files_that_one_does(sounds, made, tmp_path):
    source, _ = sounds
    command = [sys.executable, train.__file__, "labels", f"--config={MFCC}"]
    command += [f"--data.init_args.source={source}", "--data.init_args.num_workers=0"]
    command += [f"--model.init_args.folder={tmp_path / 'two'}", "--model.init_args.num_clusters=6"]
    command += ["--trainer.accelerator=cpu", "--trainer.devices=2", "--trainer.strategy=ddp"]
    # As many threads as here, or the same kernels would add up in another order.
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | threads)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("7 recordings, ") == 1
    assert read_all(tmp_path / "two") == read_all(made)


@pytest.mark.torchaudio
def test_a_run_that_was_killed_goes_on_to_the_same_files(sounds, made, tmp_path, capsys):
    source, _ = sounds
    killed = tmp_path / "killed"
    assert labels(MFCC, source, killed, trainer__limit_predict_batches=4) == 2
    assert "no labels yet of 3 of 7 recordings" in capsys.readouterr().err
    (part,) = killed.glob(".part-*")
    part.write_bytes(part.read_bytes()[:-20])
    assert labels(MFCC, source, killed) == 0
    assert read_all(killed) == read_all(made)


@pytest.mark.torchaudio
def test_loader_processes_change_nothing(sounds, made, tmp_path):
    source, _ = sounds
    assert labels(MFCC, source, tmp_path / "one", data__init_args__num_workers=1) == 0
    assert read_all(tmp_path / "one") == read_all(made)


@pytest.mark.torchaudio
def test_other_recordings_get_labels_of_the_same_kmeans(made, tmp_path):
    write_sound(tmp_path / "val/a.wav", 9_000, seed=99)
    given = {"model__init_args__kmeans": made / "kmeans.safetensors"}
    assert labels(MFCC, tmp_path / "val", tmp_path / "out", **given) == 0
    first, second = LabelFolder(made).facts, LabelFolder(tmp_path / "out").facts
    assert first == second
    assert not (tmp_path / "out/kmeans.safetensors").exists()


@pytest.mark.torchaudio
def test_an_alignment_is_measured(sounds, tmp_path, capsys):
    source, samples = sounds
    lines = [f"{name}\t{'AH0 B ' * (count // 320)}" for name, count in samples.items()]
    (tmp_path / "phones.tsv").write_text("\n".join(["rate_hz\t100", *lines]))
    given = {"model__init_args__alignment": tmp_path / "phones.tsv"}
    assert labels(MFCC, source, tmp_path / "out", **given) == 0
    assert "phone purity 0." in capsys.readouterr().out


@pytest.mark.torchaudio
def test_the_sample_bounds_what_kmeans_is_fitted_on(sounds, tmp_path, capsys):
    assert labels(MFCC, sounds[0], tmp_path / "out", model__init_args__sample_frames=5) == 2
    assert "`num_clusters` must be at most 5" in capsys.readouterr().err


def damaged_copy(source, folder):
    for path in sorted(source.iterdir())[:3]:
        (folder / path.name).write_bytes(path.read_bytes())
    write_sound(folder / "bad.flac", 8_000)
    content = (folder / "bad.flac").read_bytes()
    (folder / "bad.flac").write_bytes(content[: len(content) // 2])


@pytest.mark.torchaudio
def test_a_damaged_recording_stops_or_is_left_out(sounds, tmp_path, capsys):
    source = tmp_path / "source"
    source.mkdir()
    damaged_copy(sounds[0], source)
    assert labels(MFCC, source, tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert "bad.flac" in said
    assert "`on_bad_sample: skip` leaves it out" in said
    skip = {"data__init_args__on_bad_sample": "skip"}
    with pytest.warns(UserWarning, match="skipped: .*bad.flac"):
        assert labels(MFCC, source, tmp_path / "skipped", **skip) == 0
    assert "1 damaged recordings left out" in capsys.readouterr().out
    assert labels(MFCC, source, tmp_path / "skipped", **skip) == 0  # is not tried again
    assert len(LabelFolder(tmp_path / "skipped").names) == 3


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"model__init_args__features": "mel"}, "`features` must be one of layer, mfcc, got 'mel'"),
        ({"model__init_args__features": "layer"}, "`checkpoint` must be given"),
        ({"model__init_args__layer": 3}, "`checkpoint` and `layer` are for `features` layer"),
        ({"model__init_args__kmeans": "absent"}, "`kmeans` must be"),
        ({"model__init_args__alignment": "absent"}, "`alignment` must be"),
        ({"model__init_args__num_clusters": 0}, "`num_clusters` must be at least 1"),
        ({"trainer__precision": "bf16-true"}, "`precision` must be bf16-mixed .* for `labels`"),
        ({"trainer__precision": "16-true"}, "`precision` must be 16-mixed .* got 16-true"),
        (
            {"data": "datamodules.modalities.synthetic.SyntheticSpeech"},
            "`data` must be .*RecordingData",
        ),
        (
            {"model": "lightning_modules.models.speech.lhubert.LHubertModule"},
            "`model` must be .*UnitExtractor",
        ),
    ],
)
def test_a_wrong_setting_is_one_sentence(sounds, capsys, more, message):
    arguments = {
        "model": "lightning_modules.units.extractor.UnitExtractor",
        "data": "datamodules.utterances.whole.RecordingData",
    } | {name.replace("__", "."): value for name, value in more.items()}
    if arguments["model"].endswith("UnitExtractor"):
        arguments["model.init_args.folder"] = "out"
    if arguments["data"].endswith("RecordingData"):
        arguments["data.init_args.source"] = str(sounds[0])
    status = train.main(["labels", *(f"--{name}={value}" for name, value in arguments.items())])
    assert status == 2
    assert re.search(message, capsys.readouterr().err)


def make_labels(source, folder, **settings):
    model = UnitExtractor(str(folder), num_clusters=settings.pop("num_clusters", 6), **settings)
    trainer = Trainer(accelerator="cpu", logger=False, enable_progress_bar=False)
    trainer.predict(
        model, datamodule=RecordingData(str(source), num_workers=0), return_predictions=False
    )
    return model


@pytest.mark.torchaudio
def test_a_folder_of_other_labels_is_refused(sounds, tmp_path):
    source, samples = sounds
    make_labels(source, tmp_path / "out")
    with pytest.raises(ModelError, match="`num_clusters` must be 6 for the k-means"):
        make_labels(source, tmp_path / "out", num_clusters=5)
    write_sound(tmp_path / "new/a.wav", 9_000)
    make_labels(tmp_path / "new", tmp_path / "other", seed=1)
    given = {"kmeans": str(tmp_path / "other/kmeans.safetensors")}
    with pytest.raises(ValueError, match="holds labels of other facts"):
        make_labels(source, tmp_path / "out", **given)
    with pytest.raises(ValueError, match="recordings that `source` has not, such as 00.wav"):
        make_labels(tmp_path / "new", tmp_path / "out")
    for name in samples:
        (tmp_path / "new" / name).write_bytes((source / name).read_bytes())
    with pytest.raises(ValueError, match="labels without recording a.wav"):
        make_labels(tmp_path / "new", tmp_path / "out")


@pytest.mark.torchaudio
def test_labels_do_not_depend_on_the_other_recordings(sounds, made, tmp_path):
    source, samples = sounds
    name = list(samples)[3]
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / name).write_bytes((source / name).read_bytes())
    make_labels(tmp_path / "one", tmp_path / "alone", kmeans=str(made / "kmeans.safetensors"))
    alone, among = LabelFolder(tmp_path / "alone"), LabelFolder(made)
    assert np.array_equal(alone.ids(name), among.ids(name))
