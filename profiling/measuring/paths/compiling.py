"""Compile the model of a point, freshly; see that what was compiled is what runs."""

import os
import time
from contextlib import AbstractContextManager, nullcontext
from multiprocessing.util import get_temp_dir
from statistics import median
from typing import Any

import lightning
import torch
import torch._dynamo.config
import torch._inductor.config
from lightning import LightningModule, Trainer
from torch._dynamo.utils import counters

from datamodules.counted import counted
from profiling.measuring.paths.attention_watch import kernels_in, names_of

BACKEND = "inductor"
# Of torch's profiler, which otherwise complains on stderr where there is no GPU.
SILENT = "5"


def compile_module(module: LightningModule, threads: int) -> None:
    """Let torch.compile have the forward pass of a module, backbone and head, in place.

    The first step then compiles, in training the backward pass, too. Names of parameters stay.
    What was compiled before in this process is forgotten: a model of another batch size would
    count as one more compilation of the same function, and torch gives a function up after some
    and runs it as it comes. Here that is an error.

    The code goes to a folder that ends with the sweep: torch's cache on disk does not tell
    processes of other numbers of threads apart (github.com/pytorch/pytorch/issues/153145). No
    further processes compile: those that torch starts for a GPU would live on beside timed steps.

    Args:
        module: Freshly built, on the CPU or not.
        threads: Of this process.
    """
    torch.compiler.reset()
    counters.clear()
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = os.path.join(get_temp_dir(), "compiled")
    torch._dynamo.config.fail_on_recompile_limit_hit = True
    torch._inductor.config.compile_threads = 1
    torch._inductor.config.cpp.threads = threads
    module.compile(dynamic=False, backend=BACKEND)


def num_graphs() -> int:
    """Return how many graphs were compiled of the module that was given last."""
    return int(counters["stats"]["unique_graphs"])


def num_graph_breaks() -> int:
    """Return in how many places the forward pass was cut, because torch could not follow it."""
    return sum(counters["graph_break"].values())


class CompileWatch(lightning.Callback):
    """Times the first step, in which all is compiled, and sees that nothing is in later ones.

    Raises (through the Trainer):
        RuntimeError: Something was compiled after the first step.
    """

    def __init__(self) -> None:
        """Begin before any step."""
        self._began_s = 0.0
        self._first_s: float | None = None
        self._graphs = 0

    def fields(self, latencies_ms: list[float]) -> dict[str, Any]:
        """Return what a row says of compiling.

        Args:
            latencies_ms: Of later steps: what the first one took beyond those is compiling.
        """
        assert self._first_s is not None
        return {
            "compile_seconds": max(0.0, self._first_s - median(latencies_ms) / 1e3),
            "compiled_graphs": self._graphs,
            "graph_breaks": num_graph_breaks(),
        }

    def on_train_batch_start(self, *_: Any) -> None:
        """Begin the first training step."""
        self._began_s = time.perf_counter()

    def on_predict_batch_start(self, *_: Any) -> None:
        """Begin the first prediction."""
        self._began_s = time.perf_counter()

    def on_train_batch_end(self, *_: Any) -> None:
        """End the first training step."""
        self._end()

    def on_predict_batch_end(self, *_: Any) -> None:
        """End the first prediction."""
        self._end()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that no later step compiled."""
        self._check()

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that no later step compiled."""
        self._check()

    def _end(self) -> None:
        if self._first_s is not None:
            return
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        self._first_s = time.perf_counter() - self._began_s
        self._graphs = num_graphs()

    def _check(self) -> None:
        later = num_graphs() - self._graphs
        if later:
            raise RuntimeError(
                f"{counted(later, 'graph was', 'graphs were')} compiled while steps were timed"
            )


def kernels_of_compiled(
    module: LightningModule, inputs: dict[str, torch.Tensor], may_profile: bool = True
) -> str | None:
    """Run compiled code once more and return its fused attention kernels; None where it has none.

    A compiled graph may hold other kernels than the model asks for.

    Args:
        module: It has made its steps.
        inputs: What each of them gave to `forward`: compiled code asks for no more and no less.
        may_profile: Whether torch's profiler may look at it; else the kernels stay unknown, None.

    Raises:
        RuntimeError: The module would not run what was compiled for it.
    """
    if not num_graphs():
        raise RuntimeError("the model does not run compiled: nothing was compiled")
    os.environ.setdefault("KINETO_LOG_LEVEL", SILENT)
    look: AbstractContextManager[Any] = nullcontext()
    if may_profile:
        look = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU])
    with torch.compiler.set_stance("fail_on_recompile"), look as seen:
        module(**inputs)
    return None if seen is None else names_of(kernels_in(seen.events()))
