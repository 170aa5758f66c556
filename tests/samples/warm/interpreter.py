"""Commands that look like a new interpreter, and are forks of a process that has the imports.

A new one needs half a dozen seconds until torch is there, and many tests start some.
"""

import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tests.samples.warm.client as client
from tests.samples.places import ROOT


@contextmanager
def warm_interpreter(
    place: Path, shared: Path, root: Path = ROOT, path: str | None = None
) -> Iterator[Path]:
    """Give a folder with `python` and `torchrun`, which work as long as the context lasts.

    Args:
        place: Where the folder is made.
        shared: A folder that those share who share the server.
        root: Of the project that is imported.
        path: Where modules are looked for; None looks in `root`.
    """
    address = shared / "warm"
    lease = _connect(address, root, path or str(root))
    folder = place / "bin"
    folder.mkdir()
    words = [sys.executable, "-IS", client.__file__, str(address), str(folder / "python")]
    _write_command(folder / "python", f"exec {shlex.join(words)}")
    _write_command(folder / "torchrun", f"exec {folder / 'python'} -m torch.distributed.run")
    yield folder
    lease.close()


def _write_command(path: Path, beginning: str) -> None:
    path.write_text(f'#!/bin/sh\n{beginning} "$@"\n')
    path.chmod(0o755)


def _connect(address: Path, root: Path, path: str) -> socket.socket:
    # Of those that share it, the first that needs the server starts it; a second one ends at once.
    lease = socket.socket(socket.AF_UNIX)
    if not _accepts(lease, address):
        _start(address, root, path)
        deadline = time.monotonic() + 300
        while not _accepts(lease, address):
            assert time.monotonic() < deadline, address.with_suffix(".log").read_text()
            time.sleep(0.02)
    return lease


def _accepts(lease: socket.socket, address: Path) -> bool:
    try:
        lease.connect(str(address))
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True


def _start(address: Path, root: Path, path: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.samples.warm.server", str(address)],
        cwd=root,
        env=os.environ | {"PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=address.with_suffix(".log").open("ab"),
        start_new_session=True,
    )
