"""Cost curves with a known crossing, noise as machines have it, and what is said of them.

Everything is drawn from a seed. `benchmarks/answers/coverage.py` makes the tables, and a small
version is among the tests.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from profiling.analysis.answers.comparisons import Comparison, Model
from profiling.analysis.answers.duels import Duel
from profiling.analysis.answers.judging import Judged
from profiling.analysis.answers.verdicts import Answer, decide
from profiling.analysis.points.readings import Efforts
from profiling.analysis.points.sides import Side, best_of

Array = NDArray[np.float64]
SHORTEST, LONGEST, WINDOW = 256, 16384, 256
CROSSINGS = 500.0, 9000.0  # between them, even in the logarithm


@dataclass(frozen=True)
class Truth:
    """Two cost curves.

    Args:
        vanilla: Its cost at lengths (lengths,).
        efficient: The other's.
        padding: What the efficient one pads to a multiple of.
    """

    vanilla: Callable[[Array], Array]
    efficient: Callable[[Array], Array]
    padding: int | None = None

    def log_ratios(self, lengths: Array) -> Array:
        """Return the log ratio of efficient to vanilla, (lengths,)."""
        padded = np.ceil(lengths / self.padding) * self.padding if self.padding else lengths
        return np.asarray(np.log(self.efficient(padded) / self.vanilla(lengths)))

    def crossing(self) -> float:
        """Return from where on the efficient one costs less: within half a token."""
        lengths = np.arange(SHORTEST, LONGEST + 1, dtype=np.float64)
        lost = np.flatnonzero(self.log_ratios(lengths) >= 0)
        return float(lengths[lost[-1]] + 0.5) if len(lost) else float(SHORTEST)


def _log_linear(at: float) -> Truth:
    return Truth(lambda n: (n / at) ** 1.4, lambda n: n / at)


def _bent(at: float) -> Truth:
    """Return a + b n + c n^2 against a line; its quadratic part is half of it at 3,000."""

    def vanilla(n: Array) -> Array:
        return np.asarray(100 + n + n**2 / 3000)

    fixed = 400.0
    slope = (float(vanilla(np.array(at))) - fixed) / at
    return Truth(vanilla, lambda n: fixed + slope * n)


def _staircase(at: float) -> Truth:
    bent = _bent(at)
    return Truth(bent.vanilla, bent.efficient, WINDOW)


def _launch_floor(at: float) -> Truth:
    """Return a GPU's: below some length the time of starting kernels hides what they take."""

    def floored(start: float, cost: Callable[[Array], Array]) -> Callable[[Array], Array]:
        return lambda n: np.maximum(start, cost(n))

    level = 1.3 * (at / 4000 + (at / 4000) ** 2)
    return Truth(
        floored(0.5 * level, lambda n: n / 4000 + (n / 4000) ** 2),
        floored(level / 1.3, lambda n: 0.4 * level * n / at),
    )


TRUTHS: Mapping[str, Callable[[float], Truth]] = {
    "log-linear": _log_linear,
    "a + bn + cn^2 against linear": _bent,
    "staircase": _staircase,
    "launch floor": _launch_floor,
}

Noise = Callable[[np.random.Generator, int, int], Array]
"""Takes a generator, lengths and visits; returns log factors, (2 sides, lengths, visits)."""


def normal(deviation: float) -> Noise:
    """Return noise of one deviation, in every side, length and visit alike."""
    return lambda g, lengths, visits: deviation * g.standard_normal((2, lengths, visits))


def _heavy(g: np.random.Generator, lengths: int, visits: int) -> Array:
    return np.asarray(0.05 / np.sqrt(3) * g.standard_t(3, (2, lengths, visits)))


def _common(g: np.random.Generator, lengths: int, visits: int) -> Array:
    shared = 0.2 * g.standard_normal((1, 1, visits))
    return np.asarray(shared + normal(0.03)(g, lengths, visits))


