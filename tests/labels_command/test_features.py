"""`python train.py labels`: every frame gets a label, whichever features it is of."""

import numpy as np
import pytest

from datamodules.labels.reading import LabelFolder
from datamodules.utterances.whole import RecordingData
from tests.samples.labels.command import HUBERT, MFCC, labels, make_labels, read_all


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
def test_labels_do_not_depend_on_the_other_recordings(sounds, made, tmp_path):
    source, samples = sounds
    name = list(samples)[3]
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / name).write_bytes((source / name).read_bytes())
    make_labels(tmp_path / "one", tmp_path / "alone", kmeans=str(made / "kmeans.safetensors"))
    alone, among = LabelFolder(tmp_path / "alone"), LabelFolder(made)
    assert np.array_equal(alone.ids(name), among.ids(name))


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
