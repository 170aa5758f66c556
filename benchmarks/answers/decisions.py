"""Measure the worked decisions: `python benchmarks/answers/decisions.py text --data_dir DIR`.

One command for each page of `docs/decisions/`: it measures the sweep of
`configs/profile/decision_*.yaml`, reads the lengths of the data, asks `advise`, runs the epochs
(`benchmarks/answers/epochs.py`) and writes the tables into the page. The data are yours, and stay
where they are. A command that was stopped goes on with the sweep where it was; `--out` of another
name begins anew. Further settings are those of a sweep, such as `--size=wide`, and have a folder of
their own, because what a run measured last is what it tells. Give `--pages` and `--results` with
them, or they replace the pages and figures of this repository.
"""

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.answers import epochs
from benchmarks.answers.epoch_runs.pages import answer_block, refreshed
from benchmarks.mistakes import in_one_sentence
from datamodules.files.writing import write_text
from profiling.analysis.points.groups import safe_name

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "decisions"
MOST_CHARACTERS = 60  # of settings in the name of a folder


@dataclass(frozen=True)
class Source:
    """One data set of a decision.

    Args:
        name: Of its lengths file.
        path: In the folder of the data.
        settings: Further ones of its datamodule.
        batch_size: Samples of a batch for the objective throughput.
        max_length: Samples are cut to it, images shrunk; None leaves them as they are.
        words: Fewest and most recordings of an utterance that is composed of them; None takes the
            recordings as they are.
    """

    name: str
    path: str
    settings: tuple[str, ...] = ()
    batch_size: int = 4
    max_length: int | None = None
    words: tuple[int, int] | None = None


CLASSES = {"text": "TextData", "speech": "SpeechData", "vision": "ImageData"}
SOURCES = {
    "text": (
        Source("sst2", "sst2/dev.tsv", ("--data.init_args.text_column=sentence",)),
        Source("movie_reviews", "movie_reviews.jsonl"),
        Source("state_union", "state_union.jsonl", batch_size=1, max_length=6144),
    ),
    # Recordings of 0.4 s with gaps between them: utterances of 3 to 60 and of 0.4 to 3 seconds.
    "speech": (
        Source("spoken_digits", "", words=(5, 90)),
        Source("short_digits", "", words=(1, 4)),
    ),
    # The second time as most people take them, resized to one side.
    "vision": (Source("photographs", ""), Source("photographs_224", "", max_length=224)),
}


