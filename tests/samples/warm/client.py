"""Stands for a Python interpreter: hands its arguments to the server that has the imports.

Run by an interpreter without its site, which starts in a hundredth of a second.
"""

import json
import os
import signal
import socket
import struct
import sys


def main(path: str, python: str, words: list[str]) -> int:
    """Run a program, and return its exit status; negative where a signal ended it."""
    server = socket.socket(socket.AF_UNIX)
    server.connect(path)
    program = {
        "words": words,
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "cores": sorted(os.sched_getaffinity(0)),
        "python": python,
    }
    text = json.dumps(program).encode()
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    socket.send_fds(server, [struct.pack("i", len(text)) + text], [0, 1, 2])
    for number in signals:
        signal.signal(number, lambda number, _: server.send(bytes([number])))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    (status,) = struct.unpack("i", server.recv(4))
    return int(status)


if __name__ == "__main__":
    status = main(sys.argv[1], sys.argv[2], sys.argv[3:])
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)
