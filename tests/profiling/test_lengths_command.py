import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from datamodules.lengths import LengthDistribution
from datamodules.sampling import Sampled
from profiling.children.crew import Children
from profiling.cli import main
from profiling.commands.length_sources import Places
from profiling.errors import SettingsError
from tests.samples.closed import close
from tests.samples.recordings.speech import write_sounds


@pytest.fixture
def lengths_file(tmp_path):
    path = tmp_path / "reviews.json"
    lengths = [5, 9, 9, 40, 300]
    LengthDistribution.from_lengths(lengths, "reviews", "text", "a/reviews.csv").to_json(path)
    return str(path)


@pytest.fixture
def speech_file(tmp_path):
    path = tmp_path / "digits.json"
    drawn = Sampled(100, 0)
    found = LengthDistribution.from_lengths([49, 99, 120], "digits", "speech", "b", sampled=drawn)
    found.to_json(path)
    return str(path)


def test_a_file_of_lengths_is_told_and_not_written_again(lengths_file, tmp_path, capsys):
    out = tmp_path / "other.json"
    assert main(["lengths", lengths_file, "--out", str(out), "--batch_size", "2"]) == 0
    said = capsys.readouterr().out
    for words in ("reviews: 5 samples", "recommended max_length: 512", "batch of 2", "edges: 5, 9"):
        assert words in said
    assert "side by side" not in said
    assert not out.exists()