def profile(*words: str) -> str:
    """Run a command of `profile.py`; return what it printed.

    Raises:
        SystemExit: It failed, and has said why.
    """
    command = [sys.executable, str(ROOT / "profile.py"), *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


def default_folder(modality: str, settings: Sequence[str]) -> Path:
    """Return where a decision is kept: with further settings of its sweep in another place.

    Settings that do not fit into a name have a digest before them: what is cut off may be all that
    tells two of them apart.
    """
    words = [each.lstrip("-") for each in settings]
    if len("-".join(words)) > MOST_CHARACTERS:
        words.insert(0, sha256(" ".join(words).encode()).hexdigest()[:8])
    return Path("runs") / safe_name("-".join([f"decision_{modality}", *words]))


def lengths_file(given: argparse.Namespace, source: Source) -> Path:
    """Return where the lengths of a data set are kept."""
    return Path(given.out, f"{source.name}.json")


def read_lengths(given: argparse.Namespace, source: Source) -> Path:
    """Write the lengths of a data set into the folder of results, and return the file."""
    data = Path(given.data_dir, source.path)
    if source.words:
        data = compose_speech(data, given.out / source.name, source.words)
    out = lengths_file(given, source)
    block = [f"--data.class_path={CLASSES[given.modality]}", f"--data.init_args.source={data}"]
    if given.modality == "text":
        block.append(f"--data.init_args.tokenizer={given.tokenizer}")
    profile("lengths", *block, *source.settings, f"--out={out}")
    return out


def compose_speech(recordings: Path, folder: Path, words: tuple[int, int]) -> Path:
    """Make utterances of very different lengths out of recordings of single words.

    Args:
        recordings: Their folder.
        folder: Of the corpus.
        words: Fewest and most of an utterance.

    Returns:
        The folder of the utterances.
    """
    from datamodules.composing.corpus import compose
    from datamodules.composing.settings import ComposeSettings

    settings = ComposeSettings(
        words_per_utterance=words, speakers="mixed", test_takes=5, val_share=0.0, passes=4
    )
    return compose(str(recordings), str(folder), settings) / "train"


def advise(
    run: Path, lengths: Path, source: Source, budgets_gib: Mapping[str, float | None]
) -> list[tuple[str, str]]:
    """Return what was asked and answered, for each phase, within its budget, and objective."""
    several = source.batch_size > 1
    objectives = {"latency": 1} | ({"throughput": source.batch_size} if several else {})
    limits = [f"--max_length={source.max_length}"] if source.max_length else []
    return [
        (
            f"{source.name}, {phase}, {objective}",
            profile(
                *("advise", str(run), f"--lengths={lengths}", f"--phase={phase}", *limits),
                *(f"--objective={objective}", f"--batch_size={batch_size}"),
                *([f"--budget_gib={budget_gib}"] if budget_gib else []),
            ),
        )
        for phase, budget_gib in budgets_gib.items()
        for objective, batch_size in objectives.items()
    ]


def decide(given: argparse.Namespace, settings: Sequence[str]) -> str:
    """Measure everything of one modality; return the block of its page.

    Args:
        given: Modality and places.
        settings: Further ones of the sweep.
    """
    run = given.out / "run"
    # Before hours of measuring: a number that cannot be is refused.
    asked = [_asked_of(given, run, source) for source in SOURCES[given.modality]]
    config = ROOT / "configs" / "profile" / f"decision_{given.modality}.yaml"
    profile("sweep", f"--config={config}", f"--out={run}", *settings)
    blocks = []
    for source, of_epochs in zip(SOURCES[given.modality], asked, strict=True):
        lengths = read_lengths(given, source)
        measured = epochs.measure_epochs(of_epochs)
        epochs.write(f"{given.modality}: {source.name}", measured, given.results)
        answers = advise(run, lengths, source, measured["budgets_gib"])
        blocks.append(answer_block(source.name, answers, measured))
    return "\n".join(blocks)


def _asked_of(given: argparse.Namespace, run: Path, source: Source) -> argparse.Namespace:
    """Return what `epochs.py` is asked for a data set.

    Raises:
        DataError: A number is too small.
    """
    asked = [str(run), f"--lengths={lengths_file(given, source)}"]
    asked += [f"--batch_size={source.batch_size}"]
    asked += [f"--max_length={source.max_length}"] if source.max_length else []
    asked += [f"--seconds={given.seconds}", f"--steps={given.steps}"]
    return epochs.parse(asked)


@in_one_sentence
def main(arguments: list[str] | None = None) -> None:
    """Measure, refresh the page, print what went into it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modality", choices=tuple(SOURCES))
    parser.add_argument("--data_dir", required=True, help="folder of the data")
    parser.add_argument("--tokenizer", default="google-bert/bert-base-uncased", help="for text")
    told = "default: runs/decision_MODALITY, with further settings in its name"
    parser.add_argument("--out", type=Path, default=None, help=told)
    parser.add_argument(
        "--pages", type=Path, default=PAGES, help="folder to write the page into; made if need be"
    )
    results = "files of all rows, without ending"
    parser.add_argument("--results", type=Path, default=epochs.PLACE, help=results)
    parser.add_argument("--seconds", type=float, default=1.5, help="of the steps of an epoch")
    parser.add_argument("--steps", type=int, default=24, help="most of an epoch")
    given, settings = parser.parse_known_args(arguments)
    given.out = given.out or default_folder(given.modality, settings)
    given.out.mkdir(parents=True, exist_ok=True)
    given.pages.mkdir(parents=True, exist_ok=True)
    page = given.pages / f"{given.modality}.md"
    begun = page if page.exists() else PAGES / page.name
    refreshed(begun.read_text(encoding="utf-8"), "")  # it has its marks, before hours of measuring
    block = decide(given, settings)
    write_text(page, refreshed(begun.read_text(encoding="utf-8"), block))
    print(block)


if __name__ == "__main__":
    sys.exit(main())
