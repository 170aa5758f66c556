"""An exported folder has a head that was trained, and says which k-means it predicts."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lightning_modules.checkpoints.exporting import export
from lightning_modules.errors import ModelError
from lightning_modules.speech.classification import ClassificationModule
from lightning_modules.speech.masked_prediction import MaskedPrediction
from tests.samples import fitting
from tests.samples.recordings.speech import NO_DROPOUT, NUM_CLUSTERS, TINY
from tests.samples.variants.hubert import waveform

FRAMES = 12
HEAD = {"final_proj.bias", "final_proj.weight", "label_embeddings"}
ANOTHER = "`labels` must be of the k-means abc that the checkpoint was trained on, got xyz"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def random_model(**given: Any) -> MaskedPrediction:
    fields = TINY | NO_DROPOUT
    return MaskedPrediction(
        variant="hubert", model_fields=fields, num_classes=NUM_CLUSTERS, num_warmup_steps=1, **given
    )


def begun(checkpoint: str, **given: Any) -> MaskedPrediction:
    return random_model(checkpoint=checkpoint, **given)


@pytest.fixture
def headless() -> str:
    """Write a HuBERT as it is published, without what predicts clusters."""
    random_model().model.hubert.save_pretrained("headless")
    return "headless"


@pytest.fixture
def trained() -> str:
    """Write a model whose head predicts the clusters of the k-means abc."""
    module = random_model(centroids="abc")
    module.on_train_start()
    export(module, None, "trained")
    return "trained"


def batch() -> dict[str, torch.Tensor]:
    hidden = torch.zeros(2, FRAMES, dtype=torch.bool)
    hidden[:, 2:9] = True
    labels = torch.arange(2 * FRAMES).reshape(2, FRAMES) % NUM_CLUSTERS
    return {"input_values": waveform(FRAMES, 2), "mask_time_indices": hidden, "labels": labels}


def test_a_head_that_was_never_trained_is_left_out(headless: str, tmp_path: Path) -> None:
    module = begun(headless, centroids="abc")
    assert set(export(module, None, "exported")) == HEAD
    again = begun("exported", centroids="xyz")  # of no k-means yet
    assert again.head_is_random
    with pytest.raises(ModelError, match="`checkpoint` must be a model pre-trained on 7 clusters"):
        fitting.predict(again, [batch()], tmp_path)
    found = again.model.hubert.state_dict()
    assert all(torch.equal(found[k], v) for k, v in module.model.hubert.state_dict().items())


def test_of_a_head_for_other_clusters_only_the_clusters_are_left_out(trained: str) -> None:
    module = MaskedPrediction(variant="hubert", checkpoint=trained, num_classes=9, centroids="xyz")
    assert export(module, None, "exported") == ["label_embeddings"]
    begun("exported", centroids="other")


def test_a_mask_vector_that_a_checkpoint_had_not_is_left_out() -> None:
    random_model().model.hubert.save_pretrained("headless")
    vector = "hubert.masked_spec_embed"
    whole = random_model().model.hubert
    weights = {k: v for k, v in whole.state_dict().items() if k != "masked_spec_embed"}
    whole.save_pretrained("headless", state_dict=weights)
    assert set(export(begun("headless"), None, "exported")) == {vector, *HEAD}
    assert begun("exported").model.random_optional == [vector]


def test_a_head_that_was_trained_is_exported(headless: str, tmp_path: Path) -> None:
    module = begun(headless, centroids="abc")
    fitting.fit(module, [batch()], tmp_path).save_checkpoint("run.ckpt")
    assert export(module, None, "of_module") == []
    assert export(begun(headless, centroids="abc"), "run.ckpt", "of_run") == []
    for folder in ("of_module", "of_run"):
        assert not begun(folder).head_is_random
        with pytest.raises(ModelError, match=ANOTHER):
            begun(folder, centroids="xyz")


@pytest.mark.parametrize("sums", [True, False])
def test_a_classifier_sums_its_layers_as_it_was_trained_to(sums: bool, headless: str) -> None:
    def classifier(**given: Any) -> ClassificationModule:
        return ClassificationModule(variant="hubert", **given)

    fields = TINY | NO_DROPOUT | {"use_weighted_layer_sum": sums}
    export(classifier(classes=["no", "yes", "up"], model_fields=fields), None, "classes")
    again = classifier(checkpoint="classes")
    assert not again.head_is_random
    assert hasattr(again.model, "layer_weights") == sums
    changed = classifier(checkpoint="classes", model_fields={"use_weighted_layer_sum": not sums})
    assert hasattr(changed.model, "layer_weights") != sums
    begun_anew = classifier(checkpoint=headless, classes=["no", "yes"])
    assert hasattr(begun_anew.model, "layer_weights")


def test_data_without_labels_leave_a_head_the_kmeans_that_it_predicts(
    trained: str, tmp_path: Path
) -> None:
    module = begun(trained, centroids="abc", lr=0.0)
    fitting.fit(module, [batch()], tmp_path).save_checkpoint("run.ckpt")
    export(begun(trained), None, "of_folder")
    export(random_model(), "run.ckpt", "of_run")
    for folder in ("of_folder", "of_run"):
        with pytest.raises(ModelError, match=ANOTHER):
            begun(folder, centroids="xyz")


def test_labels_that_tell_no_kmeans_make_that_of_a_head_unknown(
    trained: str, tmp_path: Path
) -> None:
    module = begun(trained)
    fitting.fit(module, [batch()], tmp_path)
    export(module, None, "exported")
    begun("exported", centroids="xyz")
