"""Kernels against the oracle in double precision; L-HuBERT against HuBERT and against itself."""

import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from lightning_modules.attention import local_attention
from lightning_modules.lhubert.recording import encode_recording
from profiling.checking.on_device.cases import Case, Found, run_cases
from profiling.checking.on_device.models import build_speech, waveform
from profiling.checking.parts import DeviceTask
from profiling.checking.scale import Scale

HEADS, HEAD_DIM = 3, 64
# A kernel may be so many times as far off as the oracle in the same number format, which rounds
# at other places; beside that, what float32 rounds anyway.
TIMES_ORACLE, FLOOR = 4.0, 2e-6
# Of states between models that compute the same sums in another order, over the largest state.
SAME_MODEL = {"32-true": 2e-4, "bf16-true": 6e-2}
# Samples of a batch: how many, and the share that is real of the last one.
BATCHES = ((1, 1.0), (2, 1.0), (2, 0.4))
COMPILING = "local_flex"


def prove(task: DeviceTask) -> Iterator[Found]:
    """Yield how far kernels and models are from what they must equal."""
    yield from run_cases(_cases(task.scale), task)


def _cases(scale: Scale) -> Iterator[Case]:
    yield "window over everything is HuBERT", partial(_equals_hubert, scale)
    yield "a recording in chunks", partial(_equals_whole, scale)
    yield "the front end in chunks", partial(_front_end_equals_whole, scale)
    grid = itertools.product(scale.proof_lengths, scale.windows, BATCHES, scale.dtypes)
    for tokens, window, (batch, real), dtype in grid:
        shape = (batch, HEADS, tokens, HEAD_DIM)
        where = f"{tokens} tokens, window {window}, batch {batch}, {dtype}"
        where += ", padded" if real < 1 else ""
        for kernel in ("local_blocked", "local_varlen"):
            find = partial(_equals_oracle, scale.device, kernel, shape, window, real, dtype)
            yield f"{kernel}: {where}", find
    for tokens in scale.proof_lengths[1:2] if scale.device == "cuda" else ():  # it compiles
        shape = (2, HEADS, tokens, HEAD_DIM)
        find = partial(_equals_oracle, "cuda", COMPILING, shape, scale.windows[0], 0.4, "bfloat16")
        yield f"{COMPILING}: {tokens} tokens, padded", find


def _equals_oracle(
    device: str, kernel: str, shape: tuple[int, ...], window: int, real: float, dtype: str
) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(4)]
    inputs = [tensor.to(device, getattr(torch, dtype)) for tensor in drawn]
    mask = _mask(shape, real, device)
    found = _attend(inputs, window, mask, kernel)
    oracle = _attend(inputs, window, mask, "local_masked")
    exact = _attend([tensor.double() for tensor in inputs], window, mask, "local_masked")
    limit = TIMES_ORACLE * _error(oracle, exact) + FLOOR
    if kernel != COMPILING:  # it would compile once more
        query, key, value = inputs[:3]
        with torch.no_grad():  # tokens may be cut in other places then
            found.append(local_attention(query, key, value, window, mask, implementation=kernel))
        exact.append(exact[0])
    error = _error(found, exact)
    fields = {"error_found": error, "error_limit": limit}
    # A NaN is no smaller than the limit either.
    return fields if error <= limit else fields | {"wrong": f"{error:.2g} is above {limit:.2g}"}


def _attend(given: Sequence[Tensor], window: int, mask: Tensor | None, kernel: str) -> list[Tensor]:
    """Return the output and the gradients of queries, keys and values for a fixed weighted sum."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in given[:3]]
    query, key, value = leaves
    output = local_attention(query, key, value, window, mask, implementation=kernel)
    gradients = torch.autograd.grad(output, leaves, given[3].to(output))
    return [output.detach(), *gradients]


def _error(found: Sequence[Tensor], exact: Sequence[Tensor]) -> float:
    errors = [
        (one.double() - truth).abs().max() / truth.abs().max().clamp(min=1.0)
        for one, truth in zip(found, exact, strict=True)
    ]
    return float(torch.stack(errors).max())  # unlike Python's, NaN is the largest


def _mask(shape: tuple[int, ...], real: float, device: str) -> Tensor | None:
    if real == 1:
        return None
    lengths = torch.full((shape[0], 1), shape[2], device=device)
    lengths[-1] = max(1, int(real * shape[2]))
    return torch.arange(shape[2], device=device) < lengths


def _equals_hubert(scale: Scale) -> dict[str, Any]:
    plain = build_speech(scale, "hubert", "sdpa")
    local = build_speech(scale, "lhubert", "local_blocked", 2 * (scale.frames - 1))
    local.load_state_dict(plain.state_dict())
    audio = waveform(scale, scale.frames)
    with torch.no_grad():
        expected, found = (m(audio).last_hidden_state for m in (plain, local))
    return _compare(found, expected, scale)


def _equals_whole(scale: Scale) -> dict[str, Any]:
    model = build_speech(scale, "lhubert", "local_blocked", scale.windows[0])
    audio = waveform(scale, scale.frames)
    with torch.no_grad():
        expected = model(audio).last_hidden_state[0]
        found = encode_recording(model, audio[0], chunk_frames=max(8, scale.frames // 5))
    return _compare(found, expected, scale)


def _front_end_equals_whole(scale: Scale) -> dict[str, Any]:
    extractor = build_speech(scale, "lhubert", "local_blocked").feature_extractor
    audio = waveform(scale, scale.frames)
    expected = extractor(audio).detach()  # with gradients it takes all of it at once
    with torch.no_grad():
        found = extractor.in_chunks(audio, max(8, scale.frames // 3))
    return _compare(found, expected, scale)


def _compare(found: Tensor, expected: Tensor, scale: Scale) -> dict[str, Any]:
    if found.shape != expected.shape:
        return {"wrong": f"shape {tuple(found.shape)} is not {tuple(expected.shape)}"}
    error, limit = _error([found], [expected]), SAME_MODEL[scale.precision]
    fields = {"error_found": error, "error_limit": limit}
    return fields if error <= limit else fields | {"wrong": f"{error:.2g} is above {limit:.2g}"}
