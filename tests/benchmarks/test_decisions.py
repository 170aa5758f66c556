"""Worked decisions: the pages, what is written into them, and the data that they ask for."""

import argparse
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.answers import decisions
from benchmarks.answers.decisions import (
    PAGES,
    SOURCES,
    compose_speech,
    default_folder,
    read_lengths,
)
from benchmarks.answers.epoch_runs.pages import BEGIN, END, answer_block, refreshed
from tests.samples.documents import blocks
from tests.samples.epochs import result
from tests.samples.recordings.speech import write_sound


def test_there_is_a_page_for_each_modality_and_the_index_leads_to_it():
    linked = set(re.findall(r"\]\((\w+)\.md\)", (PAGES / "README.md").read_text()))

    assert linked == set(SOURCES) == {path.stem for path in PAGES.glob("*.md")} - {"README"}


@pytest.mark.parametrize("modality", SOURCES)
def test_the_command_of_a_page_measures_and_writes_just_this_page(modality, monkeypatch, tmp_path):
    (block,) = blocks(PAGES / f"{modality}.md", "bash")
    words = shlex.split(block)
    (tmp_path / f"{modality}.md").write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    asked = []

    def decide(given, settings):
        asked.append((given.modality, given.data_dir, settings))
        return "new"

    monkeypatch.setattr(decisions, "decide", decide)
    assert words[:2] == ["python", "benchmarks/answers/decisions.py"]
    places = ["--pages", str(tmp_path), "--out", str(tmp_path / "out"), "--size=wide"]
    decisions.main([*words[2:], *places])

    assert asked == [(modality, "DATA", ["--size=wide"])]
    text = (tmp_path / f"{modality}.md").read_text()
    assert text == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"


def test_a_page_for_another_size_is_written_elsewhere_with_the_text_of_ours(monkeypatch, tmp_path):
    (block,) = blocks(PAGES / "README.md", "text")
    words = shlex.split(block)
    ours = {path.name: path.read_bytes() for path in PAGES.iterdir()}
    places = []

    def decide(given, settings):
        places.append(given.out)
        return f"new {settings}"

    monkeypatch.setattr(decisions, "decide", decide)
    monkeypatch.chdir(tmp_path)
    assert words[:2] == ["python", "benchmarks/answers/decisions.py"]
    decisions.main(words[2:])

    text = (tmp_path / "runs/pages/text.md").read_text()
    assert text == refreshed((PAGES / "text.md").read_text(), "new ['--size=wide']")
    assert {path.name: path.read_bytes() for path in PAGES.iterdir()} == ours
    # What a run measured last is what it tells: a page of ours must not find this size there.
    assert places == [Path("runs/decision_text-size_wide")]
    assert default_folder("text", []) == Path("runs/decision_text")


def test_settings_that_do_not_fit_into_the_name_of_a_folder_have_one_each():
    variants = "{name: hubert, implementations: [sdpa]}, {name: lhubert, attention_window: %d}"

    folders = [
        default_folder("speech", [f"--modalities.speech.variants=[{variants % window}]"])
        for window in (64, 200)
    ]

    assert folders[0] != folders[1]
    assert all(folder.name.startswith("decision_speech-") for folder in folders)


def test_a_number_that_cannot_be_is_refused_before_anything_is_measured(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(decisions, "profile", lambda *_: pytest.fail("something was measured"))
    given = ["text", "--data_dir", "DATA", "--out", str(tmp_path), "--pages", str(tmp_path)]

    assert decisions.main([*given, "--steps", "0"]) == 2
    assert "`steps` must be at least 1, got 0" in capsys.readouterr().err


@pytest.mark.parametrize("modality", SOURCES)
def test_a_page_can_be_refreshed_again_and_again(modality):
    page = (PAGES / f"{modality}.md").read_text()

    once = refreshed(page, "first")
    assert refreshed(once, "second") == refreshed(page, "second")
    assert once != page


@pytest.mark.parametrize("page", ["", f"{END} {BEGIN}", BEGIN, f"{BEGIN}{BEGIN}{END}"])
def test_a_page_without_its_marks_is_not_written_over(page):
    with pytest.raises(ValueError, match="once each"):
        refreshed(page, "block")


def test_a_section_holds_the_answers_and_the_tables():
    measured = {
        "date": "today",
        "machine": "a processor",
        "size": "tiny",
        "amount": "all of it",
        "results": [result("bert", "dynamic", 10.0, recommended=True)],
        "others_cpu_share": 0.034,
        "anchors": {"reviews, inference": {"bert sdpa": 1.25}},
    }
    section = answer_block("reviews", [("what?", "Keep bert.\nIt costs 10.\n")], measured)

    assert "### reviews" in section
    assert "what?:\n  Keep bert.\n  It costs 10." in section
    assert "| bert sdpa, dynamic | saves | bert sdpa, dynamic | 0.0 % |" in section
    assert "bert sdpa 1.25" in section
    assert "other processes took at most 3.4 % of the CPU" in section


def write_words(folder: Path, takes: int) -> argparse.Namespace:
    """Write recordings of two words, and return what a decision about speech is given."""
    for digit in range(2):
        for take in range(takes):
            write_sound(folder / f"words/{digit}_ann_{take}.wav", 3_000, take, 8_000)
    (folder / "out").mkdir()
    return argparse.Namespace(modality="speech", data_dir=str(folder / "words"), out=folder / "out")


def test_words_become_utterances_of_very_different_lengths(tmp_path):
    given = write_words(tmp_path, 60)
    source = replace(SOURCES["speech"][0], words=(2, 20))  # of few words

    found = json.loads(read_lengths(given, source).read_text())

    assert found["modality"] == "speech"
    assert found["values"][-1] > 2 * found["values"][0]
    again = compose_speech(tmp_path / "words", given.out / source.name, (2, 20))
    assert again.name == "train"


def test_the_second_utterances_of_speech_are_all_shorter_and_leave_the_first_in_place(tmp_path):
    given = write_words(tmp_path, 60)
    long, short = SOURCES["speech"]

    files = [read_lengths(given, source) for source in (replace(long, words=(8, 20)), short)]

    longer, shorter = (json.loads(file.read_text())["values"] for file in files)
    assert shorter[-1] < longer[0]


@pytest.mark.parametrize("modality", SOURCES)
def test_every_data_set_of_a_decision_has_lengths_and_results_of_its_own(modality):
    names = [source.name for source in SOURCES[modality]]
    assert len(names) == len(set(names)) > 1
