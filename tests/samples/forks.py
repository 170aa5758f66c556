"""Scripts that need a new interpreter, in forks of one: to import torch takes seconds."""

import subprocess
import sys

from tests.samples.places import ROOT

END = "end of a fork"
EACH = f"""
import os
import sys
import torch

for script in sys.argv[1:]:
    fork = os.fork()
    if fork == 0:
        exec(script)
        break
    assert os.waitpid(fork, 0)[1] == 0, script
    print({END!r}, flush=True)
"""


def said_in_forks(*scripts: str) -> list[str]:
    """Run scripts one after the other, where torch is imported and nothing else; all must succeed.

    Returns:
        What each of them printed.
    """
    command = [sys.executable, "-c", EACH, *scripts]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split(f"{END}\n")[:-1]
