"""Answers that are missed, by window and by how long ago the first word was, and what it says.

Distances are put together between the reaches of the windows, so that a window reaches all of a
column or nothing of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.digits.context.reach import Reach, reach_of
from benchmarks.digits.context.stages import MODELS, NUM_LAYERS, WINDOWS
from benchmarks.digits.rounds import HUBERT, Model

NUM_RESAMPLES = 10_000
MARGIN = 0.1  # of all answers: what a window may miss more than HuBERT and still know
KNOWS, DID_NOT, CANNOT = "knows", "could, did not", "cannot know"
CHEATS, UNSURE, UNLEARNT = "knows, though it cannot", "cannot tell", "HuBERT did not learn it"
# The two widest windows reach beyond all but a few questions.
EDGES = [0, *(reach.before for window in WINDOWS[:-2] if (reach := reach_of(window, NUM_LAYERS)))]

Floats = NDArray[np.float64]
Seeds = dict[str, dict[str, dict[str, list[list[int]]]]]
"""By seed, by model: `words` and `answers` of every test utterance, 1 where one was missed."""


@dataclass(frozen=True)
class Column:
    """Distances from above `low` to `high` frames; `high` is None in the last one."""

    low: int | None
    high: int | None

    @property
    def title(self) -> str:
        """How the table calls it."""
        if self.low is None:
            return "the word just said"
        return f"above {self.low}" if self.high is None else f"{self.low + 1} to {self.high}"

    def holds(self, distance: int) -> bool:
        """Return whether a distance belongs here."""
        return (self.low is None or distance > self.low) and (
            self.high is None or distance <= self.high
        )

    def is_beyond(self, reach: Reach | None) -> bool:
        """Return whether none of it is within reach."""
        return reach is not None and self.low is not None and self.low >= reach.before


COLUMNS = [
    Column(None, 0),
    *(Column(low, high) for low, high in pairwise(EDGES)),
    Column(EDGES[-1], None),
]


def by_column(values: Sequence[Sequence[float]], distances: list[list[int]]) -> Floats:
    """Add up a value of every question, (utterances, columns)."""
    sums = np.zeros((len(distances), len(COLUMNS)))
    for row, (found, asked) in enumerate(zip(values, distances, strict=True)):
        for value, distance in zip(found, asked, strict=True):
            (place,) = (at for at, column in enumerate(COLUMNS) if column.holds(distance))
            sums[row, place] += value
    return sums


class Table:
    """Everything that the table is computed from.

    Args:
        seeds: What was missed.
        distances: Of every question of every test utterance, in frames.
        guessing: The share of answers that whoever guesses misses.
    """

    def __init__(self, seeds: Seeds, distances: list[list[int]], guessing: float) -> None:
        self.guessing = guessing
        self.num_questions = by_column([[1] * len(asked) for asked in distances], distances)
        self._seeds = [seeds[name] for name in sorted(seeds, key=int)]
        self._distances = distances
        random = np.random.default_rng(0)
        shape = (len(self._seeds), len(distances))
        self._draws = [random.multinomial(n, [1 / n] * n, NUM_RESAMPLES) for n in shape]
        self._resampled = {model.name: self._resample(self.missed(model)) for model in MODELS}

    def missed(self, model: Model) -> Floats:
        """Return the missed answers, (seeds, utterances, columns)."""
        found = [by_column(rows[model.name]["answers"], self._distances) for rows in self._seeds]
        return np.array(found)

    def _resample(self, missed: Floats) -> Floats:
        """Draw utterances and seeds anew, the same for all models: (resamples, columns)."""
        of_seeds, of_utterances = self._draws
        summed = np.einsum("ns,nu,suc->nc", of_seeds, of_utterances, missed, optimize=True)
        asked = len(self._seeds) * of_utterances @ self.num_questions
        rates: Floats = summed / np.where(asked == 0, np.nan, asked)
        return rates

    def rate(self, model: Model, column: int) -> float:
        """Return the share of missed answers."""
        asked = len(self._seeds) * self.num_questions[:, column].sum()
        return float(self.missed(model)[:, :, column].sum() / asked)

    def interval(self, model: Model, column: int, above: Model | None = None) -> tuple[float, ...]:
        """Return the 95 % interval of that share, or of how far it is above another model's."""
        rates = self._resampled[model.name][:, column]
        if above is not None:
            rates = rates - self._resampled[above.name][:, column]
        return tuple(np.nanquantile(rates, [0.025, 0.975]).tolist())

    def words(self, model: Model) -> float:
        """Return the share of missed words, those that were only to be written down."""
        found = [rows[model.name]["words"] for rows in self._seeds]
        return float(np.mean([each for seed in found for words in seed for each in words]))

    def say(self, model: Model, column: int) -> str:
        """Put what was found for a window at a distance into words."""
        low, high = self.interval(model, column)
        if COLUMNS[column].is_beyond(reach_of(model.attention_window, NUM_LAYERS)):
            return CHEATS if high < self.guessing - MARGIN else CANNOT
        if self.interval(HUBERT, column)[1] > self.guessing / 2:
            return UNLEARNT
        low, high = self.interval(model, column, above=HUBERT)
        if high <= MARGIN:
            return KNOWS
        return DID_NOT if low > MARGIN else UNSURE


def make_table(seeds: Seeds, distances: list[list[int]], guessing: float) -> str:
    """Return the table in Markdown: a line for every model, a column for every distance."""
    table = Table(seeds, distances, guessing)
    there = [at for at in range(len(COLUMNS)) if table.num_questions[:, at].any()]
    titles = ["model", "reach", "words missed", *(COLUMNS[at].title for at in there)]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    asked = [f"{table.num_questions[:, at].sum():,.0f}" for at in there]
    lines.append(f"| questions | | | {' | '.join(asked)} |")
    for model in MODELS:
        reach = reach_of(model.attention_window, NUM_LAYERS)
        cells = [
            "HuBERT" if reach is None else f"L-HuBERT, window {model.attention_window}",
            "all" if reach is None else str(reach.before),
            f"{table.words(model):.1%}",
        ]
        for at in there:
            low, high = table.interval(model, at)
            found = f"{table.rate(model, at):.0%} [{low:.0%}-{high:.0%}]"
            cells.append(f"{found} {table.say(model, at)}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
