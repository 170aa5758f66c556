"""Everything that a check has found, in one file."""

import json
import tarfile
from pathlib import Path
from typing import Any

from datamodules.files.writing import write_text
from profiling.rows.machine import describe_machine

NAME = "gpu-check.tar.gz"
# Copies of what is there anyway, and what only a running sweep needs.
LEFT_OUT = ("tensorboard", "batches", ".locks")


def write_manifest(folder: Path, commit: str | None, more: dict[str, Any]) -> None:
    """Write what the numbers were made with.

    Args:
        folder: Of the check.
        commit: Where there is no `.git` to ask.
        more: What the check itself knows.
    """
    machine = describe_machine()
    machine["commit"] = machine["commit"] or commit
    write_text(folder / "manifest.json", json.dumps({"machine": machine} | more, indent=2))


def pack(folder: Path) -> Path:
    """Pack the folder of a check into an archive inside it; return its path."""
    archive = folder / NAME
    partial = archive.with_name(f".{NAME}.partial")
    with tarfile.open(partial, "w:gz") as tar:
        for path in sorted(folder.iterdir()):
            if path.name not in (NAME, partial.name):
                tar.add(path, arcname=f"gpu-check/{path.name}", filter=_without_copies)
    partial.replace(archive)
    return archive


def _without_copies(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    is_left_out = any(part in LEFT_OUT for part in Path(member.name).parts)
    return None if is_left_out else member
