"""Somebody else who computes."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


@contextmanager
def somebody_computes(cores: Iterable[int] | None = None) -> Iterator[None]:
    """Keep one core busy, of these if any are named."""
    bind = f"import os; os.sched_setaffinity(0, {set(cores)})\n" if cores else ""
    computing = subprocess.Popen([sys.executable, "-c", f"{bind}while True: pass"])
    try:
        yield
    finally:
        computing.kill()
        computing.wait()
