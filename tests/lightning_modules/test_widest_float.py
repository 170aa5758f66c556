"""A device without float64, which is played by the CPU, sums in float32."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lightning_modules import widest_float as formats
from lightning_modules.speech.masked_prediction import MaskedPrediction
from lightning_modules.widest_float import widened, widest_float
from tests.samples.recordings.speech import NO_DROPOUT, NUM_CLUSTERS, TINY
from tests.samples.variants.hubert import lhubert, waveform

FRAMES = 30


class NoFloat64(TorchDispatchMode):
    """Refuses every tensor of float64, as Apple's devices do."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for each in tree_leaves(found):
            if isinstance(each, torch.Tensor) and each.dtype == torch.float64:
                raise TypeError(f"this device has no float64, but {func} makes one")
        return found


@contextmanager
def device_without_float64() -> Iterator[None]:
    """Compute on such a device; what is built before was built on another one."""
    with pytest.MonkeyPatch.context() as patch, NoFloat64():
        patch.setattr(formats, "WITHOUT_FLOAT64", ("cpu",))
        yield


def test_the_widest_format_is_the_devices() -> None:
    assert widest_float(torch.device("mps")) == torch.float32
    assert widest_float(torch.device("cpu")) == widest_float(torch.device("cuda")) == torch.float64
    assert widened(torch.ones(2, dtype=torch.bfloat16)).dtype == torch.float64


@pytest.mark.parametrize(
    "make", [lambda: torch.ones(2).double(), lambda: torch.zeros((), dtype=torch.float64)]
)
def test_the_device_of_these_tests_refuses_float64(make: Callable[[], torch.Tensor]) -> None:
    with device_without_float64(), pytest.raises(TypeError, match="no float64"):
        make()


def test_masked_prediction_counts_a_step_without_float64() -> None:
    torch.manual_seed(0)
    fields = TINY | NO_DROPOUT
    built = MaskedPrediction(num_classes=NUM_CLUSTERS, attention_window=8, model_fields=fields)
    hidden = torch.zeros(2, FRAMES, dtype=torch.bool)
    hidden[:, 3:9] = True
    batch = {
        "input_values": waveform(FRAMES, 2),
        "mask_time_indices": hidden,
        "labels": torch.randint(NUM_CLUSTERS, (2, FRAMES)),
    }
    with device_without_float64():
        for index in range(2):
            built.training_step(batch, index).backward()
    sums = built.totals._sums or {}
    assert {value.dtype for value in sums.values()} == {torch.float32}
    assert sums["masked"] == 2 * 2 * 6


def test_a_recording_in_chunks_is_nearly_the_same_without_float64() -> None:
    encoder: Any = lhubert(feat_extract_norm="group").feature_extractor
    audio = 3.0 + waveform(64, batch=2)
    with torch.no_grad():
        exact = encoder.in_chunks(audio, 7)
        with device_without_float64():
            found = encoder.in_chunks(audio, 7)
    torch.testing.assert_close(found, exact, atol=2e-5, rtol=1e-4)
