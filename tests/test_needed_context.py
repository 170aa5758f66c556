"""The table of needed context: how far a window reaches, what is scored, what is said of it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from benchmarks.digits import needed_context
from benchmarks.digits.context import stages as context_stages
from benchmarks.digits.context.answers import distances, find_missed
from benchmarks.digits.context.labels import label_frames
from benchmarks.digits.context.reach import KERNEL, reach_of
from benchmarks.digits.context.results import write_results
from benchmarks.digits.context.stages import MODELS, NUM_LAYERS, WINDOWS
from benchmarks.digits.context.table import (
    CANNOT,
    CHEATS,
    COLUMNS,
    DID_NOT,
    KNOWS,
    UNLEARNT,
    UNSURE,
    Seeds,
    Table,
    make_table,
)
from benchmarks.digits.running import run
from benchmarks.digits.stages import CONFIGS, HUBERT, Model
from datamodules.composing.questions import Questions
from tests.samples.speech import NO_DROPOUT, TINY, write_sound

GUESSING = 0.9
LONG_PAUSE = Questions(pause_seconds=(1.0, 1.1))
Share = Callable[[Model, int], float]


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """Spend little time on intervals."""
    monkeypatch.setattr("benchmarks.digits.context.table.NUM_RESAMPLES", 500)


@pytest.mark.parametrize(("window", "layers", "kernel"), [(4, 3, 16), (6, 2, 9)])
def test_nothing_beyond_the_reach_moves_a_frame_and_its_last_frame_does(window, layers, kernel):
    from lightning_modules.lhubert import LHubertConfig, LHubertModel

    torch.manual_seed(0)
    fields = TINY | NO_DROPOUT | {"num_hidden_layers": layers, "num_conv_pos_embeddings": kernel}
    model = LHubertModel(LHubertConfig(**fields, attention_window=window)).eval()
    hidden = torch.randn(1, 61, 24, requires_grad=True)
    frame = model.encoder(hidden).last_hidden_state[0, 30]
    (gradient,) = torch.autograd.grad(frame @ torch.randn(24), hidden)
    (seen,) = np.nonzero(gradient[0].abs().sum(-1).numpy())
    reach = reach_of(window, layers, kernel)
    assert reach is not None
    assert (30 - seen[0], seen[-1] - 30) == (reach.before, reach.after)


def test_full_attention_reaches_everything():
    assert reach_of(None, NUM_LAYERS) is None


def test_the_reach_is_that_of_the_model_that_is_trained():
    from transformers import HubertConfig

    for name in ("digits_ctc", "digits_pretrain"):
        config = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
        fields = config["model"]["init_args"]["model_fields"]
        assert fields["num_hidden_layers"] == NUM_LAYERS
        assert "num_conv_pos_embeddings" not in fields
    assert HubertConfig().num_conv_pos_embeddings == KERNEL


def test_missed_answers_are_told_from_missed_words():
    parts = [{"start": 0, "samples": 640}, {"start": 1_600, "samples": 640}]
    votes = [3, 3, 13, 14, 13, 6, 7, 14, 14, 13]  # of frames; silence would be told by its answer
    logits = 4.0 * torch.eye(20)[votes]
    assert find_missed(logits, parts, [3, 5]) == ([0, 1], [0, 1])
    logits[5:7, 5] = 3.0  # both frames take the right word for likely, but for different ones first
    assert find_missed(logits, parts, [3, 5]) == ([0, 0], [0, 1])


def test_a_distance_is_from_the_end_of_the_first_word_to_the_question():
    parts = [{"start": 100, "samples": 6_400}, {"start": 9_600, "samples": 100}]
    parts.append({"start": 6_500 + 320 * 77, "samples": 330})
    assert distances(parts) == [0, 10, 78]


def test_every_frame_is_labelled_with_the_word_that_is_said_or_the_answer():
    parts = [{"start": 0, "samples": 960}, {"start": 1_920, "samples": 640}]
    labels = label_frames(parts, [7, 2], 10)
    assert labels.tolist() == [7, 7, 7, 17, 17, 17, 2, 2, 17, 17]


def test_a_window_reaches_all_of_a_column_or_nothing_of_it():
    for distance in range(-40, 600):
        assert sum(column.holds(distance) for column in COLUMNS) == 1
    for window in WINDOWS:
        reach = reach_of(window, NUM_LAYERS)
        assert reach is not None
        for column in COLUMNS[1:]:
            held = [distance for distance in range(1, 400) if column.holds(distance)]
            beyond = {distance > reach.before for distance in held}
            assert beyond == {column.is_beyond(reach)}
    assert not COLUMNS[0].is_beyond(reach_of(2, NUM_LAYERS))


def draw(
    share_missed: Share, num_utterances: int = 300, num_seeds: int = 2
) -> tuple[Seeds, list[list[int]]]:
    """Draw utterances of eight questions; `share_missed` takes a model and a distance."""
    random = np.random.default_rng(3)
    asked = [
        [-9, *(47 * place + random.integers(-9, 9, 7)).tolist()]
        for place in [np.arange(1, 8)] * num_utterances
    ]
    seeds = {
        str(seed): {
            model.name: {
                "words": [[0] * 8] * num_utterances,
                "answers": [
                    [int(random.random() < share_missed(model, each)) for each in row]
                    for row in asked
                ],
            }
            for model in MODELS
        }
        for seed in range(num_seeds)
    }
    return seeds, asked


def of_reach(model: Model, distance: int) -> float:
    """Miss a twentieth within reach, guess beyond."""
    reach = reach_of(model.attention_window, NUM_LAYERS)
    return 0.05 if reach is None or distance <= reach.before else GUESSING


def test_windows_that_guess_beyond_their_reach_are_told_from_those_that_know():
    table = Table(*draw(of_reach), GUESSING)
    for model in MODELS:
        for at, column in enumerate(COLUMNS):
            beyond = column.is_beyond(reach_of(model.attention_window, NUM_LAYERS))
            assert table.say(model, at) == (CANNOT if beyond else KNOWS)


@pytest.mark.parametrize(
    ("of_hubert", "of_window", "says"),
    [
        (0.1, 0.5, {DID_NOT, CHEATS}),
        (0.1, 0.19, {UNSURE, KNOWS, CHEATS}),
        (0.8, 0.8, {UNLEARNT, CANNOT}),
    ],
)
def test_what_is_said_of_a_window_depends_on_hubert(of_hubert, of_window, says):
    drawn = draw(lambda model, _: of_hubert if model == HUBERT else of_window)
    table = Table(*drawn, GUESSING)
    found = {table.say(model, at) for model in MODELS[:-1] for at in range(len(COLUMNS))}
    assert found <= says
    assert found != {KNOWS}


def test_the_interval_covers_the_true_share_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr("benchmarks.digits.context.table.MODELS", [HUBERT])
    random = np.random.default_rng(8)
    covered = 0
    for _ in range(60):
        hard = random.beta(2, 5, 120)  # questions of one utterance are alike; mean 2 / 7
        answers = [(random.random(4) < share).astype(int).tolist() for share in hard]
        seeds = {"0": {HUBERT.name: {"answers": answers}}}
        low, high = Table(seeds, [[-1] * 4] * 120, GUESSING).interval(HUBERT, 0)
        covered += low < 2 / 7 < high
    assert covered >= 50


def test_the_table_has_a_line_for_every_model():
    lines = make_table(*draw(of_reach, 20), GUESSING).splitlines()
    assert len(lines) == 3 + len(MODELS)
    assert all(line.count("|") == lines[0].count("|") for line in lines)
    assert "nan" not in "".join(lines)


def test_every_model_gets_the_same_rounds_from_the_same_weights(tmp_path):
    stages = {stage.name: stage for stage in context_stages.context_stages(3, 1.0)}
    for model in MODELS:
        before = "digits/ctc"
        for name, each in context_stages.ASKED_ROUNDS.items():
            stage = stages[f"seed-3/{model.name}/{name}"]
            fit, _ = stage.commands(tmp_path)
            config = yaml.safe_load(Path(fit[2]).read_text())
            settings, data = config["model"]["init_args"], config["data"]["init_args"]
            assert settings["checkpoint"] == str(tmp_path / f"seed-3/{before}/exported")
            assert settings.get("attention_window") == model.attention_window
            assert data["source"] == str(tmp_path / each.corpus / "train")
            assert data["val_source"] == str(tmp_path / each.corpus / "val")
            assert config["trainer"]["max_steps"] == each.num_steps
            before = f"{model.name}/{name}"


@pytest.mark.torchaudio
def test_from_recordings_to_the_table(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["train.py"])
    monkeypatch.setattr(context_stages, "BEFORE", ())  # tested elsewhere
    monkeypatch.setattr(context_stages, "MODELS", [Model("lhubert", 8)])
    for digit in (2, 7):
        for take in range(16):
            write_sound(tmp_path / f"short/{digit}_ann_{take}.wav", 2_000, digit * take, 8_000)
    out = tmp_path / "out"
    few = replace(needed_context.FAR, val_share=0.4, passes=1, test_passes=1)
    few = replace(few, words_per_utterance=(1, 2), questions=LONG_PAUSE)
    needed_context.prepare_questions(str(tmp_path / "short"), out, {"near": few, "far": few})
    for stage in context_stages.context_stages(0, 0.0):
        run(stage, out)
    monkeypatch.setattr(needed_context, "MODELS", context_stages.MODELS)
    needed_context.answer(0, out)
    (found,) = (out / "seed-0/heard").iterdir()
    for model in MODELS:
        if model.name != found.stem:
            shutil.copy(found, found.with_stem(model.name))
    write_results(out, out)
    results = json.loads((out / "needed_context.json").read_text())
    assert results["guessing"] == 0.5
    assert sum(map(len, results["distances"])) == 20
    assert sum(map(len, results["seeds"]["0"]["hubert"]["answers"])) == 20
    assert (out / "needed_context.md").read_text().count("| L-HuBERT, window") == len(WINDOWS)
    stored = results | {"rounds": {}, "seeds": {"9": {}}}  # of other conditions
    (out / "needed_context.json").write_text(json.dumps(stored))
    write_results(out, out)
    assert list(json.loads((out / "needed_context.json").read_text())["seeds"]) == ["0"]
