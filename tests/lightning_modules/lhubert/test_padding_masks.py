"""L-HuBERT takes padding at the end, and refuses it anywhere else."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import HubertConfig, HubertModel

from lightning_modules.errors import ModelError
from lightning_modules.lhubert import (
    HubertForPreTraining,
    LHubertConfig,
    LHubertForCTC,
    LHubertForPreTraining,
    LHubertForSequenceClassification,
    LHubertModel,
)
from lightning_modules.lhubert.building import SpeechModelSettings, build_speech_model
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


class HostReads(TorchDispatchMode):
    """Counts values that the host asks for: each time it would wait for a GPU."""

    count = 0

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.count += operator is torch.ops.aten._local_scalar_dense.default
        return operator(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("local_class", "looks"), [(LHubertModel, 1), (LHubertForSequenceClassification, 2)]
)
def test_layers_steps_and_heads_look_at_one_mask_once(local_class: Any, looks: int) -> None:
    model, mask = local_class(LHubertConfig(**TINY)).eval(), torch.ones(2, SAMPLES)
    mask[1, 2000:] = 0
    counts = []
    for _ in range(2):
        with HostReads() as reads, torch.no_grad():
            model(torch.randn(2, SAMPLES), attention_mask=mask)
        counts.append(reads.count)
    assert counts[0] - counts[1] == looks
    mask[1, :10] = 0  # a mask that has changed is another one
    with pytest.raises(ModelError, match="pad at the end"):
        model(torch.randn(2, SAMPLES), attention_mask=mask)


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


@torch.no_grad()
def _outputs(model: Any, audio: torch.Tensor, mask: torch.Tensor) -> list[torch.Tensor]:
    """Return what depends on a mask: of letters the loss, too."""
    if not isinstance(model, LHubertForCTC):
        return [first_output(model, audio, mask)]
    letters = torch.tensor([[3, 4, 5]]).expand(len(audio), -1)
    output = model.eval()(audio, attention_mask=mask, labels=letters)
    return [output.logits, output.loss]


@pytest.mark.parametrize("local_class", CLASSES)
@pytest.mark.parametrize(
    ("dtype", "real"),
    [(torch.bool, 1), (torch.bfloat16, 1), (torch.float32, 0.5), (torch.int32, 2)],
)
def test_whatever_is_not_zero_is_real(local_class: Any, dtype: torch.dtype, real: float) -> None:
    model = local_class(LHubertConfig(**TINY, num_clusters=5)).eval()
    audio = waveform(50, batch=2)
    is_real = torch.arange(audio.shape[1]) < torch.tensor([[audio.shape[1]], [9_000]])
    expected = _outputs(model, audio, is_real.long())
    found = _outputs(model, audio, (is_real * real).to(dtype))
    assert all(map(torch.equal, found, expected))


def test_frames_are_counted_as_the_library_counts_them(model: Any) -> None:
    samples: Any = torch.arange(FRAME_SAMPLES, 4_000)
    expected = HubertModel._get_feat_extract_output_lengths(model, samples)
    assert torch.equal(model._get_feat_extract_output_lengths(samples), expected)
    assert [model._get_feat_extract_output_lengths(few) for few in (0, 9, 399, 400)] == [0, 0, 0, 1]


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
@pytest.mark.parametrize("task", ["encoder", "pretraining", "ctc"])
def test_a_batch_of_one_frame_may_have_a_row_of_padding(task: str, variant: str) -> None:
    clusters = {"num_clusters": 5} if task == "pretraining" else {}
    model = build_speech_model(task, SpeechModelSettings(variant), **clusters)
    audio = waveform(1, batch=2)
    mask = torch.ones_like(audio)
    mask[1] = 0
    found, alone = first_output(model, audio, mask), first_output(model, audio[:1])
    torch.testing.assert_close(found[:1], alone, atol=1e-5, rtol=1e-4)
    assert found.isfinite().all()


def test_pretraining_of_a_plain_hubert_takes_a_row_of_padding_too() -> None:
    fields = TINY | {"num_clusters": 5}
    model = HubertForPreTraining(HubertConfig(**fields))
    mask = torch.ones(2, FRAME_SAMPLES)
    mask[1] = 0
    assert first_output(model, waveform(1, batch=2), mask).isfinite().all()


def test_a_recording_without_a_frame_spells_nothing() -> None:
    torch.manual_seed(0)
    model = LHubertForCTC(LHubertConfig(**TINY)).eval()
    audio = waveform(20, batch=2)
    mask = torch.ones_like(audio)
    mask[1] = 0
    letters = torch.tensor([[3, 4], [-100, -100]])
    with torch.no_grad():
        found = model(audio, attention_mask=mask, labels=letters).loss
        alone = model(audio[:1], labels=letters[:1]).loss
    torch.testing.assert_close(found, alone)


def test_a_recording_without_a_frame_has_no_class() -> None:
    model = LHubertForSequenceClassification(LHubertConfig(**TINY))
    audio = waveform(20, batch=2)
    mask = torch.ones_like(audio)
    mask[1, FRAME_SAMPLES - 1 :] = 0
    with pytest.raises(ModelError, match="`attention_mask` must leave a frame of every recording"):
        model(audio, attention_mask=mask)
