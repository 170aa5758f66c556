"""Waiting for what another process of the run makes."""

import os
import time
from pathlib import Path

from lightning_modules.errors import ModelError


def wait_for(path: Path) -> None:
    """Wait until another process has written a file.

    Raises:
        ModelError: The process that began this one has ended, most likely with an error of its own.
    """
    parent = os.getppid()
    while not path.exists():
        if os.getppid() != parent:
            raise ModelError(f"`folder` has no {path.name}: fitting it has ended without one")
        time.sleep(0.2)
