"""The chain of `docs/training.md` from recordings to transcripts, and what it says of `DIR`."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from datamodules.utterances.pretraining import PretrainingSpeech
from datamodules.utterances.whole import RecordingData
from tests.samples.documents import blocks
from tests.samples.places import ROOT
from tests.samples.speech import write_labels, write_sound

CONFIGS = ROOT / "configs/train"
CHAIN = [
    line.split()
    for line in blocks(ROOT / "docs/training.md", "bash")[0].replace("\\\n", "").splitlines()
]


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
    said = re.sub(r"\s+", " ", (ROOT / "docs/training.md").read_text())
    assert (
        "which needs `--data.init_args.layout datasets` in every command that has a `DIR`" in said
    )
