import pytest
import torch

from lightning_modules.lhubert import chunk_sizes
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
