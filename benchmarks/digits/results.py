"""The results of spoken digits: a file, and beside it their table and curves.

Results of seeds that were run elsewhere are kept: a seed is one entry of the result file, with the
errors of every test recording in every utterance that has it.
"""

import fcntl
import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import torch

from benchmarks.digits.curves import draw_curves
from benchmarks.digits.errors import errors_of_recordings, read_transcripts
from benchmarks.digits.power import Experiment
from benchmarks.digits.rounds import ROUNDS
from benchmarks.digits.table import (
    BASELINE,
    FROM_START,
    ROWS,
    describe_power,
    errors_of,
    make_table,
)
from profiling.rows.machine import cpu_name


def write_results(out: Path, folder: Path) -> None:
    """Add the seeds that are done in a run directory to the results in a folder, with a table."""
    with (out / ".results").open("w") as lock:  # seeds that run side by side end when they like
        fcntl.flock(lock, fcntl.LOCK_EX)
        _write_results(out, folder)


def _write_results(out: Path, folder: Path) -> None:
    manifest = json.loads((out / "corpus/manifest.json").read_text())
    corpus = {name: manifest[name] for name in ("format", "settings", "recordings")}
    path = folder / "spoken_digits.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    rounds = {name: asdict(each) for name, each in ROUNDS.items()}
    conditions = {"corpus": corpus, "rounds": rounds}
    if {name: results.get(name) for name in conditions} != json.loads(json.dumps(conditions)):
        results = conditions | {"seeds": {}}
    references = read_transcripts(out / "corpus/test/transcripts.tsv")
    utterances = manifest["utterances"]["test"]
    for folder in sorted(out.glob("seed-*")):
        found = {
            row: errors_of_recordings(utterances, references, read_transcripts(transcripts))
            for row in ROWS
            if (transcripts := folder / "transcripts" / row / "transcripts.tsv").exists()
        }
        if set(ROWS) <= {*found, *FROM_START}:
            results["seeds"][folder.name.removeprefix("seed-")] = found
    results |= {"date": date.today().isoformat(), "machine": describe_machine()}
    path.write_text(json.dumps(results) + "\n")
    if results["seeds"]:
        table = make_table(results["seeds"])
        path.with_suffix(".md").write_text(_heading(results) + table)
        draw_curves(out / "tensorboard").savefig(path.with_suffix(".png"), dpi=110)
        print(table)


def _heading(results: dict[str, Any]) -> str:
    there = Experiment(*errors_of(results["seeds"], BASELINE).shape)
    return (
        f"{there.recordings} test words, each in {there.compositions} utterances, {there.seeds} "
        f"seeds, {results['date']}, {results['machine']}. Ratios of word errors to HuBERT's, with "
        f"95 % intervals of a paired bootstrap over recordings and seeds, widened where seeds are "
        f"few.\n\n"
        f"{describe_power(results['seeds'])}"
    )


def describe_machine() -> str:
    """Name the processor, and the version of torch."""
    return f"{cpu_name()}, torch {torch.__version__.split('+')[0]}"
