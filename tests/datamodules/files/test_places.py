"""Places that nobody can look at are one sentence, whoever looks for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datamodules.bad_samples import BadSamples
from datamodules.composing.words import list_words
from datamodules.errors import DataError
from datamodules.files.length_cache import cached_lengths
from datamodules.labels.opening import open_labels
from datamodules.modalities.text_source import load_texts, load_tokenizer
from datamodules.modalities.vision import list_images
from datamodules.recordings.listing import list_recordings
from tests.samples.closed import close

NOBODY = "~a-user-that-is-not-here"
READERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "recordings": ("source", lambda name: list_recordings(name, "auto", BadSamples("stop"))),
    "rows": ("source", lambda name: list_recordings(name, "datasets", BadSamples("stop"))),
    "images": ("source", list_images),
    "texts": ("source", lambda name: load_texts(name, "text", "train", None)),
    "a tokenizer": ("tokenizer", load_tokenizer),
    "labels": ("labels", lambda name: open_labels(name, 7)),
    "labels of fairseq": ("labels", lambda name: open_labels(f"{name}.km", 7)),
    "words": ("recordings", list_words),
}


@pytest.mark.parametrize("what", READERS)
def test_a_place_that_nobody_can_look_at_is_named_with_the_reason(what, tmp_path, monkeypatch):
    setting, read = READERS[what]
    close(tmp_path / "secret", monkeypatch)
    for name, reason in [
        (str(tmp_path / "secret/data"), "Permission denied"),
        (f"{NOBODY}/data", "Could not determine home directory"),
    ]:
        with pytest.raises(DataError, match=f"`{setting}` {name}.* cannot be read: {reason}$"):
            read(name)


def test_labels_in_a_folder_that_one_may_not_look_into_are_named(tmp_path, monkeypatch):
    (tmp_path / "secret").mkdir()
    close(tmp_path / "secret", monkeypatch)
    with pytest.raises(DataError, match=f"`labels` {tmp_path}/secret"):
        open_labels(str(tmp_path / "secret"), 7)


def test_a_manifest_whose_root_folder_is_nobodys_is_named(tmp_path):
    manifest = tmp_path / "train.tsv"
    manifest.write_text(f"{NOBODY}/audio\na.wav\t9000\n")
    with pytest.raises(DataError, match=f"root folder {NOBODY}/audio of manifest {manifest} can"):
        list_recordings(str(manifest), "manifest", BadSamples("stop"))


def test_without_a_home_lengths_are_counted_and_not_kept(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", f"{NOBODY}/cache")
    assert cached_lengths("key", 3, lambda: np.arange(3, dtype=np.int32)).tolist() == [0, 1, 2]
    assert not Path(NOBODY).exists()
