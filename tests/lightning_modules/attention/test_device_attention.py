"""Kernels of local attention that need a compiler or a GPU, against the oracle."""

import shutil
from functools import cache

import pytest
import torch
from torch._dynamo.utils import counters
from torch._inductor.utils import fresh_cache

from lightning_modules import attention, kernel_limits
from lightning_modules.attention import IMPLEMENTATIONS, flex, local_attention
from lightning_modules.attention.varlen import varlen_local_attention
from lightning_modules.errors import ModelError
from lightning_modules.kernel_limits import KernelUse, limit_of
from tests.samples.variants.attention import Inputs, attend, draw_inputs, in_float64, relative_error

MISSING = limit_of("local_flex", KernelUse("cpu", False, False, False))
compiles = pytest.mark.skipif(MISSING is not None, reason=f"local_flex: {MISSING}")


def attend_by_flex(window: int, given: Inputs, mask: torch.Tensor | None = None) -> None:
    """Run FlexAttention, and hold its rounding near the oracle's own, on whichever processor."""
    exact = local_attention(*in_float64(given), window, mask, implementation="local_masked")
    oracle = local_attention(*given, window, mask, implementation="local_masked")
    with torch.no_grad():
        found = local_attention(*given, window, mask, implementation="local_flex")
    rounding = max(relative_error([oracle], [exact]), 2 * torch.finfo(found.dtype).eps)
    assert relative_error([found], [exact]) <= 8 * rounding  # its exponential is a faster one


@compiles
@pytest.mark.parametrize(
    ("tokens", "window", "lengths"),
    [(1, 2, None), (300, 20, None), (300, 140, [211, 0])],
)
def test_flex_on_a_cpu_equals_the_oracle(tokens, window, lengths):
    mask = None
    if lengths is not None:
        mask = torch.arange(tokens) < torch.tensor(lengths)[:, None]
    attend_by_flex(window, draw_inputs((2, 3, tokens, 16), torch.float32), mask)


@compiles
def test_flex_stays_compiled_past_torchs_limit_of_recompilations(monkeypatch):
    compile_fully = torch.compile

    def follow_only(function, options, **kept):
        """Let torch follow it, and generate no code."""
        return compile_fully(function, backend="aot_eager", **kept)

    monkeypatch.setattr(torch, "compile", follow_only)
    monkeypatch.setattr(flex, "_compiled", cache(flex._compiled.__wrapped__))
    with torch._dynamo.config.patch(recompile_limit=1):
        for tokens in (33, 34):  # a fallback would raise: `fullgraph`
            attend_by_flex(4, draw_inputs((1, 1, tokens, 16), torch.float32))


@compiles
def test_flex_finds_kernels_in_torchs_cache_only_of_its_own_threads_and_instructions(monkeypatch):
    before, found_in_cache = torch.get_num_threads(), []
    # Buffers for one thread would hold what two write. The last one finds what the first one built.
    kinds = [(2, "AVX2"), (1, "AVX2"), (2, "AVX2")]
    try:
        with fresh_cache():
            for threads, instructions in kinds:
                torch.set_num_threads(threads)
                monkeypatch.setattr(
                    torch.backends.cpu, "get_cpu_capability", lambda name=instructions: name
                )
                torch._dynamo.reset()  # as a process of its own would begin
                counters.clear()
                attend_by_flex(20, draw_inputs((2, 3, 70, 16), torch.float32))
                found_in_cache.append(counters["inductor"]["fxgraph_cache_hit"])
    finally:
        torch.set_num_threads(before)
    assert found_in_cache == [0, 0, 1]


@pytest.mark.parametrize(
    ("instructions", "bits"), [("AVX2", 256), ("AVX512", 512), ("unknown", None)]
)
def test_code_for_other_instructions_has_other_options(instructions, bits, monkeypatch):
    given = []
    monkeypatch.setattr(torch, "compile", lambda _, options, **kept: given.append(options))
    flex._compiled.__wrapped__(2, instructions)
    assert given == [{"cpp.threads": 2, "cpp.simdlen": bits}]


@pytest.mark.parametrize(
    ("implementation", "arguments", "reason"),
    [
        ("local_varlen", {}, "it runs on cuda, not on cpu"),
        ("local_varlen", {"dropout_p": 0.1}, "it has no dropout of attention weights"),
        ("local_flex", {"dropout_p": 0.1}, "it has no dropout of attention weights"),
        ("local_flex", {}, "on a cpu it has no backward pass"),
    ],
)
def test_a_kernel_that_cannot_run_here_is_refused_with_the_reason(
    implementation, arguments, reason
):
    leaves = Inputs(*(tensor.requires_grad_() for tensor in draw_inputs((1, 2, 9, 16))))
    with pytest.raises(ModelError, match=f"'{implementation}' cannot run here: {reason}"):
        local_attention(*leaves, 4, implementation=implementation, **arguments)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_any_tensor_that_wants_a_gradient_counts(which):
    inputs = draw_inputs((1, 2, 9, 16))
    inputs[which].requires_grad_()
    with pytest.raises(ModelError, match="on a cpu it has no backward pass"):
        local_attention(*inputs, 4, implementation="local_flex")


