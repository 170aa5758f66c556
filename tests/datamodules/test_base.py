"""What all data sets share."""

import pytest

from datamodules.modalities.synthetic import SyntheticSpeech, SyntheticText, SyntheticVision


@pytest.mark.parametrize("data", [SyntheticText(), SyntheticSpeech(), SyntheticVision()])
def test_describing_a_data_set_builds_no_loader(data, monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("a loader was built")

    for name in ("train", "val", "test", "predict"):
        monkeypatch.setattr(data, f"{name}_dataloader", refuse)
    assert str(data) == f"synthetic {data.modality} data"
