"""What is trained on spoken digits: every row has its rounds, and nothing is done twice."""

import json
from dataclasses import replace

import pytest

from benchmarks.digits import spoken_digits
from benchmarks.digits.errors import read_transcripts
from benchmarks.digits.rounds import ROUNDS, SAVED_EVERY
from benchmarks.digits.running import run
from benchmarks.digits.stages import Stage, seed_stages, shared_stages
from benchmarks.digits.table import (
    FROM_START,
    ROWS,
)
from datamodules.composing.corpus import compose
from tests.samples.recordings.speech import write_sound

FEW = replace(spoken_digits.WHOLE, val_share=0.3, passes=1, test_passes=2)  # of few recordings
FEW_SHORT = replace(FEW, words_per_utterance=(1, 2))


def test_every_row_has_its_transcripts_and_every_model_the_same_rounds():
    names = [stage.name for stage in seed_stages(3, 1.0)]
    assert len(set(names)) == len(names)
    rows = {name.rpartition("/")[2] for name in names if "/transcripts/" in name}
    assert rows == set(ROWS)
    for model in ("hubert", "lhubert-w32", "lhubert-w100"):
        rounds = [name.split("/")[2] for name in names if name.startswith(f"seed-3/{model}/")]
        assert rounds == list(ROUNDS)


def test_a_seed_without_training_from_the_start_has_all_rows_that_begin_with_hubert():
    names = [stage.name for stage in seed_stages(3, 1.0, from_start=False)]
    assert {name.rpartition("/")[2] for name in names if "/transcripts/" in name} == {*ROWS} - {
        *FROM_START
    }
    assert names == [name for name in (each.name for each in seed_stages(3, 1.0)) if name in names]


def test_steps_are_multiples_of_those_after_which_is_saved():
    assert all(each.num_steps % SAVED_EVERY == 0 for each in ROUNDS.values())


# To take a HuBERT with a window is a question of this benchmark.
@pytest.mark.filterwarnings("ignore:.* was trained as hubert and is taken as lhubert")
@pytest.mark.torchaudio
def test_from_recordings_to_transcripts(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["train.py"])
    for digit in (2, 7):
        for take in range(26):
            seed = 100 * digit + take
            write_sound(tmp_path / f"short/{digit}_ann_{take}.wav", 3_200, seed, 8_000)
    out = tmp_path / "out"
    compose(str(tmp_path / "short"), str(out / "corpus"), FEW)
    compose(str(tmp_path / "short"), str(out / "words"), FEW_SHORT)
    hubert = [
        stage
        for stage in seed_stages(0, 0.0)
        if "/hubert/" in stage.name or stage.name.endswith(("transcripts/hubert", "w2-converted"))
    ]
    assert len(hubert) == 6
    for stage in [*shared_stages(), *hubert]:
        run(stage, out)
    found = read_transcripts(out / "seed-0/transcripts/hubert/transcripts.tsv")
    wanted = read_transcripts(out / "corpus/test/transcripts.tsv")
    assert list(found) == sorted(wanted)
    assert sum(map(len, wanted.values())) == 2 * 20
    assert {word for words in wanted.values() for word in words} == {"TWO", "SEVEN"}
    done = (out / "seed-0/hubert/pretrain/done.json").read_text()
    for stage in hubert:  # nothing is done twice
        run(stage, out)
    assert (out / "seed-0/hubert/pretrain/done.json").read_text() == done
    assert json.loads(done)["minutes"] > 0


def test_a_stage_that_failed_is_not_done(tmp_path):
    stage = Stage("broken", lambda out: [["fit", "--config", str(out / "nowhere.yaml")]])
    with pytest.raises(SystemExit):
        run(stage, tmp_path)
    assert not (tmp_path / "broken").exists()
