"""The same command again, with a model that is another one, or under another path."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.errors import DataError
from datamodules.labels.reading import LabelFolder
from tests.samples.labels.command import make_labels
from tests.samples.variants.hubert import hubert

LAYER: dict[str, Any] = {"features": "layer", "layer": 2}
BRIEFLY = {"limit_predict_batches": 2}


def begin(source: Path, folder: Path, **settings: Any) -> None:
    """Label two recordings, as a run does that is killed then."""
    with pytest.raises(DataError, match="has no labels yet of "):
        make_labels(source, folder, trainer=BRIEFLY, **settings)


@pytest.mark.parametrize("label", [begin, make_labels], ids=["begun", "complete"])
def test_labels_of_a_model_that_was_replaced_are_not_joined_with_those_of_the_new_one(
    label: Any, sounds: Any, tmp_path: Path
) -> None:
    source, out = sounds[0], tmp_path / "out"
    model: Any = hubert()
    model.save_pretrained(tmp_path / "model")
    np.save(tmp_path / "kmeans.npy", np.random.default_rng(0).normal(size=(6, 24)))
    given = LAYER | {"checkpoint": str(tmp_path / "model"), "kmeans": str(tmp_path / "kmeans.npy")}
    label(source, out, **given)
    with torch.no_grad():
        model.encoder.layers[0].final_layer_norm.bias.add_(1.0)
    model.save_pretrained(tmp_path / "model")
    with pytest.raises(DataError, match="labels of other facts, .* give another `folder`"):
        make_labels(source, out, **given)


def test_a_model_under_another_path_goes_on(sounds: Any, checkpoints: Path, tmp_path: Path) -> None:
    source, out = sounds[0], tmp_path / "out"
    begin(source, out, checkpoint=str(checkpoints / "hubert"), **LAYER)
    (tmp_path / "link").symlink_to(checkpoints / "hubert")
    make_labels(source, out, checkpoint=f"{checkpoints}/hubert/", **LAYER)
    make_labels(source, out, checkpoint="link", **LAYER)  # nothing is left to do
    assert len(LabelFolder(out).names) == 7


def test_of_labels_without_a_fingerprint_the_path_tells(
    sounds: Any, checkpoints: Path, tmp_path: Path
) -> None:
    source, out, path = sounds[0], tmp_path / "out", str(checkpoints / "hubert")
    make_labels(source, out, checkpoint=path, **LAYER)
    fingerprint = LabelFolder(out).facts.fingerprint
    facts = (out / "labels.json").read_text()
    assert f'"{fingerprint}"' in facts
    (out / "labels.json").write_text(facts.replace(f'"{fingerprint}"', "null"))
    make_labels(source, out, checkpoint=path, **LAYER)
    with pytest.raises(DataError, match="holds labels of other facts"):
        make_labels(source, out, checkpoint=f"{path}/", **LAYER)
