"""How many frames the convolutional front end takes at a time."""

import torch

# 20 seconds: the widest layer of one chunk takes 130 MiB in float32.
CHUNK_FRAMES = 1000
# A layer's input, its convolution, its norm and its activation may be alive together.
LIVE_TENSORS = 4
# Of the memory that is free the front end takes so much at most: the layers after it need some too.
SHARE_OF_FREE = 0.5
# The frames of one chunk by frames, bytes of one in both ways, and device, as they were chosen last
# when the device could be asked: what is recorded goes the way of what was called.
_chosen: dict[tuple[int, int, int, torch.device], int] = {}


def frames_at_once(
    num_frames: int, frame_bytes: int, device: torch.device, chunked_frame_bytes: int | None = None
) -> int:
    """Return the frames of one chunk.

    On a CPU chunks of one size are as fast as the whole. On a GPU every chunk is some thirty calls
    more, so that a recording is taken whole where it fits. While the calls are recorded the answer
    is the one that the same input had before.

    Args:
        num_frames: Of the whole input.
        frame_bytes: Of the widest layer, for one frame of all samples.
        device: Where it is computed.
        chunked_frame_bytes: The same in chunks, which are summed up in a wider number format; None
            where that is no wider.
    """
    if device.type != "cuda" or num_frames <= CHUNK_FRAMES:
        return CHUNK_FRAMES
    chunked_bytes = chunked_frame_bytes or frame_bytes
    asked = num_frames, frame_bytes, chunked_bytes, device
    if is_recorded():
        return _chosen.get(asked, CHUNK_FRAMES)
    room = int(SHARE_OF_FREE * free_bytes(device)) // LIVE_TENSORS
    fits_whole = num_frames * frame_bytes <= room
    chunk = num_frames if fits_whole else max(CHUNK_FRAMES, room // chunked_bytes)
    if not torch.compiler.is_compiling():  # nothing that is compiled is recorded
        _chosen[asked] = chunk
    return chunk


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


def is_recorded() -> bool:
    """Tell whether the calls to a GPU are being recorded, for a CUDA graph.

    Then no value can be looked at, which would wait for the GPU; and the recording is replayed with
    other values anyway. A compiler of models cannot follow the question, and records nothing.
    """
    if torch.compiler.is_compiling() or not torch.cuda.is_available():
        return False
    return torch.cuda.is_current_stream_capturing()
