"""Settings that a class only hands on are settings of it all the same, each with its text."""

import pytest

from datamodules.errors import DataError
from datamodules.utterances.whole import RecordingData
from profiling.class_names import DATA
from profiling.measuring.data_blocks import build_data
from train import main

EVERYWHERE = {"source", "num_workers", "seed"}
FILES = EVERYWHERE | {"on_bad_sample"}
UTTERANCES = FILES | {"layout"}
TRAINING = UTTERANCES | {
    "val_source",
    "test_source",
    "batch_seconds",
    "eval_batch_seconds",
    "hold_out_fraction",
    "max_seconds",
    "min_seconds",
    "mask_probability",
}
SYNTHETIC = {"batch_size", "num_batches", "num_classes", "seed"}
SETTINGS = {
    "TextData": EVERYWHERE
    | {
        "tokenizer",
        "text_column",
        "split",
        "subset",
        "max_length",
        "batch_size",
        "mask_fraction",
    },
    "ImageData": FILES | {"input_size", "batch_size"},
    "SpeechData": FILES | {"layout", "max_seconds", "num_levels", "batch_size"},
    "PretrainingSpeech": TRAINING
    | {"labels", "val_labels", "test_labels", "num_clusters", "label_rate_hz", "crops"},
    "TranscribedSpeech": TRAINING | {"alphabet", "download"},
    "KeywordSpeech": TRAINING,
    "RecordingData": UTTERANCES,
    "SyntheticText": SYNTHETIC | {"sequence_length", "mask_fraction"},
    "SyntheticSpeech": SYNTHETIC | {"sequence_length"},
    "SyntheticVision": SYNTHETIC | {"input_size"},
}


def shown_settings(text):
    """Return the text of every setting that a help shows, without what the parser adds to it."""
    found: dict[str, str] = {}
    name = ""
    for line in text.partition("Help for")[2].splitlines()[1:]:
        if line.startswith("  --data."):
            name = line.removeprefix("  --data.").split(" ")[0].split(",")[0]
            line = line.partition("  --data.")[2].partition("  ")[2]
        if name:
            found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return {
        name: said.partition("(type:")[0].partition("(required")[0] for name, said in found.items()
    }


@pytest.mark.parametrize("path", DATA)
def test_the_help_of_every_class_has_all_settings_with_their_text(path, capsys):
    with pytest.raises(SystemExit):
        main(["fit", f"--data.help={path}"])
    shown = shown_settings(capsys.readouterr().out)
    assert set(shown) == SETTINGS[path.rpartition(".")[2]]
    assert [name for name, text in shown.items() if len(text.split()) < 3] == []


@pytest.mark.parametrize("path", [path for path in DATA if "modalities" in path])
def test_a_misspelt_setting_is_named_with_all_that_there_are(path):
    with pytest.raises(DataError) as caught:
        build_data({"class_path": path, "init_args": {"sead": 3}})
    name, _, choices = str(caught.value).partition("; choose one of: ")
    assert name == "`sead` is not a setting"
    assert set(choices.split(", ")) == SETTINGS[path.rpartition(".")[2]]


def test_what_only_training_needs_is_no_setting_of_recordings_to_predict(capsys):
    data = ["--data=datamodules.utterances.whole.RecordingData", "--data.source=x"]
    with pytest.raises(SystemExit):
        main(["predict", *data, "--data.batch_seconds=3"])
    said = capsys.readouterr().err
    assert "batch_seconds" in said
    assert "kwargs" not in said


@pytest.mark.parametrize("command", ["fit", "validate", "test"])
def test_recordings_alone_are_refused_where_something_is_learnt_or_compared(command):
    with pytest.raises(DataError, match=f"`data` must have labels or transcripts for `{command}`"):
        RecordingData("x").setup(command)
    RecordingData("x").setup("predict")
