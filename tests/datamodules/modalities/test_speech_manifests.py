"""Speech that is listed in a manifest."""

import pytest

from datamodules.errors import BadSampleError, DataError
from datamodules.modalities.speech import SpeechData
from tests.samples.sounds import write_audio


def test_a_manifest_gives_its_lengths_without_touching_a_file(tmp_path):
    manifest = tmp_path / "train.tsv"
    manifest.write_text("nowhere\nx/a.flac\t16000\nb c.flac\t8000\n\n")
    data = SpeechData(str(manifest))
    assert data.lengths().values == (24, 49)
    with pytest.raises(DataError, match="nowhere/x/a.flac cannot be read: it does not exist"):
        data.batch_at(49, 1)


def test_a_manifest_root_is_meant_from_the_manifest(tmp_path):
    write_audio(tmp_path / "audio/a.wav", 16_000)
    (tmp_path / "train.tsv").write_text("audio\na.wav\t16000\n")
    assert SpeechData(str(tmp_path / "train.tsv")).batch_at(49, 1)["input_values"].any()


def test_a_manifest_may_begin_with_a_byte_order_mark(tmp_path):
    write_audio(tmp_path / "a.wav", 16_000)
    (tmp_path / "m.tsv").write_text("\ufeff.\na.wav\t16000\n", encoding="utf-8")
    assert SpeechData(str(tmp_path / "m.tsv")).batch_at(49, 1)["input_values"].any()


def test_a_file_shorter_than_listed_is_named(tmp_path):
    write_audio(tmp_path / "a.wav", 16_000, rate_hz=8_000)
    (tmp_path / "train.tsv").write_text(".\na.wav\t16000\n")
    with pytest.raises(BadSampleError, match="a.wav must have 16000 samples .* got 32000"):
        SpeechData(str(tmp_path / "train.tsv")).batch_at(49, 1)


@pytest.mark.parametrize("line", ["a.flac 16000", "a.flac\t", "a.flac\t-5", "\t16000", "a\t1.5"])
def test_a_bad_manifest_line_is_named_by_its_number(tmp_path, line):
    manifest = tmp_path / "train.tsv"
    manifest.write_text(f"root\na.flac\t16000\n{line}\n")
    with pytest.raises(BadSampleError, match="line 3 of manifest .*train.tsv must be `path<TAB>"):
        SpeechData(str(manifest)).lengths()
    data = SpeechData(str(manifest), on_bad_sample="skip")
    with pytest.warns(UserWarning, match="line 3"):
        assert data.lengths().count == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "not a manifest"), (b"\xff\xfb\x00", "not a manifest"), (b"a\t5\n", "the first line")],
)
def test_a_file_that_is_no_manifest_is_one_sentence(tmp_path, content, message):
    path = tmp_path / "train.tsv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        SpeechData(str(path)).lengths()
    assert "\n" not in str(caught.value)
