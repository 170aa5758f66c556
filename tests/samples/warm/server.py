"""A process that has the imports, from which interpreters are forked; run as a script.

Its argument is the path of a socket. A connection that sends a program gets the exit status of the
fork that ran it, and may send signals for it; where it is lost, the fork is killed. The server
ends with the last connection.
"""

import errno
import gc
import json
import os
import selectors
import signal
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing import util
from types import ModuleType
from typing import Any

MOST_BYTES = 2**20


class Server:
    """Forks on demand, and tells how the forks ended."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._connections: set[socket.socket] = set()
        self._forks: dict[socket.socket, int] = {}

    def serve(self) -> dict[str, Any] | None:
        """Return None in the server, when nobody needs it any more; in a fork what it shall run."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.data, socket.socket):
                    self._tell(key.fd, key.data)
                elif (program := self._hear(key.fileobj)) is not None:  # type: ignore[arg-type]
                    self._let_go()
                    return program
            if not self._connections:
                return None

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        self._connections.add(connection)
        self._selector.register(connection, selectors.EVENT_READ)

    def _hear(self, connection: socket.socket) -> dict[str, Any] | None:
        fork = self._forks.get(connection)
        if fork is not None:
            said = connection.recv(1)
            os.kill(fork, said[0] if said else signal.SIGKILL)
            return None
        said, files = _receive(connection)
        if not said:
            self._forget(connection)
            return None
        fork = os.fork()
        if fork == 0:
            for number, file in enumerate(files):
                os.dup2(file, number)
                os.close(file)
            program: dict[str, Any] = json.loads(said)
            return program
        for file in files:
            os.close(file)
        self._forks[connection] = fork
        self._selector.register(os.pidfd_open(fork), selectors.EVENT_READ, connection)
        return None

    def _tell(self, file: int, connection: socket.socket) -> None:
        self._selector.unregister(file)
        os.close(file)
        _, status = os.waitpid(self._forks.pop(connection), 0)
        with suppress(OSError):  # the client was killed
            connection.send(struct.pack("i", os.waitstatus_to_exitcode(status)))
        self._forget(connection)

    def _forget(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        self._connections.discard(connection)
        connection.close()

    def _let_go(self) -> None:
        """Close in a fork what is the server's."""
        for key in [*self._selector.get_map().values()]:
            os.close(key.fd)
        for owned in (self._listener, *self._connections):
            owned.detach()
        self._selector.close()


def _receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Return a program and its standard files; nothing where the connection was closed."""
    said, files, _, _ = socket.recv_fds(connection, MOST_BYTES, 3)
    if not said:
        return b"", []
    (size,) = struct.unpack("i", said[:4])
    said = said[4:]
    while len(said) < size:
        said += connection.recv(MOST_BYTES)
    return said, files


def run(program: dict[str, Any]) -> None:
    """Be the interpreter that was asked for."""
    os.chdir(program["folder"])
    os.environ.clear()
    os.environ.update(program["environment"])
    os.sched_setaffinity(0, program["cores"])
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_DFL),
    ):
        signal.signal(number, handler)
    if threads := os.environ.get("OMP_NUM_THREADS"):  # a new one would look at it
        sys.modules["torch"].set_num_threads(int(threads))
    # A fork server that it starts is a fork of it, too: it need not import everything once more.
    util.spawnv_passfds = _fork_instead  # type: ignore[assignment]
    sys.executable = program["python"]
    words = iter(program["words"])
    word = next(words)
    while word in ("-u", "-B"):
        word = next(words)
    if word == "-m":
        _run_module(next(words), words)
    elif word == "-c":
        _become("-c", next(words), words, place=program["folder"])
    else:
        with open(word) as file:
            text = file.read()
        _become(word, text, words, place=os.path.dirname(os.path.realpath(word)))


def _run_module(name: str, words: Iterator[str]) -> None:
    import runpy

    sys.argv = [name, *words]
    sys.path.insert(0, os.getcwd())
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _become(name: str, text: str, words: Iterator[str], place: str) -> None:
    sys.argv = [name, *words]
    sys.path.insert(0, place)
    main = ModuleType("__main__")
    if name != "-c":
        main.__file__ = os.path.abspath(name)
    sys.modules["__main__"] = main
    exec(compile(text, name, "exec"), main.__dict__)


def _fork_instead(path: str | bytes, words: Sequence[Any], files: Sequence[int]) -> int:
    """Run what would be run by a new interpreter, `-c` among its words, in a fork."""
    fork = os.fork()
    if fork == 0:
        status = 1
        try:
            for name in os.listdir("/proc/self/fd"):
                if int(name) > 2 and int(name) not in files:
                    with suppress(OSError):
                        os.close(int(name))
            util._finalizer_registry.clear()  # type: ignore[attr-defined]
            _forget_garbage()
            _execute(words)
            status = 0
        finally:
            os._exit(status)
    return fork


def _forget_garbage() -> None:
    """Have forks look for garbage among their own objects alone, as a fork server has its."""
    gc.collect()
    gc.freeze()


def _execute(words: Sequence[Any]) -> None:
    text = words[[*words].index("-c") + 1]
    sys.modules["__main__"] = ModuleType("__main__")
    exec(text, sys.modules["__main__"].__dict__)


def main(path: str) -> None:
    """Serve at `path`, where nobody does so already."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(path)
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            return
        raise
    listener.listen()
    # What the programs of the tests import; clients wait meanwhile.
    import lightning.pytorch.cli  # noqa: F401
    import torch.distributed.run  # noqa: F401

    import profiling.children.entry
    import profiling.commands.sweep  # noqa: F401
    import train  # noqa: F401

    _forget_garbage()
    program = Server(listener).serve()
    if program is not None:
        run(program)


if __name__ == "__main__":
    main(sys.argv[1])
