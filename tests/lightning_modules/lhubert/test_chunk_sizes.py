from typing import Any

import pytest
import torch

from lightning_modules.lhubert import chunk_sizes, features
from lightning_modules.lhubert.chunk_sizes import CHUNK_FRAMES, frames_at_once, free_bytes
from tests.samples.variants.hubert import lhubert, waveform

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
MIB = 2**20
FRAME = 64 * 512 * 4  # bytes of base's widest layer, for one frame of one sample in float32


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
    assert frames_at_once(10 * CHUNK_FRAMES, FRAME, CPU) == CHUNK_FRAMES


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
    assert frames_at_once(7300, FRAME, CUDA) == chunk
    assert frames_at_once(900, FRAME, CUDA) == CHUNK_FRAMES  # and nothing is asked


def test_chunks_leave_room_for_sums_in_double_precision_and_the_whole_needs_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    half, double = FRAME // 2, 2 * FRAME
    monkeypatch.setattr(chunk_sizes, "free_bytes", lambda _: 4800 * MIB)
    # Four layers in half precision take 256 KiB for a frame, in double precision 1 MiB.
    assert frames_at_once(9600, half, CUDA, double) == 9600
    assert frames_at_once(9601, half, CUDA, double) == 2400


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
    values = 2 * 64 * 12  # of two samples, 64 positions for a frame, 12 channels
    assert asked == [(20, values * dtype.itemsize, CPU, values * 8)]


def test_while_calls_are_recorded_chunks_are_those_of_the_same_input_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunk_sizes, "_chosen", {})
    monkeypatch.setattr(chunk_sizes, "free_bytes", lambda _: 10_000 * MIB)
    monkeypatch.setattr(chunk_sizes, "is_recorded", lambda: False)
    called = [frames_at_once(frames, FRAME, CUDA) for frames in (7300, 30_000)]
    assert called == [7300, 10_000]
    monkeypatch.setattr(chunk_sizes, "free_bytes", lambda _: 0)  # as it is while they are recorded
    monkeypatch.setattr(chunk_sizes, "is_recorded", lambda: True)
    assert [frames_at_once(frames, FRAME, CUDA) for frames in (7300, 30_000)] == called
    # Of another input nothing is known.
    assert frames_at_once(7301, FRAME, CUDA) == CHUNK_FRAMES
    assert frames_at_once(7300, 2 * FRAME, CUDA) == CHUNK_FRAMES


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
