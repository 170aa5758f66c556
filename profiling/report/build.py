"""From the rows of a run directory to everything that people look at."""

import os
import shutil
from pathlib import Path

from datamodules.files.writing import write_text
from profiling.report.figures.curves import draw_figures
from profiling.report.figures.steadiness import draw_steadiness
from profiling.report.material import Material
from profiling.report.page.rendering import render_page
from profiling.report.tensorboard.event_files import write_event_files
from profiling.rows.files import writing

PAGE, FIGURES, EVENTS = "report.html", "figures", "tensorboard"


def build_report(directory: Path, material: Material) -> Path:
    """Write `report.html`, `figures/` and `tensorboard/`, in place of those that are there.

    Each is complete under a temporary name before it takes its place.

    Args:
        directory: The run directory.
        material: What they show.

    Returns:
        The path of `report.html`.

    Raises:
        SettingsError: The directory cannot be written.
    """
    pictures = draw_figures(material.curves, material.tipping_points, material.styles)
    pictures |= draw_steadiness(material.steadiness)
    page = render_page(material, pictures)
    with writing(directory):
        _write(directory, material, pictures, page)
    return directory / PAGE


def _write(directory: Path, material: Material, pictures: dict[str, bytes], page: str) -> None:
    figures = _fresh_folder(directory, FIGURES)
    for name, png in pictures.items():
        (figures / f"{name}.png").write_bytes(png)
    _put_in_place(figures, directory / FIGURES)

    events = _fresh_folder(directory, EVENTS)
    write_event_files(events, material, pictures)
    _put_in_place(events, directory / EVENTS)

    write_text(directory / PAGE, page)


def _fresh_folder(directory: Path, name: str) -> Path:
    folder = directory / f".{name}.partial"
    shutil.rmtree(folder, ignore_errors=True)  # left over from a build that was killed
    folder.mkdir(parents=True)
    return folder


def _put_in_place(folder: Path, place: Path) -> None:
    """Rename a folder over another one, which cannot be done in one step when that has files."""
    old = place.with_name(f".{place.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        os.rename(place, old)
    os.rename(folder, place)
    shutil.rmtree(old, ignore_errors=True)
