"""LibriSpeech with its transcripts: read, fetched, unpacked."""

import hashlib
import io
import tarfile
import threading
from email.message import Message
from typing import Any

import pytest
import torch

from datamodules.errors import DataError
from datamodules.recordings.librispeech import SUBSETS, download
from datamodules.recordings.transcripts import read_transcripts
from tests.samples.recordings.transcribed import speech, write_sound


def write_tree(folder, subset="dev-clean"):
    chapter = folder / "LibriSpeech" / subset / "84/121"
    for number in range(3):
        write_sound(chapter / f"84-121-000{number}.flac", 9_000 + 900 * number)
    (chapter / "84-121.trans.txt").write_text(
        "84-121-0000 GO\n84-121-0001 DO NOT\n84-121-0002 SO\n"
    )
    return folder / "LibriSpeech"


@pytest.mark.parametrize("place", ["", "dev-clean", "dev-clean/84/121"])
def test_librispeech_has_its_transcripts_in_the_tree(tmp_path, place):
    tree = write_tree(tmp_path) / place
    data = speech(tree, layout="librispeech", hold_out_fraction=0.5)
    data.setup("fit")
    assert [data.reference("val", index) for index in range(3)] == ["GO", "DO NOT", "SO"]


def test_a_damaged_line_of_librispeech_is_named(tmp_path):
    tree = write_tree(tmp_path)
    path = tree / "dev-clean/84/121/84-121.trans.txt"
    path.write_text("84-121-0000 GO\n84-121 DO\n")
    with pytest.raises(DataError, match="line 2 of .*84-121.trans.txt must be `speaker-chapter-"):
        read_transcripts(str(tree), "librispeech")


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """Serve an archive of a small tree in place of the network; return what was asked for."""
    tree = write_tree(tmp_path / "server")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        tar.add(tree, "LibriSpeech")
    asked = []

    class Response(io.BytesIO):
        def info(self):
            return Message()

    def urlopen(request):
        asked.append(request.full_url)
        return Response(content.getvalue())

    digest = hashlib.sha256(content.getvalue()).hexdigest()
    from torchaudio.datasets import librispeech

    checksums = dict.fromkeys(librispeech._CHECKSUMS, digest)
    monkeypatch.setattr(librispeech, "_CHECKSUMS", checksums)
    monkeypatch.setattr("torch.hub.urlopen", urlopen)
    return asked, checksums


@pytest.mark.torchaudio
def test_a_subset_is_fetched_once_where_the_source_is(tmp_path, archive):
    source = tmp_path / "data/LibriSpeech/dev-clean"
    data = speech(source, layout="librispeech", download=["dev-clean"])
    data.prepare_data()
    data.prepare_data()
    assert archive[0] == ["http://www.openslr.org/resources/12/dev-clean.tar.gz"]
    data.setup("fit")
    assert len(data.train_reader.lengths) == 3
    assert [path.name for path in source.parent.iterdir()] == ["dev-clean"]


@pytest.mark.torchaudio
def test_subsets_that_are_there_are_not_fetched_whatever_their_folder_is_called(tmp_path, archive):
    for subset in SUBSETS[:2]:
        write_tree(tmp_path, subset)
    folder = (tmp_path / "LibriSpeech").rename(tmp_path / "corpora")
    before = sorted(tmp_path.rglob("*"))
    train, val = (str(folder / subset) for subset in SUBSETS[:2])
    speech(train, val_source=val, layout="librispeech", download=list(SUBSETS[:2])).prepare_data()
    assert archive[0] == []
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("source", ["corpora/dev-clean", "LibriSpeech/dev-other", "LibriSpeech"])
def test_a_subset_that_would_be_no_source_is_not_fetched(tmp_path, source):
    data = speech(tmp_path / source, layout="librispeech", download=["dev-clean"])
    sentence = f"needs a folder LibriSpeech/dev-clean as `source`, .*, got {tmp_path / source}$"
    with pytest.raises(DataError, match=sentence):
        data.prepare_data()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.torchaudio
def test_links_and_relative_paths_may_lead_to_librispeech(tmp_path, archive, monkeypatch):
    (tmp_path / "one/LibriSpeech").mkdir(parents=True)
    (tmp_path / "link").symlink_to("one/LibriSpeech")
    (tmp_path / "disk").mkdir()
    (tmp_path / "LibriSpeech").symlink_to("disk")
    monkeypatch.chdir(tmp_path / "one/LibriSpeech")
    for source in (tmp_path / "link/dev-clean", "dev-clean", tmp_path / "LibriSpeech/dev-clean"):
        speech(source, layout="librispeech", download=["dev-clean"]).prepare_data()
    assert len(archive[0]) == 2
    assert (tmp_path / "one/LibriSpeech/dev-clean/84").is_dir()
    assert (tmp_path / "disk/dev-clean/84").is_dir()


def test_a_file_system_without_locks_is_one_sentence(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    sentence = "`download` needs a folder .* that can lock files, got .*: Function not implemented$"
    with pytest.raises(DataError, match=sentence):
        download("dev-clean", str(tmp_path))


@pytest.mark.torchaudio
def test_a_half_unpacked_subset_is_unpacked_again_without_the_network(tmp_path, archive):
    target = download("dev-clean", str(tmp_path / "first"))
    partial = tmp_path / "second/LibriSpeech/.dev-clean.partial"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.replace", _stop)
        with pytest.raises(KeyboardInterrupt):
            download("dev-clean", str(tmp_path / "second"))
    damaged = next(partial.rglob("*.flac"))
    damaged.write_bytes(b"half")
    again = download("dev-clean", str(tmp_path / "second"))
    assert not partial.exists()
    for path in target.rglob("*.flac"):
        assert (again / path.relative_to(target)).read_bytes() == path.read_bytes()
    assert len(archive[0]) == 2


def _stop(*_):
    raise KeyboardInterrupt


@pytest.mark.torchaudio
def test_what_cannot_be_fetched_is_one_sentence(tmp_path, archive):
    _, checksums = archive
    checksums.update(dict.fromkeys(checksums, "0" * 64))
    with pytest.raises(DataError, match="`download` dev-clean cannot be fetched: ") as caught:
        download("dev-clean", str(tmp_path))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "LibriSpeech/dev-clean").exists()


@pytest.mark.torchaudio
def test_two_that_fetch_the_same_subset_at_once_find_all_of_it(tmp_path, archive, monkeypatch):
    serve: Any = vars(torch.hub)["urlopen"]
    others: list[threading.Thread] = []

    def urlopen(request):
        if not others:
            others.append(threading.Thread(target=download, args=("dev-clean", str(tmp_path))))
            others[0].start()
            others[0].join(0.5)  # it waits for this one, or unpacks into the same place
        return serve(request)

    monkeypatch.setattr("torch.hub.urlopen", urlopen)
    target = download("dev-clean", str(tmp_path))
    others[0].join()
    assert len(archive[0]) == 1
    assert len(list(target.rglob("*.flac"))) == 3
    assert [path.name for path in target.parent.iterdir()] == ["dev-clean"]
