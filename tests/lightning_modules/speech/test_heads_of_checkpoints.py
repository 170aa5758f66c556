"""A checkpoint says what its head predicts; one without a head of that kind predicts nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from lightning_modules.checkpoints.exporting import export
from lightning_modules.errors import ModelError
from lightning_modules.speech.classification import ClassificationModule
from lightning_modules.speech.ctc import CtcModule
from lightning_modules.speech.masked_prediction import MaskedPrediction
from lightning_modules.speech.prediction_files import PredictionFiles
from lightning_modules.speech.superb import SuperbAsr
from profiling.training.checks import warn_converted
from tests.samples import fitting
from tests.samples.hub import be_offline
from tests.samples.predicting import predict, process
from tests.samples.recordings.speech import NUM_CLUSTERS, TINY, write_sounds
from tests.samples.variants.hubert import waveform

FRAMES = 12
CLASSES = ["down", "left", "up"]
LOCAL: dict[str, Any] = {"variant": "lhubert", "attention_window": 8, "model_fields": TINY}
# What each makes of a checkpoint of another, and what it then says that it needs.
WITHOUT_A_HEAD: list[tuple[type, dict[str, Any], str]] = [
    (MaskedPrediction, {"num_classes": 9}, "pre-trained on 9 clusters"),
    (ClassificationModule, {"classes": CLASSES}, "fine-tuned on 3 classes"),
    (CtcModule, {"alphabet": ["", "|", "X"]}, "fine-tuned on 3 letters"),
    (SuperbAsr, {"head_size": 6}, "with the trained head of SuperbAsr"),
]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])


@pytest.fixture
def pretrained() -> MaskedPrediction:
    """Export a model that predicts clusters to the folder `exported`."""
    module = MaskedPrediction(num_classes=NUM_CLUSTERS, **LOCAL)
    export(module, None, "exported")
    return module.eval()


def sound(name: str) -> torch.Tensor:
    return torch.from_numpy(soundfile.read(f"sounds/{name}", dtype="float32")[0])


def batch() -> dict[str, torch.Tensor]:
    hidden = torch.zeros(2, FRAMES, dtype=torch.bool)
    hidden[:, 2:9] = True
    labels = torch.arange(2 * FRAMES).reshape(2, FRAMES) % NUM_CLUSTERS
    return {"input_values": waveform(FRAMES, 2), "mask_time_indices": hidden, "labels": labels}


def test_clusters_are_those_of_the_checkpoint_written_as_whole_numbers(
    pretrained: MaskedPrediction,
) -> None:
    samples = write_sounds(Path("sounds"), 3)
    given = ["--model.class_path=MaskedPrediction", "--model.init_args.checkpoint=exported"]
    assert predict("transcribe", *given) == 0
    for name in samples:
        with torch.no_grad():
            (wanted,) = pretrained.predict_step({"input_values": sound(name)[None]}, 0)
        found = np.load(f"runs/transcripts/{name}.npy", allow_pickle=False)
        assert found.dtype == np.int64
        assert found.tolist() == wanted.tolist()


def test_classes_are_those_of_the_checkpoint() -> None:
    samples = write_sounds(Path("sounds"), 3)
    trained = ClassificationModule(classes=CLASSES, **LOCAL)
    export(trained, None, "exported")
    given = ["--model.class_path=ClassificationModule", "--model.init_args.checkpoint=exported"]
    assert predict("transcribe", *given) == 0
    trained.eval()
    with torch.no_grad():
        wanted = {
            name: trained.predict_step({"input_values": sound(name)[None]}, 0) for name in samples
        }
    lines = Path("runs/transcripts/transcripts.tsv").read_text().splitlines()
    assert {name: [said] for name, said in (line.split("\t") for line in lines)} == wanted


@pytest.mark.usefixtures("pretrained")
def test_the_number_of_clusters_is_the_checkpoints_where_nobody_says_another() -> None:
    module = MaskedPrediction(checkpoint="exported")
    assert not module.head_is_random
    assert module.hparams["num_classes"] == NUM_CLUSTERS
    assert MaskedPrediction(checkpoint="exported", num_classes=9).head_is_random
    assert MaskedPrediction(**LOCAL).hparams["num_classes"] == 100


CONVERTED = (
    "`checkpoint` 'exported' was trained as hubert and is taken as lhubert with "
    "`attention_window` 100, which is another model: --model.init_args.variant hubert takes it"
)


def test_the_transcripts_of_a_hubert_with_local_attention_are_told_to_be_another_models() -> None:
    write_sounds(Path("sounds"), 1)
    export(CtcModule(variant="hubert", model_fields=TINY), None, "exported")
    given = ["--model.init_args.checkpoint=exported"]
    with pytest.warns(UserWarning, match=CONVERTED):
        assert predict("transcribe", *given) == 0
    assert predict("transcribe", *given, "--model.init_args.variant=hubert") == 0


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        (MaskedPrediction, {"num_classes": NUM_CLUSTERS}),
        (ClassificationModule, {"classes": CLASSES}),
    ],
)
def test_every_head_of_a_hubert_is_told_of_but_none_that_is_random(
    kind: Any, head: dict[str, Any]
) -> None:
    export(kind(variant="hubert", model_fields=TINY, **head), None, "exported")
    with pytest.warns(UserWarning, match=CONVERTED):
        warn_converted(kind(variant="lhubert", checkpoint="exported", **head))
    warn_converted(kind(variant="hubert", checkpoint="exported", **head))
    warn_converted(CtcModule(variant="lhubert", checkpoint="exported"))


@pytest.mark.parametrize("kind", [MaskedPrediction, ClassificationModule])
def test_outputs_of_a_checkpoint_that_is_not_there_are_not_made_up(
    kind: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_offline(tmp_path / "cache", monkeypatch)
    with pytest.raises(ModelError, match="`checkpoint` must be a folder or hub name .* got 'none'"):
        kind(checkpoint="none")


@pytest.mark.usefixtures("pretrained")
@pytest.mark.parametrize(("kind", "settings", "needed"), WITHOUT_A_HEAD)
def test_a_random_head_on_a_checkpoint_is_not_evaluated(
    kind: type, settings: dict[str, Any], needed: str, tmp_path: Path
) -> None:
    module = kind(checkpoint="exported", **settings)
    words = f"`checkpoint` must be a model {needed}, or `ckpt_path` be given, got 'exported'"
    for verb in ("validate", "test", "predict"):
        with pytest.raises(ModelError, match=words):
            getattr(fitting.trainer(tmp_path), verb)(module, fitting.loader([batch()]))


@pytest.mark.usefixtures("pretrained")
def test_a_head_that_a_run_has_trained_predicts(tmp_path: Path) -> None:
    begun: dict[str, Any] = {"checkpoint": "exported", "num_classes": 9}
    module = MaskedPrediction(num_warmup_steps=1, **begun)
    fitting.fit(module, [batch()], tmp_path).save_checkpoint("run.ckpt")
    (wanted,) = fitting.predict(module, [batch()], tmp_path)
    again, data = MaskedPrediction(**begun), fitting.loader([batch()])
    found = fitting.trainer(tmp_path).predict(again, data, ckpt_path="run.ckpt")
    torch.testing.assert_close(found, [wanted])


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (torch.bfloat16, np.float32),
        (torch.float32, np.float32),
        (torch.int64, np.int64),
        (torch.int32, np.int32),
    ],
)
def test_only_what_is_no_whole_number_is_written_as_float32(given: Any, written: Any) -> None:
    at_work = process(("a.wav",))
    files = PredictionFiles("out")
    values = torch.tensor([3, 0, 7]).to(given)
    files.on_predict_start(at_work, None)
    files.on_predict_batch_end(at_work, None, [values], {"index": torch.tensor([0])}, 0)
    files.teardown(at_work, None, "predict")
    found = np.load("out/a.wav.npy", allow_pickle=False)
    assert found.dtype == written
    assert found.tolist() == [3, 0, 7]
