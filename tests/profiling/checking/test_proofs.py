"""What a check proves: of inputs that are cut too, and of a front end that takes chunks."""

import itertools

import pytest
import torch
from torch import Tensor

from lightning_modules.attention import local_attention
from lightning_modules.attention.blocked import planned_pieces
from lightning_modules.lhubert.features import ChunkedFeatureEncoder
from profiling.checking.on_device import exactness
from profiling.checking.on_device.exactness import BATCHES, HEADS
from profiling.checking.scale import Scale, full, tiny


@pytest.mark.parametrize("scale", [full(), tiny()], ids=["full", "tiny"])
def test_kernels_are_proved_where_tokens_are_cut_into_blocks_and_where_not(scale: Scale) -> None:
    for window, (batch, _), is_training in itertools.product(scale.windows, BATCHES, (True, False)):
        plans = [
            planned_pieces(tokens, window // 2, scale.device, is_training, batch * HEADS)
            for tokens in scale.proof_lengths
        ]
        assert {max(piece.num_blocks for piece in plan) > 1 for plan in plans} == {True, False}


def test_a_kernel_that_is_wrong_without_gradients_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong_in_inference(query: Tensor, *given: object, **more: str) -> Tensor:
        output = local_attention(query, *given, **more)  # type: ignore[arg-type]
        return output if torch.is_grad_enabled() else output + 1e-3

    task = ("cpu", "local_blocked", (2, HEADS, 320, 64), 16, 0.4, "float32")
    assert "wrong" not in exactness._equals_oracle(*task)
    monkeypatch.setattr(exactness, "local_attention", wrong_in_inference)
    assert "wrong" in exactness._equals_oracle(*task)


def test_a_front_end_that_loses_frames_between_chunks_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "wrong" not in exactness._front_end_equals_whole(tiny())
    in_chunks = ChunkedFeatureEncoder.in_chunks

    def without_one(self: ChunkedFeatureEncoder, values: Tensor, chunk_frames: int) -> Tensor:
        features = in_chunks(self, values, chunk_frames)
        features[:, :, chunk_frames] = 0.0
        return features

    monkeypatch.setattr(ChunkedFeatureEncoder, "in_chunks", without_one)
    assert "wrong" in exactness._front_end_equals_whole(tiny())
