"""The chain of `docs/training.md` from recordings to transcripts, and what it says of its data."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

import train
from datamodules.utterances.pretraining import PretrainingSpeech
from datamodules.utterances.whole import RecordingData
from tests.samples.documents import EXECUTED, blocks, commands_of, spans, table_below
from tests.samples.places import ROOT
from tests.samples.recordings.speech import write_labels, write_sound
from tests.samples.training import offline, write_everything

PAGE, LIBRISPEECH = ROOT / "docs/training.md", ROOT / "docs/librispeech.md"
CHAIN = commands_of(PAGE)
# Labels by the model that the chain has exported.
SECOND_ITERATION = commands_of(LIBRISPEECH)


def value_of(command: list[str], option: str) -> str | None:
    """Return what follows an option in a command, None where it is not there."""
    return next((value for name, value in pairwise(command) if name == option), None)


def with_config(name: str) -> list[list[str]]:
    return [command for command in CHAIN if f"configs/train/{name}.yaml" in command]


@pytest.mark.parametrize("option", ["--model.init_args.checkpoint", "--data.init_args.source"])
@pytest.mark.parametrize("name", ["lhubert_pretrain_base", "lhubert_ctc"])
def test_all_commands_of_a_configuration_are_about_one_model_and_its_data(
    name: str, option: str
) -> None:
    commands = with_config(name)
    assert len(commands) > 1
    assert len({value_of(command, option) for command in commands}) == 1


def test_each_command_takes_what_one_before_it_made() -> None:
    made: set[str] = set()
    for command in CHAIN:
        for option in ("--model.init_args.checkpoint", "--ckpt_path"):
            taken = value_of(command, option)
            assert taken is None or any(taken.startswith(folder) for folder in made), taken
        made |= {str(value_of(command, "--folder"))}
        config = yaml.safe_load((ROOT / str(value_of(command, "--config"))).read_text())
        for callback in config["trainer"].get("callbacks", ()):
            made |= {callback["init_args"].get("dirpath", "None")}


def write_all_kinds(folder: Path) -> dict[str, str]:
    """Write a LibriSpeech tree; return it as every kind of DIR, in which names are the same."""
    tree, count = folder / "LibriSpeech", 3
    names = [f"train/84/121/84-121-000{number}.flac" for number in range(count)]
    for number, name in enumerate(names):
        write_sound(tree / name, 9_000 + 900 * number, number)
    (tree / "train/84/121/84-121.trans.txt").write_text("84-121-0000 GO\n")
    lines = [f"{name}\t{9_000 + 900 * number}" for number, name in enumerate(names)]
    (folder / "manifest.tsv").write_text("\n".join([str(tree), *lines]) + "\n")
    write_labels(folder / "labels", {n: 9_000 + 900 * i for i, n in enumerate(names)})
    return {"librispeech": str(tree), "folder": str(tree), "manifest": str(folder / "manifest.tsv")}


@pytest.mark.parametrize("layout", ["librispeech", "folder", "manifest"])
def test_every_kind_of_folder_is_read_under_the_same_names_by_all_commands(
    layout: str, tmp_path: Path
) -> None:
    source = write_all_kinds(tmp_path)[layout]
    found = []
    for command in CHAIN:
        if value_of(command, "--data.init_args.source") != "DIR":
            continue
        config = yaml.safe_load((ROOT / str(value_of(command, "--config"))).read_text())
        given: dict[str, Any] = config["data"]["init_args"] | {"source": source, "num_workers": 0}
        found.append(names_of(config["data"]["class_path"], given, tmp_path))
        found.append(names_of(config["data"]["class_path"], given | {"layout": layout}, tmp_path))
    assert len(found) >= 8
    assert set(found) == {tuple(sorted(found[0]))}
    assert len(found[0]) == 3


def names_of(kind: str, given: dict[str, Any], folder: Path) -> tuple[str, ...]:
    if kind == "RecordingData":
        return tuple(r.name for r in RecordingData(**given).predict_reader.recordings)
    own = {"labels": str(folder / "labels"), "min_seconds": 0.3, "hold_out_fraction": 0.5}
    data = PretrainingSpeech(**(given | own))
    data.setup("fit")
    recordings = (*data.train_reader.recordings, *data.val_reader.recordings)
    return tuple(sorted({recording.name for recording in recordings}))


def test_the_page_says_what_tables_of_datasets_need() -> None:
    said = re.sub(r"\s+", " ", PAGE.read_text())
    assert (
        "which needs `--data.init_args.layout datasets` in every command that has a `DIR`" in said
    )


@pytest.mark.torchaudio
def test_recordings_become_transcripts_command_by_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])
    write_everything(tmp_path)
    places = {"DIR": "sounds", "TRAIN": "sounds", "VAL": "others/sounds", "TEST": "others/sounds"}
    (own_data,) = blocks(PAGE, "text")
    for command in CHAIN + SECOND_ITERATION:
        config = ROOT / command[4]
        given = command[5:]
        if config.stem == "lhubert_ctc":
            given += own_data.replace("\\\n", " ").split()
        small = small_settings(config, command[2], tmp_path)
        given = [*small, *(places.get(word, word) for word in given)]
        assert train.main([command[2], "--config", str(config), *given]) == 0, command
    transcripts = (tmp_path / "runs/transcripts/transcripts.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in transcripts] == [f"{n:02d}.wav" for n in range(8)]
    assert (tmp_path / "runs/labels/hubert/labels.km").exists()


def small_settings(config: Path, verb: str, folder: Path) -> list[str]:
    """Return settings for a small model; which data to read is what the page must say."""
    settings = [
        setting
        for setting in offline(config, folder)
        if not re.search("labels=|layout=|source=", setting)
    ]
    if verb == "fit":
        settings += ["--trainer.max_steps=2"]
    if config.stem == "labels_hubert":
        settings += ["--model.init_args.layer=1", "--model.init_args.num_clusters=5"]
    return settings


def test_every_command_that_needs_data_is_executed_here() -> None:
    found = [command for command in commands_of(*EXECUTED) if command[1] == "train.py"]
    with_data = [command for command in found if len(command) > 5]
    assert sorted(with_data) == sorted(CHAIN + SECOND_ITERATION)


def test_what_a_command_reads_without_being_told_stands_on_the_page() -> None:
    said = set(spans(PAGE))
    for command in CHAIN:
        given = yaml.safe_load((ROOT / command[4]).read_text())["data"]["init_args"]
        sources = {value for name, value in given.items() if name.endswith("source")}
        assert "DIR" in command or sources <= said
    assert any("DIR" not in command for command in CHAIN)


def test_the_configuration_of_pretraining_takes_the_steps_of_the_first_iteration() -> None:
    (row,) = [row for row in table_below(LIBRISPEECH, "| step |") if "first iteration" in row[0]]
    config = yaml.safe_load((ROOT / row[2].strip("`")).read_text())
    assert f"{config['trainer']['max_steps']:,} steps" in row[0]
    assert config["data"]["init_args"]["labels"].endswith("mfcc")
