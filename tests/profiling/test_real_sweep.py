import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tests.samples.sweeps import ONCE, rows_in, sweep, write_config


def write_tone(path: Path, frames: int, pitch: float) -> None:
    times = np.arange(400 + 320 * (frames - 1)) / 16000
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * pitch * times), 16000)


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for number, frames in enumerate((20, 57)):
        write_tone(folder / f"{number}.wav", frames, 300.0)
    return folder


def config_for(folder: Path, source: Path) -> Path:
    data = {
        "class_path": "datamodules.modalities.speech.SpeechData",
        "init_args": {"source": str(source)},
    }
    variants = [{"name": "hubert", "implementations": ["sdpa"]}]
    return write_config(
        folder / "real.yaml",
        modalities={"speech": {"variants": variants, "data": data}},
        phases=["inference"],
        metrics=["latency"],
        **ONCE,
    )


def test_real_batches_are_measured_at_the_lengths_of_the_data(
    tmp_path: Path, recordings: Path
) -> None:
    config, out = config_for(tmp_path, recordings), tmp_path / "run"
    assert sweep(config, out)[0] == 0
    rows = rows_in(out)
    assert {row["batch_source"] for row in rows} == {"real"}
    assert {row["sequence_length"] for row in rows} == {20, 57}
    assert {row["status"] for row in rows} == {"ok"}
    drawn = json.loads((out / "manifest.json").read_text())["length_distributions"]
    assert drawn[0]["values"] == [20, 57]
    assert "recordings" in (out / "report.html").read_text()

    before = torch.load(out / "batches" / "speech-57.pt", weights_only=True)["input_values"]
    write_tone(recordings / "1.wav", 57, 700.0)
    assert sweep(config, out, reports=False)[0] == 0
    after = torch.load(out / "batches" / "speech-57.pt", weights_only=True)["input_values"]
    assert not torch.equal(before[0], after[0])
    assert len(rows_in(out)) == 2 * len(rows)  # other data, other keys: nothing old is reused


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda folder: folder.mkdir(), "holds no"),
        (lambda folder: (folder.mkdir(), (folder / "a.wav").write_text("text")), "a.wav"),
        (lambda folder: None, "source"),
    ],
    ids=["empty", "not audio", "missing"],
)
def test_data_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, prepare: object, words: str
) -> None:
    source = tmp_path / "source"
    prepare(source)  # type: ignore[operator]
    config = config_for(tmp_path, source)
    status, _, complained = sweep(config, tmp_path / "run")
    assert status == 2
    said = [line for line in complained.splitlines() if line.startswith("error:")]
    assert len(said) == 1
    assert words in said[0]