def _outliers(g: np.random.Generator, lengths: int, visits: int) -> Array:
    slow = g.random((2, lengths, visits)) < 0.1
    factor = g.uniform(1.2, 2.0, slow.shape)
    return np.asarray(slow * np.log(factor) + normal(0.03)(g, lengths, visits))


def _bimodal(g: np.random.Generator, lengths: int, visits: int) -> Array:
    slow = g.random((2, lengths, visits)) < 0.5
    return np.asarray(slow * np.log(1.4) + normal(0.02)(g, lengths, visits))


NOISES: Mapping[str, Noise] = {
    "normal 0.1 %": normal(0.001),
    "normal 1 %": normal(0.01),
    "normal 5 %": normal(0.05),
    "heavy tails 5 %": _heavy,
    "common to a visit": _common,
    "slow outliers": _outliers,
    "bimodal by process": _bimodal,
}


def grid_of(factor: float) -> Array:
    """Return lengths this far apart, multiples of the window, (lengths,)."""
    count = int(np.log(LONGEST / SHORTEST) / np.log(factor) + 1e-9)
    lengths = LONGEST / factor ** np.arange(count, -1, -1.0)
    return np.unique(np.maximum(np.round(lengths / WINDOW), 1) * WINDOW)


def in_pairs(lengths: Array) -> Array:
    """Return lengths, each but the shortest behind one that a staircase pads to it, (lengths,)."""
    return np.unique([*lengths, *(lengths[1:] - WINDOW / 2)])


GRIDS: Mapping[str, Array] = {
    "x4": grid_of(4.0),
    "x3": grid_of(3.0),
    "x2": grid_of(2.0),
    "x1.41": grid_of(2**0.5),
    "x2, pairs in a step": in_pairs(grid_of(2.0)),
}


def duels_of(log_ratios: Array, vanilla: Array, lengths: Array, noise: Array) -> list[Duel]:
    """Return what a sweep would have measured.

    Args:
        log_ratios: (lengths,), the truth.
        vanilla: (lengths,), the cost of the vanilla side.
        lengths: (lengths,).
        noise: (2 sides, lengths, visits), log factors.
    """
    costs = np.stack([vanilla, vanilla * np.exp(log_ratios)])[:, :, None] * np.exp(noise)
    return [
        Duel(int(n), *(Side("ok", "eager", dict(enumerate(side[i].tolist()))) for side in costs))
        for i, n in enumerate(lengths)
    ]


def comparison_of(padding: int | None = None) -> Comparison:
    """Return what stands around the duels."""
    conditions = {"modality": "text"}
    models = Model("vanilla"), Model("efficient")
    return Comparison("pair", conditions, *models, {}, {}, Efforts(()), (None, padding))


def equal_duels(
    noise: Noise, lengths: Array, visits: int, generator: np.random.Generator
) -> list[Duel]:
    """Measure two sides that cost the same."""
    drawn = noise(generator, len(lengths), visits)
    return duels_of(np.zeros(len(lengths)), np.ones(len(lengths)), lengths, drawn)


def choosing_duels(
    kernels: tuple[int, int], lengths: Array, visits: int, generator: np.random.Generator
) -> list[Duel]:
    """Measure equal kernels, so many on each side, with 5 % noise; the best of each side meet."""
    duels = []
    for length in lengths:
        sides = [
            best_of(
                [
                    Side("ok", f"{n}", dict(enumerate(np.exp(0.05 * values).tolist())))
                    for n, values in enumerate(generator.standard_normal((count, visits)))
                ]
            )
            for count in kernels
        ]
        duels.append(Duel(int(length), *sides))
    return duels


def simulate(
    truth: Truth, noise: Noise, lengths: Array, visits: int, generator: np.random.Generator
) -> tuple[Judged, Answer]:
    """Measure a truth once and return what is said of it."""
    drawn = noise(generator, len(lengths), visits)
    duels = duels_of(truth.log_ratios(lengths), truth.vanilla(lengths), lengths, drawn)
    return decide(comparison_of(truth.padding), duels, "latency")
