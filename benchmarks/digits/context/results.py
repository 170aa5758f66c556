"""Results of needed context: what was missed of every test utterance, kept by seed, and the table.

Results of seeds that were run elsewhere are kept, as long as corpus and rounds are the same.
"""

import fcntl
import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.digits.context.answers import distances
from benchmarks.digits.context.stages import ASKED_ROUNDS, BEFORE, MODELS
from benchmarks.digits.context.table import make_table
from benchmarks.digits.errors import read_transcripts
from benchmarks.digits.results import describe_machine
from benchmarks.digits.rounds import ROUNDS

NAME = "needed_context"


def write_results(out: Path, folder: Path) -> None:
    """Add the seeds that are done in a run directory to the results in a folder, with a table."""
    with (out / ".results").open("w") as lock:  # seeds that run side by side end when they like
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = folder / f"{NAME}.json"
        results = gather(out, json.loads(path.read_text()) if path.exists() else {})
        path.write_text(json.dumps(results) + "\n")
        if results["seeds"]:
            table = make_table(results["seeds"], results["distances"], results["guessing"])
            path.with_suffix(".md").write_text(_heading(results) + table)
            print(table)


def gather(out: Path, stored: dict[str, Any]) -> dict[str, Any]:
    """Return stored results with the seeds of a run directory that have every model.

    Args:
        out: The run directory.
        stored: What was gathered before; dropped if corpus or rounds were others.
    """
    manifest = json.loads((out / "far/manifest.json").read_text())
    references = read_transcripts(out / "far/test/transcripts.tsv")
    names = sorted(references)
    rounds = {name: ROUNDS[name] for name in BEFORE} | ASKED_ROUNDS
    conditions: dict[str, Any] = {
        "corpus": {name: manifest[name] for name in ("format", "settings", "recordings")},
        "rounds": {name: asdict(each) for name, each in rounds.items()},
        "distances": [distances(manifest["utterances"]["test"][name]) for name in names],
        "guessing": 1 - 1 / len({words[1] for words in references.values()}),
    }
    conditions = json.loads(json.dumps(conditions))  # as they are stored
    same = {name: stored.get(name) for name in conditions} == conditions
    seeds = dict(stored["seeds"]) if same else {}
    for seed in sorted(out.glob("seed-*")):
        heard = {model.name: seed / "heard" / f"{model.name}.json" for model in MODELS}
        if all(path.exists() for path in heard.values()):
            found = {model: json.loads(path.read_text()) for model, path in heard.items()}
            seeds[seed.name.removeprefix("seed-")] = found
    made = {"date": date.today().isoformat(), "machine": describe_machine()}
    return {**conditions, "seeds": seeds, **made}


def _heading(results: dict[str, Any]) -> str:
    asked = results["distances"]
    return (
        f"{sum(map(len, asked)):,} questions in {len(asked)} test utterances, seeds "
        f"{', '.join(sorted(results['seeds'], key=int))}, {results['date']}, {results['machine']}. "
        "Share of the answers that are missed, by the frames of 20 ms between the end of "
        "the first word and the question, with 95 % intervals of a bootstrap over utterances and "
        f"seeds. Whoever guesses misses {results['guessing']:.0%}.\n\n"
    )
