"""Everything that a check makes in its folder, and the one file that holds it all."""

import json
import tarfile
from pathlib import Path
from typing import Any

from datamodules.files.writing import write_text
from profiling.rows.machine import describe_machine
from profiling.rows.run_directory import RunDirectory

NAME = "gpu-check.tar.gz"
ROWS, MANIFEST, LOG = "checks.jsonl", "manifest.json", "log.txt"
TEST_LOG, TEST_REPORT = "tests.log", "tests.xml"
FIGURES, SWEEP = "figures", "sweep"
# Whatever else is in the folder is somebody else's.
MADE = (ROWS, MANIFEST, LOG, TEST_LOG, TEST_REPORT, FIGURES, SWEEP)
# Copies of what is there anyway, and what only a running sweep needs.
LEFT_OUT = ("tensorboard", "batches", ".locks")


def forget_earlier(folder: Path) -> None:
    """Remove what an earlier check has found, which would pass for what this one finds.

    Its rows, its manifest and its log are written anew anyway, its pictures when others are drawn.

    Raises:
        SettingsError: The earlier one is still at work.
    """
    if (folder / SWEEP).exists():
        with RunDirectory(folder / SWEEP, fresh=True) as run:
            run.begin()
    for name in (NAME, TEST_LOG, TEST_REPORT):
        (folder / name).unlink(missing_ok=True)


def write_manifest(folder: Path, commit: str | None, more: dict[str, Any]) -> None:
    """Write what the numbers were made with.

    Args:
        folder: Of the check.
        commit: Where there is no `.git` to ask.
        more: What the check itself knows.
    """
    machine = describe_machine()
    machine["commit"] = machine["commit"] or commit
    write_text(folder / MANIFEST, json.dumps({"machine": machine} | more, indent=2))


def pack(folder: Path) -> Path:
    """Pack what a check has made in its folder into an archive there; return its path."""
    archive = folder / NAME
    partial = archive.with_name(f".{NAME}.partial")
    with tarfile.open(partial, "w:gz") as tar:
        for name in MADE:
            if (folder / name).exists():
                tar.add(folder / name, arcname=f"gpu-check/{name}", filter=_without_copies)
    partial.replace(archive)
    return archive


def _without_copies(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    is_left_out = any(part in LEFT_OUT for part in Path(member.name).parts)
    return None if is_left_out else member
