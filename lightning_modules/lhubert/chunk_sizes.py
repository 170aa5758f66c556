"""How many frames the convolutional front end takes at a time."""

from dataclasses import dataclass

import torch

from lightning_modules.cuda_graphs import is_recorded

# 20 seconds: the widest layer of one chunk takes 130 MiB in float32.
CHUNK_FRAMES = 1000
# A layer's input, its convolution, its norm and its activation may be alive together.
LIVE_TENSORS = 4
# Of the memory that is free the front end takes so much at most: the layers after it need some too.
SHARE_OF_FREE = 0.5
# Torch takes a batch apart for cuDNN where a convolution has more values, but no sample of it.
# Source: torch, aten/src/ATen/native/Convolution.cpp, `needs_64bit_indexing_no_split`.
MOST_VALUES = 2**31 - 1


@dataclass(frozen=True)
class WidestLayer:
    """What the widest layer of the front end computes for one frame.

    Args:
        samples: Of the batch.
        values: Of one sample.
        whole_bytes: Of a value where the input is taken whole.
        chunk_bytes: Of a value in chunks, which are summed up in a wider number format.
    """

    samples: int
    values: int
    whole_bytes: int
    chunk_bytes: int

    def frames_within(self, room_bytes: int, value_bytes: int) -> int:
        """Return how many frames it may compute at once."""
        fit = room_bytes // (self.samples * self.values * value_bytes)
        # A chunk reaches into the frame after it.
        return min(fit, MOST_VALUES // self.values - 1)


# The frames of one chunk, as they were chosen for such an input when the device was asked.
_chosen: dict[tuple[int, WidestLayer, torch.device], int] = {}


def frames_at_once(num_frames: int, layer: WidestLayer, device: torch.device) -> int:
    """Return the frames of one chunk.

    On a CPU chunks of one size are as fast as the whole. On a GPU every chunk is some thirty calls
    more, so that a recording is taken whole where it fits. The GPU is asked once for such an input:
    to ask takes the host longer than a kernel, and while the calls are recorded it cannot be asked.

    Args:
        num_frames: Of the whole input.
        layer: The widest one.
        device: Where it is computed.
    """
    if device.type != "cuda" or num_frames <= CHUNK_FRAMES:
        return CHUNK_FRAMES
    if torch.compiler.is_compiling():  # nothing that is compiled is recorded
        return _choose(num_frames, layer, device)
    asked = num_frames, layer, device
    if asked not in _chosen:
        if is_recorded():
            return CHUNK_FRAMES
        _chosen[asked] = _choose(num_frames, layer, device)
    return _chosen[asked]


def _choose(num_frames: int, layer: WidestLayer, device: torch.device) -> int:
    room = int(SHARE_OF_FREE * free_bytes(device)) // LIVE_TENSORS
    if num_frames <= layer.frames_within(room, layer.whole_bytes):
        return num_frames
    return max(CHUNK_FRAMES, layer.frames_within(room, layer.chunk_bytes))


def ask_again() -> None:
    """Forget what was chosen: less memory is free than there was then."""
    _chosen.clear()


def free_bytes(device: torch.device) -> int:
    """Return what this process can still take of a GPU's memory; 0 where it cannot be asked.

    Neither a device that only seems to be there can be, nor one whose calls are being recorded.
    """
    if not torch.cuda.is_available() or is_recorded():
        return 0
    free, total = torch.cuda.mem_get_info(device)
    allocated = torch.cuda.memory_allocated(device)
    unused = torch.cuda.memory_reserved(device) - allocated
    allowed = int(total * torch.cuda.get_per_process_memory_fraction(device)) - allocated
    return max(0, min(free + unused, allowed))
