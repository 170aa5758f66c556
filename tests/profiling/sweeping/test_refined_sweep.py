"""Sweeps that choose their lengths, really measured."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from profiling.planning.ranges import ladder
from tests.samples.sweeps import rows_in, sweep, write_config
from tests.samples.texts import make_texts, write_jsonl, write_tokenizer

BRIEF = {"metrics": ["latency"], "visits": 2, "threads": 1}
SPEECH = "datamodules.modalities.speech.SpeechData"
BERT = {"name": "bert", "implementations": ["sdpa"]}
LOCAL = {"name": "local_bert", "attention_window": 8, "implementations": ["local_blocked"]}


def lengths_of(out: Path, phase: str) -> set[int]:
    return {row["sequence_length"] for row in rows_in(out) if row["phase"] == phase}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    text = {"variants": [BERT, LOCAL], "lengths": [40, 160], "refine": True}
    return write_config(tmp_path / "refined.yaml", modalities={"text": text}, **BRIEF)


def test_shards_of_a_range_take_a_phase_each_and_together_leave_nothing(
    config: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    assert sweep(config, out, "--shard", "1/2", reports=False)[0] == 0
    assert {40, 160} <= lengths_of(out, "inference") <= set(ladder("text", [40, 160]))
    assert lengths_of(out, "training") == set()
    assert sweep(config, out, "--shard", "2/2", reports=False)[0] == 0
    assert {40, 160} <= lengths_of(out, "training") <= set(ladder("text", [40, 160]))
    rows = rows_in(out)
    assert {row["status"] for row in rows} == {"ok"}
    assert sweep(config, out, reports=False)[0] == 0
    assert rows_in(out) == rows
    assert sweep(config, out, "--dry-run")[1].endswith("done; no visit is left to make\n")


def test_a_dry_run_says_that_the_number_of_visits_is_open(config: Path, tmp_path: Path) -> None:
    said = sweep(config, tmp_path / "run", "--dry-run")[1]
    assert "text inference: 4 points" in said
    assert "8 points to begin with, then lengths and visits where answers are widest" in said


def test_real_data_give_the_ends_of_a_range_and_batches_between(tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    for number, frames in enumerate((20, 31, 44, 60)):
        noise = np.random.default_rng(number).standard_normal(400 + 320 * (frames - 1))
        soundfile.write(folder / f"{number}.wav", 0.1 * noise, 16000)
    data: dict[str, Any] = {"class_path": SPEECH, "init_args": {"source": str(folder)}}
    hubert = {"name": "hubert", "implementations": ["sdpa"]}
    lhubert = {"name": "lhubert", "attention_window": 8, "implementations": ["local_blocked"]}
    speech = {"variants": [hubert, lhubert], "data": data, "refine": True}
    config = write_config(
        tmp_path / "real.yaml", modalities={"speech": speech}, phases=["inference"], **BRIEF
    )
    status, _, complained = sweep(config, tmp_path / "run", reports=False)
    assert status == 0, complained
    rows = rows_in(tmp_path / "run")
    assert {(row["status"], row["batch_source"]) for row in rows} == {("ok", "real")}
    between = ladder("speech", [20, 60])
    assert {20, 60} <= {row["sequence_length"] for row in rows} <= set(between)
    stored = {int(path.stem.split("-")[1]) for path in (tmp_path / "run/batches").iterdir()}
    assert stored == set(between)


def test_real_batches_are_there_for_all_lengths_where_one_variant_begins_between_the_ends(
    tmp_path: Path,
) -> None:
    texts = write_jsonl(tmp_path / "texts.jsonl", make_texts([1200, 1210, 1220]))
    tokenizer = write_tokenizer(tmp_path / "tokenizer")
    text = {
        # Scores take so much memory that the answer is clear at both ends, and asks for a third.
        "variants": [{"name": "bert", "implementations": ["eager"]}, LOCAL, "bigbird"],
        "lengths": [696, 1200],
        "refine": True,
        "data": {"class_path": "TextData", "init_args": {"source": texts, "tokenizer": tokenizer}},
    }
    brief = BRIEF | {"metrics": ["memory"], "phases": ["inference"]}
    config = write_config(tmp_path / "real.yaml", modalities={"text": text}, **brief)
    status, _, complained = sweep(config, tmp_path / "run", reports=False)
    assert status == 0, complained
    rows = rows_in(tmp_path / "run")
    assert [row["error"] for row in rows if row["status"] == "error"] == []
    measured = {
        name: {row["sequence_length"] for row in rows if row["variant"] == name}
        for name in ("bert", "local_bert")
    }
    assert len(measured["local_bert"]) >= 3
    assert measured["bert"] <= set(ladder("text", [696, 712, 1200]))
