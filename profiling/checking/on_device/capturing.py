"""A call as a CUDA graph: a replay costs the host next to nothing, its time is the device's."""

from collections.abc import Callable
from typing import Any

import torch

WARM_UP_CALLS = 3
Run = Callable[[], Any]


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
        RuntimeError: It waits for the host, or memory ran out. Torch then may leave its own stream
            behind as the current one.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(warm_up_calls):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(together):
            output = run()
    return graph.replay, output