def test_programs_get_a_list(lengths_file, speech_file, capsys):
    assert main(["lengths", lengths_file, speech_file, "--json", "--max_length", "50"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["name"], first["count"], first["max_length"]) == ("reviews", 5, 50)
    assert "drawn_from" not in first
    assert (second["unit"], second["drawn_from"]) == ("frames", 100)
    assert second["mean_low"] < second["mean"] < second["mean_high"]


def test_programs_hear_of_what_people_are_warned_of(lengths_file, tmp_path, capsys):
    few = tmp_path / "few.json"
    left_out = {"damaged": {".wav": 2}, "other ending": {".txt": 3}}
    LengthDistribution.from_lengths(
        [40, 49, 51, 2000], "few", "speech", "b", left_out, Sampled(10_000, 0, 6)
    ).to_json(few)

    assert main(["lengths", lengths_file, str(few), "--json"]) == 0

    whole, drawn = json.loads(capsys.readouterr().out)
    assert whole["recommended_is_certain"]
    assert (whole["found"], whole["left_out"]) == (5, {})
    assert not drawn["recommended_is_certain"]
    assert (drawn["found"], drawn["left_out"]) == (10_003, left_out)


def test_people_read_what_was_left_out(tmp_path, capsys):
    path = tmp_path / "some.json"
    left_out = {"held out for validation": {".wav": 1200}, "empty": {"": 3}}
    LengthDistribution.from_lengths([40, 49], "some", "speech", "b", left_out).to_json(path)

    assert main(["lengths", str(path)]) == 0

    told = "of 1,205 found, left out: 1,200 .wav (held out for validation), 3 (empty)"
    assert told in capsys.readouterr().out.splitlines()


def test_several_stand_side_by_side_and_those_of_one_name_are_told_apart(lengths_file, capsys):
    assert main(["lengths", lengths_file, lengths_file, lengths_file]) == 0
    table = capsys.readouterr().out.split("side by side:")[1]
    assert "a/reviews  a/reviews 2  a/reviews 3" in table


def test_a_file_that_is_compared_is_not_written_over(lengths_file, tmp_path, capsys):
    block = {"class_path": "SpeechData", "init_args": {"source": str(tmp_path)}}
    before = Path(lengths_file).read_bytes()
    arguments = ["lengths", lengths_file, f"--data={json.dumps(block)}", "--out", lengths_file]

    assert main(arguments) == 2

    assert "`out` must be another file than those that are compared" in capsys.readouterr().err
    assert Path(lengths_file).read_bytes() == before


def test_files_of_several_blocks_take_the_place_of_none_that_is_compared(tmp_path):
    places = Places(tmp_path / "of.json", 2, [str(tmp_path / "of-more.json")])

    assert [places.take(name).name for name in ("some", "more")] == [
        "of-some.json",
        "of-more-2.json",
    ]


def test_a_place_is_numbered_until_it_is_free(tmp_path):
    compared = [str(tmp_path / name) for name in ("of-more.json", "of-more-2.json")]
    places = Places(tmp_path / "of.json", 2, compared)

    taken = [places.take(name).name for name in ("more", "more-3")]
    assert taken == ["of-more-3.json", "of-more-3-2.json"]


def block_of(name: str) -> str:
    return f'--data={{"class_path": "TextData", "init_args": {{"source": "{name}"}}}}'


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["--out", "absent/a.json"], "`out` absent/a.json cannot be written: there is no folder"),
        (["--out", "."], "`out` . cannot be written: it is a folder"),
        (["--picture", "absent/a.png"], "`picture` absent/a.png cannot be written: there is no"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is_read(
    monkeypatch, capsys, settings, words
):
    monkeypatch.setattr(Children, "ask", lambda *_: pytest.fail("it was read"))
    assert main(["lengths", block_of("a.txt"), *settings]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("setting", ["out", "picture"])
def test_a_folder_that_one_may_not_look_into_is_named(tmp_path, monkeypatch, capsys, setting):
    close(tmp_path / "secret", monkeypatch)
    place = tmp_path / "secret" / "a.png"
    assert main(["lengths", block_of("a.txt"), f"--{setting}", str(place)]) == 2
    assert f"`{setting}` {place} cannot be written: " in capsys.readouterr().err


def test_what_was_read_is_kept_though_the_next_data_set_cannot_be(tmp_path, monkeypatch, capsys):
    read = LengthDistribution.from_lengths([3, 4], "some", "text", "a.txt")

    def ask(_children: Any, _function: str, task: dict[str, Any]) -> Any:
        if task["block"]["init_args"]["source"] == "b.txt":
            raise SettingsError("`source` b.txt does not exist")
        return read, [], []

    monkeypatch.setattr(Children, "ask", ask)
    config = tmp_path / "b.yaml"
    config.write_text("data: {class_path: TextData, init_args: {source: b.txt}}")
    given = ["lengths", block_of("a.txt"), str(config), "--out", str(tmp_path / "of.json")]
    assert main(given) == 2
    assert LengthDistribution.from_json(tmp_path / "of-some.json") == read
    said = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in said] == ["written", "error"]


@pytest.mark.parametrize(("ending", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_a_picture_has_a_panel_for_each_unit(
    lengths_file, speech_file, tmp_path, ending, begins, capsys
):
    alone, both = tmp_path / f"alone.{ending}", tmp_path / f"both.{ending}"
    assert main(["lengths", lengths_file, "--picture", str(alone)]) == 0
    assert main(["lengths", lengths_file, speech_file, "--picture", str(both)]) == 0
    assert alone.read_bytes().startswith(begins)
    if ending == "png":
        with Image.open(alone) as one, Image.open(both) as two:
            assert two.height == 2 * one.height
    assert "picture: " in capsys.readouterr().err


def test_a_data_set_of_one_length_can_be_drawn(tmp_path, capsys):
    path = tmp_path / "one.json"
    LengthDistribution.from_lengths([7], "$one$", "text", "c").to_json(path)
    assert main(["lengths", str(path), "--picture", str(tmp_path / "one.png")]) == 0
    assert "$one$: 1 sample\n" in capsys.readouterr().out


def test_blocks_are_read_in_children_and_each_gets_a_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    configs = []
    for name in ("some", "more"):
        write_sounds(tmp_path / name)
        block = {"class_path": "SpeechData", "init_args": {"source": str(tmp_path / name)}}
        configs.append(tmp_path / f"{name}.yaml")
        configs[-1].write_text(yaml.safe_dump({"data": block}))
    out = tmp_path / "lengths.json"
    assert main(["lengths", *map(str, configs), "--sample", "5", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "more: 5 samples of 12, drawn without replacement" in said
    assert "side by side" in said
    files = sorted(path.name for path in tmp_path.glob("*.json"))
    assert files == ["lengths-more.json", "lengths-some.json"]
    again = LengthDistribution.from_json(tmp_path / files[0])
    assert again.sampled == Sampled(12, 0, 5)


def test_what_the_data_block_cuts_is_said_not_to_be_counted(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_sounds(tmp_path / "sounds")  # of half a second and more
    told = []
    for cut in ({"max_seconds": 0.5}, {}):
        given = {"source": str(tmp_path / "sounds"), **cut}
        block = json.dumps({"class_path": "SpeechData", "init_args": given})
        assert main(["lengths", f"--data={block}", f"--out={tmp_path / 'lengths.json'}"]) == 0
        lines = capsys.readouterr().err.splitlines()
        told.append([line for line in lines if "`data` block" in line])

    assert told == [
        [
            "sounds: the `data` block cuts longer samples at `max_seconds` 0.5, and what it cuts "
            "is not counted as cut here"
        ],
        [],
    ]


def test_a_yaml_file_without_a_block_is_named(tmp_path, capsys):
    path = tmp_path / "a.yaml"
    for content in (yaml.safe_dump({"lengths": [3]}), "", "[1]"):
        path.write_text(content)
        assert main(["lengths", str(path)]) == 2
        assert "a.yaml must have a `data` block, got none" in capsys.readouterr().err
    path.write_text("a: [")
    assert main(["lengths", str(path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: `files` must be YAML with a `data` block, or files of lengths, ")
    assert said.endswith("a.yaml, which is not YAML\n")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["--sample", "9"], "`sample` must have `data` to draw from"),
        (["--sample", "1"], "`sample` must be at least 2, got 1"),
        (["--batch_size", "0"], "`batch_size` must be at least 1, got 0"),
        (["--batch_size", "[]"], "`batch_size` must be a number or a list of some, got none"),
        (["--num_buckets", "0"], "`num_buckets` must be at least 1, got 0"),
        (["--max_length", "0"], "`max_length` must be at least 1, got 0"),
        (["--seed=-1"], "`seed` must be at least 0, got -1"),
        (["--picture", "a.pdf"], "`picture` must end in .png or .svg, got a.pdf"),
        (["absent.json"], "cannot read lengths from absent.json"),
        (["absent.yaml"], "`files` absent.yaml cannot be read"),
    ],
)
def test_a_users_mistake_is_one_sentence(lengths_file, settings, words, capsys):
    assert main(["lengths", lengths_file, *settings]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
