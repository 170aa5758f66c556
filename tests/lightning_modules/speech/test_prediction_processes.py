"""Of the processes of a prediction the first one takes the folder, and the others wait for that."""

from pathlib import Path

import pytest
import torch

from lightning_modules.errors import ModelError
from lightning_modules.folder_lock import take_in_first
from lightning_modules.speech.prediction_files import PredictionFiles
from tests.samples.predicting import process


def parts(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob(".transcripts-*"))


def test_a_refused_run_leaves_the_unfinished_transcripts_of_the_one_at_work(tmp_path: Path) -> None:
    at_work = [process(("a.wav", "b.wav"), rank) for rank in range(2)]
    files = [PredictionFiles(str(tmp_path)) for _ in at_work]
    for rank, (one, trainer) in enumerate(zip(files, at_work, strict=True)):
        one.on_predict_start(trainer, None)
        one.on_predict_batch_end(trainer, None, ["X"], {"index": torch.tensor([rank])}, 0)
    written = parts(tmp_path)
    assert len(written) == 2
    words = "`folder` must be a folder that no other process writes into"
    with pytest.raises(ModelError, match=words) as refused:
        PredictionFiles(str(tmp_path)).on_predict_start(process(), None)
    told = process(rank=1, told=str(refused.value))
    with pytest.raises(ModelError, match=words):
        PredictionFiles(str(tmp_path)).on_predict_start(told, None)
    assert parts(tmp_path) == written
    files[0]._join(2)
    files[0].teardown(at_work[0], None, "predict")
    assert (tmp_path / "transcripts.tsv").read_text() == "a.wav\tX\nb.wav\tX\n"


def test_what_a_run_of_more_processes_left_unfinished_goes_before_any_process_writes(
    tmp_path: Path,
) -> None:
    for rank in (0, 3):
        (tmp_path / f".transcripts-{rank}.jsonl.partial").write_text("left\n")
    files = PredictionFiles(str(tmp_path))
    files.on_predict_start(process(), None)
    assert parts(tmp_path) == []
    files.teardown(process(), None, "predict")


def test_no_process_waits_for_a_first_one_that_failed_in_any_way() -> None:
    said: list[str | None] = []
    first = process()
    first.strategy.broadcast = said.append

    def fail() -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        take_in_first(first, fail)
    assert said == ["no space left"]
    with pytest.raises(ModelError, match="no space left"):
        take_in_first(process(rank=1, told=said[0]), fail)
