"""What `test` writes is what `profile.py advise --quality` reads."""

import json
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.loggers import CSVLogger

from datamodules.modalities.synthetic import SyntheticText
from profiling.advising.qualities.measured import read_quality
from profiling.training.quality_file import QualityFile
from tests.samples.fitting import TinyTokens, loader, tokens, trainer
from tests.samples.variants.models import build


class NoVariant(TinyTokens):
    """Is no variant."""

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self.log("test_loss", self.loss(batch))


def written_by(model: Any, folder: Path, data: Any, **given: Any) -> list[Path]:
    """Test a model and return the files that were written."""
    settings = {"logger": CSVLogger(folder), "callbacks": [QualityFile()]}
    trainer(folder, **(settings | given)).test(model, data, verbose=False)
    return [*folder.rglob("quality.json")]


def texts() -> SyntheticText:
    return SyntheticText(sequence_length=24, num_classes=40, batch_size=2)


@pytest.mark.parametrize(("variant", "window"), [("bert", None), ("local_bert", 16)])
def test_the_figures_of_a_test_are_read_by_advise(
    variant: str, window: int | None, tmp_path: Path
) -> None:
    (path,) = written_by(build("text", variant), tmp_path, texts())

    (found,) = read_quality(str(path))

    assert (found.variant, found.attention_window) == (variant, window)
    assert found.metric == "test_loss"
    assert found.value > 0
    assert found.source == "random weights on SyntheticText"
    assert path.parent.name == "version_0"


def test_the_files_of_two_models_are_read_together(tmp_path: Path) -> None:
    first, second = (
        str(*written_by(build("text", name), tmp_path / name, texts()))
        for name in ("bert", "local_bert")
    )

    assert [each.variant for each in read_quality([first, second])] == ["bert", "local_bert"]


def test_nothing_is_written_without_a_folder_or_of_a_model_that_is_no_variant(
    tmp_path: Path,
) -> None:
    assert written_by(build("text", "bert"), tmp_path, texts(), logger=False) == []
    assert written_by(build("text", "bert"), tmp_path, texts(), fast_dev_run=True) == []
    assert written_by(NoVariant(), tmp_path, loader([tokens(2, 5)])) == []


def test_windows_that_differ_between_layers_are_those_of_no_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build("text", "local_bert")
    monkeypatch.setattr(model, "_windows_to_note", lambda: [16, 32])

    assert written_by(model, tmp_path, texts()) == []


def test_a_figure_that_is_no_number_is_left_out(tmp_path: Path) -> None:
    model = build("text", "bert")
    log = model.log

    def twice(name: str, value: Any, **settings: Any) -> None:
        log(name, value, **settings)
        log("test_wer", value * float("nan"), **settings)

    model.log = twice
    (path,) = written_by(model, tmp_path, texts())

    assert [each["metric"] for each in json.loads(path.read_text())] == ["test_loss"]


@pytest.mark.parametrize("limit", [1, 0.5])
def test_figures_of_a_part_of_the_data_are_not_written(limit: float, tmp_path: Path) -> None:
    model = build("text", "bert")

    assert written_by(model, tmp_path, texts(), limit_test_batches=limit) == []
