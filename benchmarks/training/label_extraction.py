"""What do labels take of disk and memory, made without a dump of the features?

    python benchmarks/training/label_extraction.py --recordings DIR [--copies 1 4] [--size base]

Runs `python train.py labels` on a folder of recordings, in a process of its own, and again on
several copies of it, and looks every 50 ms at its memory (resident) and
at what its folder takes of the disk. What a dump of all features would take is computed: four
bytes per feature of every frame. Features are MFCC, and a layer of a HuBERT with random weights,
on which neither time nor memory depends. Rows are written into the folder `--out` as JSON.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import psutil
from transformers import HubertConfig, HubertModel

from benchmarks.keeping import add_out, keep
from benchmarks.mistakes import in_one_sentence
from datamodules.labels.reading import LabelFolder
from datamodules.recordings.layouts import list_files
from lightning_modules.sizes import CONV_WIDTHS, ENCODER_SIZES, NUM_CONV_LAYERS, SIZES
from profiling.rows.machine import available_threads, cpu_name, library_versions

ROOT = Path(__file__).resolve().parents[2]
BYTES = 4
CLUSTERS = {"mfcc": 100, "layer": 500}
MIB = 2**20


def write_copies(recordings: Path, folder: Path, copies: int) -> Path:
    """Link all recordings several times into a folder, and return it."""
    for file in list_files(recordings, "folder"):
        for copy in range(copies):
            target = folder / str(copy) / file.relative_to(recordings)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(file.resolve())
    return folder


def write_model(folder: Path, size: str) -> None:
    """Write a HuBERT with random weights."""
    fields = ENCODER_SIZES[size].fields | {"conv_dim": [CONV_WIDTHS[size]] * NUM_CONV_LAYERS}
    HubertModel(HubertConfig(**fields)).save_pretrained(folder)


def sizes_in(folder: Path) -> Iterator[int]:
    """Yield the bytes of every file that is there at the moment."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # it was renamed meanwhile
            yield path.stat().st_size


def resident(process: psutil.Process) -> int:
    """Return the resident bytes of a process and all that it began."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += each.memory_info().rss
    return total


def label(
    source: Path, folder: Path, model: Path | None, layer: int, sample_frames: int
) -> dict[str, Any]:
    """Label all recordings, by MFCC where there is no model; return the time and the peaks."""
    kind = "mfcc" if model is None else "layer"
    config = "labels_mfcc" if kind == "mfcc" else "labels_hubert"
    command = [sys.executable, "train.py", "labels", f"--config=configs/train/{config}.yaml"]
    command += [f"--data.init_args.source={source}", f"--model.init_args.folder={folder}"]
    command += [f"--model.init_args.num_clusters={CLUSTERS[kind]}", "--trainer.accelerator=cpu"]
    command += [f"--model.init_args.sample_frames={sample_frames}", "--allocator=system"]
    command += ["--trainer.enable_progress_bar=false", "--data.init_args.num_workers=0"]
    if model is not None:
        command += [f"--model.init_args.checkpoint={model}", f"--model.init_args.layer={layer}"]
    memory = disk = 0
    begin = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as child:
        process = psutil.Process(child.pid)
        while child.poll() is None:
            memory, disk = max(memory, resident(process)), max(disk, sum(sizes_in(folder)))
            time.sleep(0.05)
    if child.returncode:
        raise SystemExit(f"`labels` ended with status {child.returncode}")
    return {
        "seconds": time.perf_counter() - begin,
        "peak_memory_mib": memory / MIB,
        "peak_disk_mib": max(disk, sum(sizes_in(folder))) / MIB,
        "labels_mib": (folder / "labels.km").stat().st_size / MIB,
    }


@in_one_sentence
def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", required=True, type=Path)
    parser.add_argument("--copies", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--kinds", nargs="+", default=["mfcc", "layer"], choices=list(CLUSTERS))
    parser.add_argument("--size", default="base", choices=SIZES)
    parser.add_argument("--layer", type=int, default=6)
    parser.add_argument("--sample_frames", type=int, default=20_000)
    add_out(parser)
    given = parser.parse_args()
    facts = {
        "cpu": cpu_name(),
        "threads": available_threads(),
        "versions": library_versions(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "settings": {name: str(value) for name, value in vars(given).items()},
    }
    print(facts)
    print("| features | recordings | frames | s | peak memory, MiB | of disk | a dump, MiB |")
    print("|---|---|---|---|---|---|---|")
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        write_model(work / "model", given.size)
        features = {"mfcc": 39, "layer": ENCODER_SIZES[given.size].hidden_size}
        for copies in given.copies:
            source = write_copies(given.recordings, work / f"sounds{copies}", copies)
            for kind in given.kinds:
                folder = work / f"{kind}{copies}"
                folder.mkdir()
                model = work / "model" if kind == "layer" else None
                row = label(source, folder, model, given.layer, given.sample_frames)
                labels = LabelFolder(folder)
                frames = sum(labels.count(name) for name in labels.names)
                row |= {"features": kind, "copies": copies, "frames": frames}
                row |= {"recordings": len(labels.names)}
                row["dump_mib"] = frames * features[kind] * BYTES / MIB
                rows.append(row)
                print(
                    f"| {kind} | {row['recordings']:,} | {frames:,} | {row['seconds']:.0f} "
                    f"| {row['peak_memory_mib']:,.0f} | {row['peak_disk_mib']:.2f} "
                    f"| {row['dump_mib']:,.1f} |",
                    flush=True,
                )
    keep(given.out, "label_extraction", figures={**facts, "rows": rows})


if __name__ == "__main__":
    sys.exit(main())
