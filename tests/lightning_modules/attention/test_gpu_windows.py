"""One flash call with a window, shared masks and cuts of a GPU, on one."""

from collections.abc import Iterator

import pytest
import torch

from lightning_modules.attention import bands, block_masks, local_attention, varlen
from lightning_modules.attention.blocked import planned_pieces
from lightning_modules.attention.interface import localize
from lightning_modules.kernel_choice import choose_sdpa
from lightning_modules.models.base import VariantModule
from lightning_modules.variants import build_module
from profiling.measuring.paths.attention_watch import AttentionWatch
from tests.samples.devices import HEADS_OF_PIECES, IN_BLOCKS, PIECES
from tests.samples.variants.attention import attend, draw_inputs, in_float64, relative_error

pytestmark = pytest.mark.gpu
HALVES = [torch.bfloat16, torch.float16]


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize(("tokens", "window"), [(1, 2), (192, 32), (320, 512), (1000, 100)])
def test_one_flash_call_equals_the_oracle_with_its_gradients(dtype, samples, tokens, window):
    inputs = draw_inputs((samples, 3, tokens, 64), dtype, "cuda")
    exact = attend(in_float64(inputs), window, None, "local_masked")
    found = attend(inputs, window, None, "local_varlen")
    oracle = attend(inputs, window, None, "local_masked")
    assert relative_error(found, exact) <= 4 * relative_error(oracle, exact) + 2e-6
    with AttentionWatch() as seen:
        attend(inputs, window, None, "local_varlen")
    assert seen.names() == "flash_attention_forward"


@pytest.fixture(params=["any", "flash"])
def _backend(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let torch choose among its kernels as in a sweep, and as in `train.py`."""
    choose_sdpa(request.param)
    yield
    choose_sdpa("any")


@pytest.mark.usefixtures("_backend")
@pytest.mark.parametrize("lengths", [None, (1.0,), (1.0, 0.45)])
@pytest.mark.parametrize("dtype", [torch.float32, *HALVES])
@pytest.mark.parametrize(("tokens", "window"), PIECES)
def test_pieces_of_a_gpu_equal_the_oracle_padded_and_at_batch_1_too(tokens, window, dtype, lengths):
    samples = len(lengths or (1.0,))
    inputs = draw_inputs((samples, HEADS_OF_PIECES, tokens, 64), dtype, "cuda")
    pieces = planned_pieces(tokens, window // 2, "cuda", True, samples * HEADS_OF_PIECES)
    assert (max(piece.num_blocks for piece in pieces) > 1) == ((tokens, window) == IN_BLOCKS)
    mask = None
    if lengths is not None:
        real = torch.tensor([int(share * tokens) for share in lengths], device="cuda")
        mask = torch.arange(tokens, device="cuda") < real[:, None]
    exact = attend(in_float64(inputs), window, mask, "local_masked")
    found = attend(inputs, window, mask, "local_blocked")
    oracle = attend(inputs, window, mask, "local_masked")
    assert relative_error(found, exact) <= 4 * relative_error(oracle, exact) + 2e-6


@pytest.mark.parametrize(
    ("implementation", "module", "name"),
    [("local_varlen", varlen, "_validate_pieces"), ("local_flex", block_masks, "_listed")],
)
@pytest.mark.parametrize("inference", [True, False])
def test_layers_share_what_a_mask_costs(implementation, module, name, inference, monkeypatch):
    calls = []
    compute = getattr(module, name)

    def counting(*given):
        calls.append(1)
        return compute(*given)

    monkeypatch.setattr(module, name, counting)
    bert = build_module("text", "bert", size="tiny", max_length=90).cuda().to(torch.bfloat16)
    assert isinstance(bert, VariantModule)
    localize(bert.model, 32, implementation)
    mask = (torch.arange(90) < torch.tensor([90, 40])[:, None]).long().cuda()
    ids = torch.ones(2, 90, dtype=torch.long, device="cuda")
    with torch.inference_mode(inference), torch.no_grad():
        bert.model(input_ids=ids, attention_mask=mask)
    assert len(calls) == 1


@pytest.mark.parametrize("implementation", ["local_blocked", "local_flex"])
@torch.no_grad()
def test_a_recording_is_replayed_with_what_its_mask_holds_then(implementation, monkeypatch):
    inputs = draw_inputs((2, 3, 300, 64), torch.bfloat16, "cuda")
    places = torch.arange(300, device="cuda")
    before, after = (
        places < torch.tensor(lengths, device="cuda")[:, None]
        for lengths in ([300, 40], [111, 300])
    )

    def compute(mask):
        return local_attention(*inputs, 32, mask, implementation=implementation)

    expected = compute(after)
    for _ in range(2):
        compute(before)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = compute(before)
    for cache in (bands._BANDS, block_masks._OF_BANDS):
        monkeypatch.setattr(cache, "most_bytes", 2**20)
    for tokens in range(301, 371):  # more than are kept
        given = draw_inputs((1, 1, tokens, 64), torch.bfloat16, "cuda")
        local_attention(*given, 32, implementation="local_blocked")
    filled = [torch.full_like(inputs.query[0, 0], torch.nan) for _ in range(500)]
    before.copy_(after)
    graph.replay()
    torch.testing.assert_close(found, expected)
    del filled
