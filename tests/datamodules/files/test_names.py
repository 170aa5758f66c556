"""Names of recordings and images are data: whatever a file system allows may be in them."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from datamodules.bad_samples import BadSamples
from datamodules.errors import BadSampleError, DataError, shown
from datamodules.modalities.vision import ImageData
from datamodules.recordings.decoding import decode
from datamodules.recordings.listing import list_recordings
from datamodules.recordings.transcripts import read_transcripts
from datamodules.utterances.whole import RecordingData
from tests.samples.recordings.speech import write_sound

# All that Python takes for the end of a line, beside the line feed that ends one here.
LINE_ENDS = ("\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\r")
names = st.text(
    st.one_of(
        st.characters(exclude_characters="/\0\n\t", codec="utf-8"), st.sampled_from(LINE_ENDS)
    ),
    min_size=1,
    max_size=20,
).filter(lambda name: name.strip("."))


@given(st.lists(names, min_size=1, max_size=4, unique=True))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_manifest_has_a_recording_for_every_line_whatever_is_in_its_name(tmp_path, chosen):
    manifest = tmp_path / "m.tsv"
    lines = "".join(f"{name}.wav\t{400 + place}\n" for place, name in enumerate(chosen))
    manifest.write_bytes(f"root\n{lines}".encode())
    found = list_recordings(str(manifest), "manifest", BadSamples("stop"))
    assert [recording.name for recording in found] == [f"{name}.wav" for name in chosen]


@pytest.mark.parametrize("character", LINE_ENDS)
def test_transcripts_go_by_names_with_line_ends_in_them(tmp_path, character):
    name = f"a{character}b.wav"
    (tmp_path / "transcripts.tsv").write_bytes(f"{name}\tONE TWO\r\nc.wav\tTEN\n".encode())
    assert read_transcripts(str(tmp_path), "folder") == {name: "ONE TWO", "c.wav": "TEN"}


def test_transcripts_go_by_names_that_are_no_utf8(tmp_path):
    (tmp_path / "transcripts.tsv").write_bytes(b"caf\xe9.wav\tONE\n")
    assert read_transcripts(str(tmp_path), "folder") == {"caf\udce9.wav": "ONE"}


def test_a_librispeech_utterance_that_is_transcribed_twice_is_refused(tmp_path):
    write_sound(tmp_path / "1/2/1-2-0003.flac", 4_000)
    (tmp_path / "1/2/1-2.trans.txt").write_text("1-2-0003 ONE\n1-2-0003 TWO\n")
    with pytest.raises(DataError, match="line 2 of .* of its own, got 1/2/1-2-0003.flac"):
        read_transcripts(str(tmp_path), "librispeech")


@given(st.text(max_size=30))
def test_a_name_in_a_message_is_one_line_of_printable_characters(name):
    assert shown(name).isprintable()
    assert len(shown(name).splitlines()) <= 1


def test_an_image_with_a_tag_of_a_wrong_type_is_read_or_named(tmp_path):
    import struct

    # Orientation 6; the resolution as a text, which it cannot be.
    tags = [(0x112, 3, 1, b"\x06\0\0\0"), (0x11A, 2, 3, b"72\0\0")]
    written = b"".join(struct.pack("<HHI", *tag) + value for *tag, value in tags)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + written + bytes(4)
    Image.new("RGB", (64, 32)).save(tmp_path / "a.jpg", exif=exif)
    Image.new("RGB", (64, 32)).save(tmp_path / "b.jpg")
    data = ImageData(str(tmp_path), input_size=32, on_bad_sample="skip")
    with pytest.warns(UserWarning, match="a.jpg"):
        assert data.batch_at(32, 2)["pixel_values"].shape == (2, 3, 32, 32)


@pytest.mark.parametrize("error", [TypeError, ZeroDivisionError, KeyError, MemoryError])
def test_whatever_a_library_raises_over_a_file_names_the_file(tmp_path, monkeypatch, error):
    def fail(*arguments, **settings):
        raise error("of the library")

    write_sound(tmp_path / "a.wav", 4_000)
    monkeypatch.setattr(soundfile.SoundFile, "__init__", fail)
    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(BadSampleError, match="a.wav cannot be read: .*of the library"):
        list_recordings(str(tmp_path), "folder", BadSamples("stop"))
    Path(tmp_path / "b.png").touch()
    with pytest.raises(BadSampleError, match="b.png cannot be read: .*of the library"):
        ImageData(str(tmp_path)).lengths()


# Names as a disk has them: any bytes but zero and the slash, 255 of them at most.
disk_names = st.one_of(
    st.sampled_from(
        [b"\xe9", b"a\tb", b"a\rb", b"x" * 251, "é".encode() * 125, b" a ", b"-a", b"%"]
    ),
    st.binary(min_size=1, max_size=20).map(
        lambda name: name.translate(None, b"/\0\n").lstrip(b".")  # hidden ones are not looked for
    ),
).filter(bool)


@given(st.lists(disk_names, min_size=1, max_size=4, unique=True))
@settings(deadline=None, max_examples=40)
def test_recordings_of_any_names_are_listed_labelled_and_found_again(chosen):
    with TemporaryDirectory() as place:
        sounds, labels = Path(place, "sounds"), Path(place, "labels")
        sounds.mkdir()
        write_sound(Path(place, "a.wav"), 4_000)
        for name in chosen:
            os.link(Path(place, "a.wav"), os.path.join(os.fsencode(sounds), name + b".wav"))
        os.symlink(sounds, sounds / "again")  # a loop
        data = RecordingData(str(sounds), num_workers=0)
        assert sorted(map(os.fsencode, data.names)) == sorted(name + b".wav" for name in chosen)
        facts = {"num_clusters": 99, "rate_hz": 50, "centroids": "x", "features": "mfcc"}
        writer = data.open_labels(str(labels), 0, **facts)
        assert writer is not None
        for number, name in enumerate(data.names):
            writer.add(name, [number] * 12)
        writer.close()
        found = data.join_labels(str(labels))
        assert {name: set(found.ids(name).tolist()) for name in data.names} == {
            name: {number} for number, name in enumerate(data.names)
        }
        manifest = Path(place, "m.tsv")
        lines = [os.fsencode(name) + b"\t4000" for name in data.names]
        manifest.write_bytes(b"\r\n".join([b"sounds", *lines, b""]))
        listed = list_recordings(str(manifest), "manifest", BadSamples("stop"))
        assert [recording.name for recording in listed] == data.names
        assert all(decode(recording, 4_000).numel() for recording in listed)
