"""From the rows of a run directory to everything that people look at; imports no torch."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from profiling.analysis.curves import build_curves
from profiling.report.figures import draw_figures
from profiling.report.page import Material, render_page
from profiling.report.table import print_tipping_points
from profiling.report.tensorboard import write_event_files
from profiling.rows.columns import Row

__all__ = ["build_report", "print_tipping_points"]

PAGE, FIGURES, EVENTS = "report.html", "figures", "tensorboard"


def build_report(
    directory: Path, rows: Iterable[Row], tipping_points: Iterable[Row], manifest: Row
) -> Path:
    """Write `report.html`, `figures/` and `tensorboard/`, in place of those that are there.

    Each is complete under a temporary name before it takes its place.

    Returns:
        The path of `report.html`.
    """
    rows, tipping_points = list(rows), list(tipping_points)
    curves = build_curves(rows)
    pictures = draw_figures(curves, tipping_points)

    figures = _fresh_folder(directory, FIGURES)
    for name, png in pictures.items():
        (figures / f"{name}.png").write_bytes(png)
    _put_in_place(figures, directory / FIGURES)

    events = _fresh_folder(directory, EVENTS)
    write_event_files(events, curves, tipping_points, pictures)
    _put_in_place(events, directory / EVENTS)

    page = directory / f".{PAGE}.partial"
    material = Material(rows, curves, tipping_points, manifest, pictures)
    page.write_text(render_page(material), encoding="utf-8")
    page.replace(directory / PAGE)
    return directory / PAGE


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
