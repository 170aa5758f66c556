"""Settings of data blocks on the command line."""

from pathlib import Path

import pytest

from profiling.cli import parse
from profiling.commands.data_settings import set_in_block, split_data_settings
from profiling.errors import SettingsError

SWEEP = "configs/profile/quickstart.yaml"
LENGTHS = "configs/profile/lengths_text.yaml"


def test_they_are_taken_out_and_read_as_yaml() -> None:
    line = ["lengths", "--data.source=a b", "--out", "x", "--data.init_args.batch_size", "3"]
    line += ["--modalities.text.data.max_length", "null"]
    others, taken = split_data_settings(line)
    assert others == ["lengths", "--out", "x"]
    assert taken == [(None, "source", "a b"), (None, "batch_size", 3), ("text", "max_length", None)]


def test_one_without_a_value_is_named() -> None:
    with pytest.raises(SettingsError, match="`data.source` must be given a value"):
        split_data_settings(["--data.source"])


def test_a_block_keeps_what_is_not_set_anew() -> None:
    block = {"class_path": "a.B", "init_args": {"x": 1, "y": 2}}
    assert set_in_block(block, "y", 3) == {"class_path": "a.B", "init_args": {"x": 1, "y": 3}}
    assert set_in_block(None, "class_path", "a.C") == {"class_path": "a.C"}
    assert block["init_args"] == {"x": 1, "y": 2}


def test_a_setting_goes_over_that_of_the_file() -> None:
    block = parse(["lengths", "--config", LENGTHS, "--data.source", "mine.csv"]).lengths.data
    assert block["init_args"]["source"] == "mine.csv"
    assert block["init_args"]["tokenizer"] == "google-bert/bert-base-uncased"


def test_a_modality_of_a_sweep_can_be_given_data() -> None:
    given = ["--modalities.speech.data.class_path", "a.B", "--modalities.speech.data.source", "s"]
    settings = parse(["sweep", "--config", SWEEP, *given]).sweep
    expected = {"class_path": "a.B", "init_args": {"source": "s"}}
    assert settings.modalities["speech"]["data"] == expected


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ("--data.source", "data.source"),
        ("--data.init_args.source", "data.source"),
        ("--modalities.smell.data.source", "modalities.smell.data.source"),
    ],
)
def test_a_sweep_says_below_which_modalities_data_stand(line: str, given: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(["sweep", "--config", SWEEP, line, "x"])
    assert str(caught.value) == (
        "`data` must stand below a modality, as `modalities.text.data.source` or "
        f"`modalities.speech.data.source` or `modalities.vision.data.source`, got `{given}`"
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["report", "runs/x", "--data.source", "x"], "`data.source` .* one of: lengths, strict"),
        (["lengths", "--modalities.text.data.source", "x"], "`modalities.text.data.source` .* out"),
    ],
)
def test_a_command_without_such_a_block_lists_its_settings(line: list[str], words: str) -> None:
    with pytest.raises(SettingsError, match=words.replace(" .* ", " is not a setting; choose .*")):
        parse(line)


def test_a_class_that_is_not_there_is_refused_with_the_names_that_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    block = "{class_path: TextDatum, init_args: {source: a.csv}}"
    with pytest.raises(SystemExit):
        parse(["sweep", f"--modalities={{text: {{variants: [bert], data: {block}}}}}"])
    said = capsys.readouterr().err
    assert "got 'TextDatum'; choose one of: ImageData, SpeechData, Synth" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("name", ["caf\udce9", "--data.source=caf\udce9"])
def test_an_argument_that_is_no_utf8_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=r"must be text in UTF-8, got .*caf\\udce9: give"):
        parse(["lengths", "--config", LENGTHS, "--data.source", name])
