import json

import pytest
import soundfile
from PIL import Image

from datamodules.errors import DataError
from datamodules.lengths import LengthDistribution
from datamodules.sampling import Sampled
from profiling.measuring.lengths import ReadingProgress, read_lengths
from tests.samples.recordings.speech import write_sounds

COUNT = 12


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def text_block(folder):
    (folder / "vocab").mkdir()
    (folder / "vocab/vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\n")
    rows = [json.dumps({"text": "good " * number}) for number in range(1, COUNT + 1)]
    (folder / "texts.jsonl").write_text("\n".join(rows))
    arguments = {"source": str(folder / "texts.jsonl"), "tokenizer": str(folder / "vocab")}
    return {"class_path": "TextData", "init_args": arguments}


def folder_block(folder):
    write_sounds(folder / "sounds", COUNT)
    return {"class_path": "SpeechData", "init_args": {"source": str(folder / "sounds")}}


def manifest_block(folder):
    lines = [f"{number}.wav\t{16000 * number}" for number in range(1, COUNT + 1)]
    (folder / "manifest.tsv").write_text("\n".join([str(folder), *lines]))
    return {"class_path": "SpeechData", "init_args": {"source": str(folder / "manifest.tsv")}}


def datasets_block(folder):
    import datasets

    paths = [folder / f"{number}.wav" for number in range(COUNT)]
    for number, path in enumerate(paths, 1):
        soundfile.write(path, [0.1] * 1600 * number, 16000)
    rows = [{"bytes": path.read_bytes(), "path": path.name} for path in paths]
    table = datasets.Dataset.from_dict({"audio": rows})
    table.cast_column("audio", datasets.Audio()).save_to_disk(folder / "saved")
    arguments = {"source": str(folder / "saved"), "layout": "datasets"}
    return {"class_path": "SpeechData", "init_args": arguments}


def image_block(folder):
    for number in range(1, COUNT + 1):
        place = folder / f"images/{'ab'[number % 2]}/{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (10 * number, 10 * number)).save(place)
    return {"class_path": "ImageData", "init_args": {"source": str(folder / "images")}}


BLOCKS = [text_block, folder_block, manifest_block, datasets_block, image_block]


@pytest.mark.parametrize("make_block", BLOCKS)
def test_drawn_samples_are_some_of_the_source_and_the_whole_is_not_forgotten(make_block, tmp_path):
    block = make_block(tmp_path)
    drawn, skipped, _ = read_lengths({"block": block, "sample": 5, "seed": 4})
    whole, *_ = read_lengths({"block": block, "sample": None, "seed": 4})
    assert (drawn.count, drawn.sampled, skipped) == (5, Sampled(COUNT, 4, 5), [])
    assert (whole.count, whole.sampled) == (COUNT, None)
    in_whole = dict(zip(whole.values, whole.counts, strict=True))
    assert all(
        n <= in_whole.get(value, 0) for value, n in zip(drawn.values, drawn.counts, strict=True)
    )
    again, *_ = read_lengths({"block": block, "sample": 5, "seed": 4})
    assert again == drawn


@pytest.mark.parametrize("make_block", BLOCKS)
def test_as_many_samples_as_there_are_make_the_whole(make_block, tmp_path):
    block = make_block(tmp_path)
    found, *_ = read_lengths({"block": block, "sample": COUNT, "seed": 0})
    assert isinstance(found, LengthDistribution)
    assert (found.count, found.sampled) == (COUNT, None)


def test_only_the_headers_of_drawn_files_are_read(tmp_path):
    block = folder_block(tmp_path)
    read_lengths({"block": block, "sample": 3, "seed": 0})
    for place in (tmp_path / "sounds").iterdir():
        place.write_bytes(b"damaged")
    with pytest.raises(DataError):
        read_lengths({"block": block, "sample": 3, "seed": 0})
    block["init_args"]["on_bad_sample"] = "skip"
    with pytest.warns(UserWarning, match="skipped"), pytest.raises(DataError, match="no samples"):
        read_lengths({"block": block, "sample": 3, "seed": 0})


def test_data_made_on_the_spot_cannot_be_drawn_from():
    name = "datamodules.modalities.synthetic.SyntheticText"
    block = {"class_path": name, "init_args": {"sequence_length": 8}}
    assert read_lengths({"block": block, "sample": None, "seed": 0})[0].values == (8,)
    with pytest.raises(DataError, match="`sample` must have data to draw from, got SyntheticText"):
        read_lengths({"block": block, "sample": 3, "seed": 0})


def test_a_short_reading_says_nothing(capsys):
    tell = ReadingProgress(is_terminal=False)
    for done in range(1, 4):
        tell(done, 3)
    assert capsys.readouterr().err == ""


def test_a_long_reading_says_how_far_it_is(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("profiling.measuring.lengths.time.monotonic", lambda: now[0])
    tell = ReadingProgress(is_terminal=False, began=100.0)
    for second in range(1, 31):
        now[0] = 100.0 + second
        tell(1000 * second, 30_000)
    assert capsys.readouterr().err.splitlines() == [
        "lengths: 10,000 of 30,000 samples, 20 s left",
        "lengths: 20,000 of 30,000 samples, 10 s left",
        "lengths: 30,000 of 30,000 samples, 0 s left",
    ]


def test_on_a_terminal_one_line_is_written_over(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("profiling.measuring.lengths.time.monotonic", lambda: now[0])
    tell = ReadingProgress(is_terminal=True, began=100.0)
    for second in (1, 2, 3):
        now[0] = 100.0 + second
        tell(second, 3)
    said = capsys.readouterr().err
    assert said.count("\r") == 3
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("make_block", "cut", "told"),
    [
        (text_block, {"max_length": 6}, "`max_length` 6"),
        (folder_block, {"max_seconds": 0.5}, "`max_seconds` 0.5"),
        (text_block, {}, None),
        (folder_block, {}, None),
        (image_block, {"input_size": 32}, None),
    ],
)
def test_at_which_setting_samples_are_cut_is_told(make_block, cut, told, tmp_path):
    block = make_block(tmp_path)
    block["init_args"] |= cut

    *_, notes = read_lengths({"block": block, "sample": None, "seed": 0})

    assert len(notes) == (told is not None)
    assert all(f"cuts longer samples at {told}, and" in note for note in notes)
