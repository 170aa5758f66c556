"""L-HuBERT takes padding at the end, and refuses it anywhere else."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lightning_modules.errors import ModelError
from lightning_modules.lhubert import (
    LHubertConfig,
    LHubertForCTC,
    LHubertForPreTraining,
    LHubertForSequenceClassification,
    LHubertModel,
)
from tests.samples.variants.hubert import (
    FRAME_SAMPLES,
    HOP_SAMPLES,
    TINY,
    first_output,
    lhubert,
    waveform,
)

SAMPLES = FRAME_SAMPLES + 9 * HOP_SAMPLES
CLASSES: list[Any] = [
    LHubertForCTC,
    LHubertForPreTraining,
    LHubertForSequenceClassification,
    LHubertModel,
]


@pytest.mark.parametrize("local_class", CLASSES)
@pytest.mark.parametrize("hidden", [slice(0, 700), slice(1000, 1001)])
def test_padding_before_speech_is_refused(local_class: Any, hidden: slice) -> None:
    model = local_class(LHubertConfig(**TINY, num_clusters=5))
    mask = torch.ones(2, SAMPLES, dtype=torch.long)
    mask[1, hidden] = 0
    with pytest.raises(ModelError, match="pad at the end"):
        model(torch.randn(2, SAMPLES), attention_mask=mask)


def test_padding_before_speech_is_refused_in_a_compiled_model_too() -> None:
    model: Any = torch.compile(lhubert(), backend="eager")
    mask = torch.ones(1, SAMPLES, dtype=torch.long)
    mask[:, :700] = 0
    with pytest.raises(ModelError, match="pad at the end"):
        model(torch.randn(1, SAMPLES), attention_mask=mask)


@pytest.fixture(scope="module")
def model() -> Any:
    """Give one for all examples."""
    return lhubert()


@given(rows=st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=3))
def test_a_mask_is_taken_if_and_only_if_its_ones_come_first(
    model: Any, rows: list[list[bool]]
) -> None:
    parts = torch.tensor(rows).repeat_interleave(SAMPLES // 6 + 1, dim=1)[:, :SAMPLES]
    is_sorted = all(row == sorted(row, reverse=True) for row in rows)
    try:
        mask = model._get_feature_vector_attention_mask(10, parts)
    except ModelError:
        assert not is_sorted
    else:
        assert is_sorted
        lengths = model._get_feat_extract_output_lengths(parts.sum(-1)).clamp(min=0)
        assert mask.sum(-1).tolist() == lengths.tolist()


@pytest.mark.parametrize("local_class", [LHubertForPreTraining, LHubertModel])
@pytest.mark.parametrize(
    ("dtype", "real"),
    [(torch.bool, 1), (torch.bfloat16, 1), (torch.float32, 0.5), (torch.int32, 2)],
)
def test_whatever_is_not_zero_is_real(local_class: Any, dtype: torch.dtype, real: float) -> None:
    model = local_class(LHubertConfig(**TINY, num_clusters=5)).eval()
    audio = waveform(50, batch=2)
    is_real = torch.arange(audio.shape[1]) < torch.tensor([[audio.shape[1]], [9_000]])
    expected, found = (
        first_output(model, audio, mask) for mask in (is_real.long(), (is_real * real).to(dtype))
    )
    assert torch.equal(found, expected)
