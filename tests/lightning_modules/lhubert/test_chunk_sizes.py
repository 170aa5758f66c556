from dataclasses import replace
from typing import Any

import pytest
import torch

from lightning_modules.lhubert import chunk_sizes, features
from lightning_modules.lhubert.chunk_sizes import (
    CHUNK_FRAMES,
    MOST_VALUES,
    WidestLayer,
    ask_again,
    frames_at_once,
    free_bytes,
)
from tests.samples.variants.hubert import lhubert, waveform

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
MIB = 2**20
# Of base, for one frame of one sample in float32: 128 KiB.
LAYER = WidestLayer(samples=1, values=64 * 512, whole_bytes=4, chunk_bytes=4)


@pytest.fixture(autouse=True)
def _nothing_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_sizes, "_chosen", {})


@pytest.fixture
def _a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of 1,000 MiB: 600 free, 150 kept but not used by this process, which may have 600."""
    for name, value in {
        "is_available": True,
        "is_current_stream_capturing": False,
        "mem_get_info": (600 * MIB, 1000 * MIB),
        "memory_allocated": 100 * MIB,
        "memory_reserved": 250 * MIB,
        "get_per_process_memory_fraction": 0.6,
    }.items():
        monkeypatch.setattr(torch.cuda, name, lambda *_, value=value: value)


def test_on_a_cpu_chunks_are_of_one_size() -> None:
    assert frames_at_once(10 * CHUNK_FRAMES, LAYER, CPU) == CHUNK_FRAMES


@pytest.mark.usefixtures("_a_gpu")
def test_what_is_free_is_what_the_device_and_the_limit_of_the_process_leave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert free_bytes(CUDA) == 500 * MIB  # of its 600 it has 100
    monkeypatch.setattr(torch.cuda, "get_per_process_memory_fraction", lambda _: 1.0)
    assert free_bytes(CUDA) == 750 * MIB


@pytest.mark.parametrize(("free_mib", "chunk"), [(10_000, 7300), (1200, 1200), (10, CHUNK_FRAMES)])
def test_on_a_gpu_a_recording_is_taken_whole_where_it_fits(
    free_mib: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_sizes, "free_bytes", lambda _: free_mib * MIB)
    assert frames_at_once(7300, LAYER, CUDA) == chunk
    assert frames_at_once(900, LAYER, CUDA) == CHUNK_FRAMES  # and nothing is asked


def test_chunks_leave_room_for_sums_in_double_precision_and_the_whole_needs_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunk_sizes, "free_bytes", lambda _: 4800 * MIB)
    half = replace(LAYER, whole_bytes=2, chunk_bytes=8)
    # Four layers in half precision take 256 KiB for a frame, in double precision 1 MiB.
    assert frames_at_once(9600, half, CUDA) == 9600
    assert frames_at_once(9601, half, CUDA) == 2400


@pytest.mark.parametrize("samples", [1, 8])
def test_of_no_sample_a_convolution_has_more_values_than_cudnn_counts(
    samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_sizes, "free_bytes", lambda _: 10**15)
    hour, layer = 180_000, replace(LAYER, samples=samples)
    chunk = frames_at_once(hour, layer, CUDA)
    reached = 64 * (chunk - 1) + (400 - 10) // 5 + 1  # positions of the first layer
    assert 0.99 * MOST_VALUES < 512 * reached <= MOST_VALUES
    assert frames_at_once(chunk, layer, CUDA) == chunk  # taken whole


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_front_end_says_how_wide_its_sums_are(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    def ask(*given: Any) -> int:
        asked.append(given)
        return CHUNK_FRAMES

    monkeypatch.setattr(features, "frames_at_once", ask)
    encoder: Any = lhubert().feature_extractor.to(dtype)
    with torch.no_grad():
        encoder(waveform(20, batch=2).to(dtype))
    # Of two samples, 64 positions for a frame, 12 channels.
    assert asked == [(20, WidestLayer(2, 64 * 12, dtype.itemsize, 8), CPU)]


@pytest.mark.usefixtures("_a_gpu")
def test_a_gpu_is_asked_once_for_an_input_and_again_where_memory_ran_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def ask(_: object) -> tuple[int, int]:
        asked.append(1)
        return 600 * MIB, 1000 * MIB

    monkeypatch.setattr(torch.cuda, "mem_get_info", ask)
    assert {frames_at_once(1100, LAYER, CUDA) for _ in range(3)} == {CHUNK_FRAMES}
    assert len(asked) == 1
    frames_at_once(1200, LAYER, CUDA)
    assert len(asked) == 2
    ask_again()
    frames_at_once(1100, LAYER, CUDA)
    assert len(asked) == 3


def test_where_memory_runs_out_smaller_chunks_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, forgotten = iter([60, 25]), []
    monkeypatch.setattr(features, "frames_at_once", lambda *_: next(sizes))
    monkeypatch.setattr(features, "ask_again", lambda: forgotten.append(1))
    encoder: Any = lhubert().feature_extractor
    audio = waveform(60)
    expected = encoder(audio)

    def refuse(_: object, given: tuple[torch.Tensor]) -> None:
        if given[0].shape[-1] > audio.shape[-1] // 2:
            raise torch.OutOfMemoryError

    encoder.conv_layers[0].conv.register_forward_pre_hook(refuse)
    with torch.no_grad():
        found = encoder(audio)
    torch.testing.assert_close(found, expected)
    assert forgotten == [1]


def test_while_calls_are_recorded_chunks_are_those_of_the_same_input_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunk_sizes, "free_bytes", lambda _: 10_000 * MIB)
    monkeypatch.setattr(chunk_sizes, "is_recorded", lambda: False)
    called = [frames_at_once(frames, LAYER, CUDA) for frames in (7300, 30_000)]
    assert called == [7300, 10_000]
    monkeypatch.setattr(chunk_sizes, "free_bytes", lambda _: 0)  # as it is while they are recorded
    monkeypatch.setattr(chunk_sizes, "is_recorded", lambda: True)
    assert [frames_at_once(frames, LAYER, CUDA) for frames in (7300, 30_000)] == called
    # Of another input nothing is known.
    assert frames_at_once(7301, LAYER, CUDA) == CHUNK_FRAMES
    assert frames_at_once(7300, replace(LAYER, samples=2), CUDA) == CHUNK_FRAMES


@pytest.mark.usefixtures("_a_gpu")
@pytest.mark.parametrize(
    ("name", "value"), [("is_available", False), ("is_current_stream_capturing", True)]
)
def test_a_device_that_cannot_be_asked_has_nothing_free(
    name: str, value: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, name, lambda: value)
    assert free_bytes(CUDA) == 0


@pytest.fixture(params=[False, True], ids=["launched", "recorded"])
def recorded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a GPU is said to record what is called."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: request.param)
    return bool(request.param)


@pytest.mark.parametrize("is_padded", [False, True])
def test_while_calls_are_recorded_no_value_of_an_input_is_waited_for(
    recorded: bool, is_padded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    as_bool = torch.Tensor.__bool__

    def look(value: torch.Tensor) -> bool:
        looked.append(value)
        return as_bool(value)

    monkeypatch.setattr(torch.Tensor, "__bool__", look)
    frames = 20 if is_padded else CHUNK_FRAMES + 3  # which is taken in chunks
    audio = waveform(frames)
    mask = torch.ones_like(audio, dtype=torch.long) if is_padded else None
    with torch.no_grad():
        assert lhubert()(audio, attention_mask=mask).last_hidden_state.shape[1] == frames
    assert bool(looked) != recorded


def test_a_compiler_follows_a_front_end_to_its_end() -> None:
    encoder: Any = lhubert().feature_extractor
    audio = waveform(20)
    compiled = torch.compile(encoder.forward, backend="eager", fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(compiled(audio), encoder(audio))
