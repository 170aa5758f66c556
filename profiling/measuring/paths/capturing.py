"""A call as a CUDA graph: a replay costs the host next to nothing, its time is the device's."""

from collections.abc import Callable
from typing import Any

import torch

# Libraries choose their kernels in them, and take their workspace.
WARM_UP_CALLS = 3
Run = Callable[[], Any]
_has_broken = False


def captured(run: Run, warm_up_calls: int = WARM_UP_CALLS, together: int = 1) -> tuple[Run, Any]:
    """Capture a call whose inputs stay where they are.

    Warmed up beside the usual stream, as torch asks for.

    Args:
        run: What is called.
        warm_up_calls: Calls before.
        together: How many calls one replay makes, one after the other.

    Returns:
        What replays, and the output of its last call, which every replay overwrites.

    Raises:
        RuntimeError: It waits for the host, or memory ran out; then `is_spoilt`.
    """
    global _has_broken
    usual = torch.cuda.current_stream()
    stream = torch.cuda.Stream()
    stream.wait_stream(usual)
    with torch.cuda.stream(stream):
        for _ in range(warm_up_calls):
            run()
    usual.wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            for _ in range(together):
                output = run()
    except Exception:
        _has_broken = True
        torch.cuda.set_stream(usual)  # torch may leave its own behind as the current one
        raise
    return graph.replay, output


def is_spoilt() -> bool:
    """Tell whether a capture broke in this process: what follows belongs in another one.

    Torch then may take the capture as going on: it draws no number on the device any more, and
    fails where memory is given back. Source: torch 2.11, `CUDAGraph::capture_end`, which ends the
    capture before it tells the generator and the allocator, and raises in between.
    """
    return _has_broken
