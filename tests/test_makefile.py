"""Setting up and cleaning, with programs that stand in for Python, pip and uv."""

import shutil
import subprocess
from pathlib import Path

from tests.samples.places import ROOT

# What an environment has whose `venv` was broken off before it had pip.
WITHOUT_PIP = "#!/bin/sh\necho No module named pip >&2\nexit 1\n"
# Stands in for the Python of the system: it makes an environment in which all goes well.
PYTHON = """#!/bin/sh
case "$*" in "-m venv "*) ;; *) exit 1 ;; esac
mkdir -p .venv/bin
for name in python uv; do printf '#!/bin/sh\\n' > .venv/bin/$name; chmod +x .venv/bin/$name; done
echo made >> log
"""


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def make(folder: Path, *words: str) -> None:
    command = ["make", "--directory", str(folder), f"PYTHON={folder}/system", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def project(folder: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder / name)
    write_program(folder / "system", PYTHON)
    return folder


def test_an_environment_that_was_left_unfinished_is_made_again(tmp_path: Path) -> None:
    folder = project(tmp_path)
    write_program(folder / ".venv/bin/python", WITHOUT_PIP)
    make(folder, ".venv/ready")
    (folder / ".venv/ready").unlink()
    make(folder, ".venv/ready")
    assert (folder / "log").read_text() == "made\n"  # once: the second time it was whole


def test_cleaning_keeps_what_took_hours_to_measure_and_to_train(tmp_path: Path) -> None:
    folder = project(tmp_path)
    made = [
        folder / name for name in (".venv/bin", "build", "runs/cpu", "lightning_logs/version_0")
    ]
    for each in made:
        each.mkdir(parents=True)
    make(folder, "clean")
    assert [each.exists() for each in made] == [False, False, True, True]
