"""Pictures of the kernels: device time over length."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def draw_kernels(rows: Sequence[dict[str, Any]], folder: Path) -> list[Path]:
    """Draw a PNG per number format and phase, in place of earlier ones; return their paths.

    Args:
        rows: Of the part `kernels`, those that found something.
        folder: Made if need be.
    """
    folder.mkdir(exist_ok=True)
    for earlier in folder.glob("kernels-*.png"):
        earlier.unlink()
    # Imported here: the rest of a check works without waiting for matplotlib.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for one in rows:
        groups[one["dtype"], one["phase"]].append(one)
    paths = []
    for (dtype, phase), members in groups.items():
        figure = Figure(figsize=(8, 5), dpi=100, layout="tight")
        FigureCanvasAgg(figure)
        _draw(figure.subplots(), members)
        figure.suptitle(f"attention kernels, {dtype}, {phase}, batch 1")
        path = folder / f"kernels-{dtype}-{phase}.png"
        figure.savefig(path)
        paths.append(path)
    return paths


def _draw(axes: Any, rows: Sequence[dict[str, Any]]) -> None:
    curves: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for one in rows:
        window = f" w{one['attention_window']}" if one["attention_window"] else ""
        milliseconds = one["device_ms"] or one["wall_ms"]
        # A call that cannot be captured was launched by the host, whose time may be in it.
        host = ", with its host" if one.get("device_ms_from") == "launches" else ""
        curves[one["kernel"] + window + host].append((one["sequence_length"], milliseconds))
    for name, points in sorted(curves.items()):
        axes.plot(*zip(*sorted(points), strict=True), marker="o", markersize=4, label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("tokens")
    axes.set_ylabel("ms per call: the device's where it is a GPU")
    axes.grid(True, alpha=0.3)
    axes.legend(fontsize=8)
