"""Sound files of every kind that this project reads, how they are damaged, and who reads them."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from datamodules.bad_samples import BadSamples
from datamodules.batching.orders import BatchDraw
from datamodules.labels.format import FACTS_FILE, LABELS_FILE, NAMES_FILE
from datamodules.labels.reading import LabelFolder
from datamodules.modalities.text_files import write_column
from datamodules.modalities.vision import ImageReader
from datamodules.recordings.decoding import decode
from datamodules.recordings.headers import read_length
from datamodules.recordings.listing import list_recordings
from datamodules.recordings.recording import Recording
from datamodules.recordings.transcripts import read_transcripts

NUM_SAMPLES, RATE_HZ = 9_000, 16_000
HEADER_BYTES = 96
EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFF000)


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Args:
        name: What the table calls it.
        file: The name of a file of this kind.
        make: Returns the content of a sound one.
        read: Reads the file at a path as the project does.
    """

    name: str
    file: str
    make: Callable[[], bytes]
    read: Callable[[Path], Any]


def damage(content: bytes, generator: np.random.Generator) -> bytes:
    """Return the content with one to three of its parts changed, cut or doubled."""
    found = bytearray(content)
    for _ in range(generator.integers(1, 4)):
        # Headers are short, and nearly all that can go wrong is in them.
        size = len(found) if generator.random() < 0.5 else min(HEADER_BYTES, len(found))
        start = int(generator.integers(0, max(size, 1)))
        length = int(generator.integers(1, 40))
        way = generator.integers(0, 7)
        if way == 0:
            found[start : start + 1] = generator.bytes(1)
        elif way == 1:
            found[start : start + length] = generator.bytes(length)
        elif way == 2:
            order = "little" if generator.random() < 0.5 else "big"
            value = EXTREMES[generator.integers(0, len(EXTREMES))]
            found[start : start + 4] = value.to_bytes(4, order)  # type: ignore[arg-type]
        elif way == 3:
            del found[start:]
        elif way == 4:
            del found[start : start + length]
        elif way == 5:
            found[start:start] = found[start : start + length]
        else:
            found += found[start:]
    return bytes(found)


def _audio(name: str, file: str, subtype: str | None = None, **options: Any) -> Kind:
    def make() -> bytes:
        import soundfile

        tone = 0.3 * np.sin(np.arange(NUM_SAMPLES) / 7)
        with TemporaryDirectory() as folder:
            path = Path(folder, file)
            soundfile.write(path, tone, RATE_HZ, subtype=subtype, **options)
            return path.read_bytes()

    return Kind(name, file, make, _read_audio)


def _read_audio(path: Path) -> torch.Tensor:
    num_samples = read_length(path, path)
    return decode(Recording(path, num_samples), num_samples)


def _image(kind: str, file: str) -> Kind:
    def make() -> bytes:
        from PIL import Image

        pixels = np.random.default_rng(0).integers(0, 256, (40, 52, 3), dtype=np.uint8)
        exif = Image.Exif()
        exif[0x0112] = 6
        target = io.BytesIO()
        extra = {"exif": exif} if kind in ("jpeg", "png", "webp", "tiff") else {}
        Image.fromarray(pixels).save(target, kind, **extra)
        return target.getvalue()

    return Kind(kind, file, make, _read_image)


def _read_image(path: Path) -> Any:
    reader = ImageReader([path], [""], 64, BadSamples("stop"))
    return reader.read(0, BatchDraw((), 0, 64, 64, exact_length=64), torch.Generator())


def _texts(file: str, make: Callable[[], bytes]) -> Kind:
    def read(path: Path) -> None:
        write_column(path, "text", path.with_name("column"))

    return Kind(Path(file).suffix[1:], file, make, read)


ROWS = [{"id": number, "text": f'one, "two"\nand {number} é'} for number in range(9)]


def _make_table(delimiter: str) -> Callable[[], bytes]:
    def make() -> bytes:
        table = io.StringIO()
        writer = csv.writer(table, delimiter=delimiter, lineterminator="\n")
        writer.writerow(ROWS[0])
        for row in ROWS:
            text = str(row["text"])
            if delimiter == "\t":  # there neither quotes nor line ends can be written
                text = text.replace("\n", " ").replace('"', "'")
            writer.writerow([row["id"], text])
        return table.getvalue().encode()

    return make


def _make_parquet() -> bytes:
    import pyarrow
    import pyarrow.parquet

    target = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), target)
    return target.getvalue()


def _make_json_lines() -> bytes:
    return "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def _make_manifest() -> bytes:
    return b".\na/one.wav\t9000\nb/two.flac\t12000\nthree.wav\t800\n"


def _read_manifest(path: Path) -> Any:
    return list_recordings(str(path), "manifest", BadSamples("stop"))


def _make_transcripts() -> bytes:
    return b"a/one.wav\tONE TWO\nb/two.flac\tTHREE\n"


def _read_transcripts(path: Path) -> Any:
    return read_transcripts(str(path.parent), "folder")


LABELS = {
    FACTS_FILE: b'{"num_clusters": 9, "rate_hz": 50, "centroids": "ab", "features": "mfcc"}\n',
    NAMES_FILE: b"a/one.wav\t4\nb/two.flac\t3\n",
    LABELS_FILE: b"1 2 8 0\n5 5 5\n",
}


def _labels(file: str) -> Kind:
    def read(path: Path) -> None:
        for name, content in LABELS.items():
            if name != file:
                path.with_name(name).write_bytes(content)
        labels = LabelFolder(path.parent)
        for name in labels.names:
            labels.labels(name)

    return Kind(file, file, lambda: LABELS[file], read)


KINDS = (
    _audio("wav", "a.wav", "PCM_16"),
    _audio("wav, float", "a.wav", "FLOAT"),
    _audio("wav, GSM", "a.wav", "GSM610"),
    _audio("flac", "a.flac"),
    _audio("mp3", "a.mp3"),
    _audio("ogg", "a.ogg"),
    _audio("opus", "a.opus", "OPUS", format="OGG"),
    _audio("aiff", "a.aiff"),
    _audio("au", "a.au"),
    _audio("caf", "a.caf"),
    _image("png", "a.png"),
    _image("jpeg", "a.jpg"),
    _image("gif", "a.gif"),
    _image("bmp", "a.bmp"),
    _image("tiff", "a.tiff"),
    _image("webp", "a.webp"),
    _image("ppm", "a.ppm"),
    _texts("a.csv", _make_table(",")),
    _texts("a.tsv", _make_table("\t")),
    _texts("a.json", lambda: json.dumps(ROWS).encode()),
    _texts("a.jsonl", _make_json_lines),
    _texts("a.parquet", _make_parquet),
    Kind("manifest", "list.tsv", _make_manifest, _read_manifest),
    Kind("transcripts.tsv", "transcripts.tsv", _make_transcripts, _read_transcripts),
    *(_labels(file) for file in LABELS),
)
