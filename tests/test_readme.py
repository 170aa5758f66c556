"""The commands of the README: those that measure for long are replaced by their smallest form."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lightning_modules.variants import VARIANTS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line and not line.startswith("#")
]


def test_the_first_command_stands_in_the_first_20_lines() -> None:
    head = "\n".join(README.splitlines()[:20])
    assert "make profile" in head


def test_every_variant_has_its_line() -> None:
    for variants in VARIANTS.values():
        for name in variants:
            assert f"`{name}`" in README


def test_every_file_it_names_exists() -> None:
    named = re.findall(
        r"`((?:configs|lightning_modules|datamodules|profiling|benchmarks|tests)/[\w./*]+)`", README
    )
    assert named
    for name in named:
        assert list(ROOT.glob(name.rstrip("/"))), name


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_one_that_exists(command: str) -> None:
    words = shlex.split(command.split("#")[0])
    if words[0] == "make":
        answer = subprocess.run(
            ["make", "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert answer.returncode == 0, answer.stderr
    elif words[0] == "python":
        help_of = [sys.executable, words[1], words[2], "--help"]
        answer = subprocess.run(help_of, cwd=ROOT, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr
        for option in (word for word in words if word.startswith("--")):
            assert option.split(".")[0].split("=")[0] in answer.stdout, option
    else:
        assert words[0] in ("tensorboard", "git", "cd")
