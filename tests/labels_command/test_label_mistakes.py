"""What `python train.py labels` refuses, and the sentence that it says."""

import re

import pytest

import train
from datamodules.labels.reading import LabelFolder
from lightning_modules.errors import ModelError
from tests.samples.labels.command import MFCC, damaged_copy, labels, make_labels
from tests.samples.recordings.speech import write_sound


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
    assert "1 damaged recording left out" in capsys.readouterr().out
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