def test_a_compiler_is_looked_for_until_there_is_one_and_not_in_every_call(monkeypatch):
    found = iter([None, None, "g++"])  # a fourth look would find the end
    monkeypatch.setattr(shutil, "which", lambda _: next(found))
    monkeypatch.setattr(kernel_limits, "_has_avx2", lambda: True)
    monkeypatch.setattr(attention, "_CAN_RUN", set())
    for _ in range(2):
        with torch.no_grad(), pytest.raises(ModelError, match="needs a C\\+\\+ compiler"):
            local_attention(*draw_inputs((1, 2, 9, 16)), 4, implementation="local_flex")
    use = ("cpu", False, False, False, False)
    assert [attention._limit_here("local_flex", *use) for _ in range(3)] == [None] * 3
    assert next(found, "all were taken") == "all were taken"


@compiles
def test_flex_on_a_cpu_refuses_float64():
    with torch.no_grad(), pytest.raises(ModelError, match="on a cpu it takes no float64"):
        local_attention(*draw_inputs((1, 2, 9, 16)), 4, implementation="local_flex")


@compiles
@pytest.mark.parametrize("which", [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1)])
def test_flex_on_a_cpu_is_given_three_tensors_even_where_they_are_one(which, monkeypatch):
    """Its compiler refuses one tensor for two of them."""
    seen: list[torch.Tensor] = []

    def compute(*tensors, block_mask):
        seen.extend(tensors)
        return tensors[0]

    monkeypatch.setattr(flex, "_compiled", lambda *_: compute)
    drawn = draw_inputs((1, 2, 9, 16), torch.float32)
    query, key, value = (drawn[place] for place in which)
    with torch.no_grad():
        local_attention(query, key, value, 4, implementation="local_flex")
    assert len({id(tensor) for tensor in seen}) == 3
    assert all(map(torch.equal, seen, (query, key, value)))


def test_variable_length_attention_of_nothing_real_has_gradients_of_zero():
    """Whatever padding holds, and where no flash attention is: it is not reached."""
    leaves = [x.fill_(torch.nan).requires_grad_() for x in draw_inputs((2, 3, 9, 4))]
    mask = torch.zeros(2, 9, dtype=torch.bool)
    query, key, value = leaves
    output = varlen_local_attention(query, key, value, 2, mask, 0.0)
    assert bool((output == 0).all())
    for gradient in torch.autograd.grad(output.sum(), leaves):
        assert bool((gradient == 0).all())


def test_limits_of_other_devices_and_formats_are_known_in_advance(monkeypatch):
    monkeypatch.setattr(kernel_limits, "limit_of_compiling", lambda device: None)
    on_gpu = KernelUse("cuda", is_half=False, needs_gradients=True, has_dropout=False)
    assert limit_of("local_varlen", on_gpu) == "it runs in half precision, bfloat16 or float16"
    assert limit_of("local_flex", on_gpu) is None
    elsewhere = KernelUse("mps", is_half=True, needs_gradients=False, has_dropout=False)
    assert limit_of("local_flex", elsewhere) == "it runs on cuda and cpu, not on mps"
    assert limit_of("local_blocked", elsewhere) is None


GPU_KERNELS = [
    (name, dtype)
    for name in sorted(set(IMPLEMENTATIONS) - {"local_masked"})
    for dtype in (torch.float32, torch.bfloat16)
    if limit_of(name, KernelUse("cuda", dtype != torch.float32, True, False)) is None
]
GPU_CASES = [
    (1, 2, None),
    (77, 20, [77, 13]),
    (1000, 100, None),
    (700, 64, [700, 0]),
    (90, 400, None),
]


@pytest.mark.gpu
@pytest.mark.parametrize(("implementation", "dtype"), GPU_KERNELS)
@pytest.mark.parametrize(("tokens", "window", "lengths"), GPU_CASES)
def test_on_a_gpu_every_kernel_equals_the_oracle(implementation, dtype, tokens, window, lengths):
    inputs = draw_inputs((2, 3, tokens, 64), dtype, "cuda")
    mask = None
    if lengths is not None:
        mask = torch.arange(tokens, device="cuda") < torch.tensor(lengths, device="cuda")[:, None]
    exact = attend(in_float64(inputs), window, mask, "local_masked")
    found = attend(inputs, window, mask, implementation)
    oracle = attend(inputs, window, mask, "local_masked")
    assert relative_error(found, exact) <= 4 * relative_error(oracle, exact) + 2e-6


@pytest.mark.gpu
def test_variable_length_attention_of_nothing_real_is_zero():
    mask = torch.zeros(2, 9, dtype=torch.bool, device="cuda")
    inputs = draw_inputs((2, 2, 9, 64), torch.bfloat16, "cuda")
    output, *gradients = attend(inputs, 4, mask, "local_varlen")
    assert all((tensor == 0).all() for tensor in (output, *gradients))


@pytest.mark.gpu
def test_variable_length_attention_refuses_padding_between_real_tokens():
    mask = torch.ones(1, 9, dtype=torch.bool, device="cuda")
    mask[0, 4] = False
    inputs = draw_inputs((1, 2, 9, 64), torch.bfloat16, "cuda")
    with pytest.raises(ModelError, match="real tokens of a sample in one piece"):
        local_attention(*inputs, 4, mask, implementation="local_varlen")
