"""What runs in a measuring child: limits first, then the task, and every failure as a result.

Imported by the fork server, which must compute nothing: this module and those it imports only
define things.
"""

import ctypes
import gc
import logging
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import lightning  # noqa: F401  (preloaded for the children)
import torchvision  # noqa: F401

import profiling.measuring.frontier_step
import profiling.measuring.tasks  # noqa: F401
from datamodules.modality import MODALITIES
from lightning_modules.variants import VARIANTS
from profiling.children.outcome import Outcome
from profiling.errors import USER_ERRORS
from profiling.measuring.process_limits import is_out_of_memory

with suppress(Exception):  # the child that needs it says why it cannot be imported
    import torchaudio  # noqa: F401

PR_SET_PDEATHSIG = 1

for _path in (
    *(modality.synthetic for modality in MODALITIES.values()),
    *(variant.path for variants in VARIANTS.values() for variant in variants.values()),
):
    import_module(_path.split(":")[0])

# What was imported is never garbage: without this every collection in a child would look through
# a million objects, a third of a second, and copy the pages that it shares with the server.
gc.collect()
gc.freeze()

EXPLAINS = "Explanation:"


def guarded(
    function: str, arguments: Sequence[Any], send: Callable[[dict[str, Any]], None]
) -> Outcome:
    """Call the function named "module:name"; an exception becomes an outcome of its kind.

    Parts of a result that the function yields are sent as they come.
    """
    _die_with_the_server()
    _be_quiet()
    try:
        module, name = function.split(":")
        result = getattr(import_module(module), name)(*arguments)
        if not isinstance(result, Iterator):
            return Outcome("ok", result)
        for part in result:
            send(part)
        return Outcome("ok")
    except USER_ERRORS as mistake:
        return Outcome("mistake", message=str(mistake))
    except Exception as problem:
        if is_out_of_memory(problem):
            return Outcome("oom", message=_first_line(problem))
        return Outcome("error", message=_explain(problem))


def _die_with_the_server() -> None:
    # A killed parent closes the server's pipe, the server ends, and the child with it: nobody
    # goes on computing beside the next sweep. Ctrl-C is the parent's to handle.
    # Where the system has no such thing (macOS) the child ends when it next has something to say.
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _be_quiet() -> None:
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    logging.getLogger("transformers").setLevel(logging.ERROR)
    logging.getLogger("torch").setLevel(logging.ERROR)  # says where it cannot compile all at once


def _first_line(problem: BaseException) -> str:
    lines = f"{type(problem).__name__}: {problem}".splitlines()
    # torch.compile names the kind of its trouble first, and says below what it was.
    told = [line.strip().removeprefix(EXPLAINS) for line in lines if EXPLAINS in line][:1]
    return ":".join([lines[0], *told])[: 500 if told else 300]


def _explain(problem: BaseException) -> str:
    frames = traceback.extract_tb(problem.__traceback__)[-3:]
    where = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames))
    return f"{_first_line(problem)} (at {where})"
