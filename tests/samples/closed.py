"""A folder that one may not look into: tests may run as root, who may look everywhere."""

from pathlib import Path
from typing import Any

import pytest


def close(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to say anything of what is in a folder."""
    stat = Path.stat

    def refuse(path: Path, **options: Any) -> Any:
        if folder in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", refuse)
