"""The tables of `benchmarks/measuring/steadiness.py`."""

import statistics
from typing import Any

import numpy as np

Item = dict[str, Any]
MS_PER_FRAME = 20.0


def spread(values: list[float]) -> float:
    """Return the 90 % over the 10 % quantile."""
    low, high = np.quantile(values, (0.1, 0.9))
    return float(high / low)


def as_markdown(results: dict[str, Any]) -> str:
    """Return all tables, with the summary first."""
    by_way: dict[str, dict[tuple[str, str], Item]] = {}
    for item in results["items"]:
        by_way.setdefault(item["way"], {})[item["size"], item["point"]] = item
    head = [
        f"# The same point in {results['rounds']} fresh processes",
        "",
        f"{results['date']}, {results['machine']}; {results['versions']}.",
        "",
    ]
    return "\n".join([*head, *_summary(by_way), "", *_points(by_way), "", *_audio(by_way)]) + "\n"


def _summary(by_way: dict[str, dict[tuple[str, str], Item]]) -> list[str]:
    lines = ["| what | points | median | nine of ten | worst |", "|---|---|---|---|---|"]
    sizes = sorted({size for size, _ in by_way["sweep"]})
    for way, size in [("sweep", size) for size in sizes] + [("system", "tiny")]:
        spreads = [spread(i["latencies_ms"]) for k, i in by_way[way].items() if k[0] == size]
        name = f"p90 / p10 of processes, {size}, allocator {'kept' if way == 'sweep' else way}"
        lines.append(_row(name, spreads))
    for size in sizes:
        lines.append(_row(f"sweep over bare loop, {size}", _ratios(by_way, size)))
        faults = [max(i["faults"]) for k, i in by_way["sweep"].items() if k[0] == size]
        lines.append(_row(f"most page faults per step, {size}", faults))
    return lines


def _row(name: str, values: list[float]) -> str:
    cells = (np.median(values), np.quantile(values, 0.9), max(values))
    return f"| {name} | {len(values)} | " + " | ".join(f"{value:.3f}" for value in cells) + " |"


def _ratios(by_way: dict[str, dict[tuple[str, str], Item]], size: str) -> list[float]:
    return [
        _typical(item) / _typical(by_way["bare"][key])
        for key, item in by_way["sweep"].items()
        if key[0] == size
    ]


def _typical(item: Item) -> float:
    return float(statistics.median(item["latencies_ms"]))


def _points(by_way: dict[str, dict[tuple[str, str], Item]]) -> list[str]:
    lines = [
        "| size | point | ms | p90 / p10 | faults per step | sweep / bare | system: ms | "
        "p90 / p10 | faults |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for key, item in by_way["sweep"].items():
        ratio = _typical(item) / _typical(by_way["bare"][key])
        other = by_way["system"].get(key)
        beside = "| | |" if other is None else f"{_spread_cells(other)} |"
        lines.append(f"| {key[0]} | {key[1]} | {_spread_cells(item, ratio)} | {beside}")
    return lines


def _spread_cells(item: Item, ratio: float | None = None) -> str:
    faults = statistics.median(item["faults"])
    cells = [f"{_typical(item):.2f}", f"{spread(item['latencies_ms']):.3f}", f"{faults:,.0f}"]
    return " | ".join(cells + ([] if ratio is None else [f"{ratio:.3f}"]))


def _audio(by_way: dict[str, dict[tuple[str, str], Item]]) -> list[str]:
    lines = [
        "| seconds of audio per second, size small | kept | system | ratio |",
        "|---|---|---|---|",
    ]
    for key, kept in by_way["audio kept"].items():
        rates = [
            kept["length"] * MS_PER_FRAME / _typical(item)
            for item in (kept, by_way["audio system"][key])
        ]
        cells = f"{rates[0]:.1f} | {rates[1]:.1f} | {rates[0] / rates[1]:.2f}"
        lines.append(f"| {key[1]} | {cells} |")
    return lines
