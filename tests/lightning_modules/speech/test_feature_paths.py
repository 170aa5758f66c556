"""Every recording has a file of its own for its features, whatever its name is."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lightning_modules.speech.feature_paths import feature_path
from lightning_modules.whole_files import whole_file, whole_folder

parts = st.one_of(
    st.sampled_from(["", ".", "..", "a", "a_b", "a-b", "b.wav", "x" * 251, "é" * 126, "caf\udce9"]),
    st.text(st.characters(exclude_characters="/\0", codec="utf-8"), max_size=8),
)
names = st.lists(parts, min_size=1, max_size=4).map("/".join).filter(bool)


@given(st.lists(names, min_size=2, max_size=12, unique=True))
def test_no_two_names_share_a_file_and_none_leads_out_of_the_folder(chosen: list[str]) -> None:
    folder = Path("/features")
    found = [feature_path(folder, name) for name in chosen]
    assert len({os.path.normpath(path) for path in found}) == len(chosen)
    assert all(Path(os.path.normpath(path)).is_relative_to(folder) for path in found)
    assert all(len(os.fsencode(part)) <= 255 for path in found for part in path.parts)


@given(st.lists(names, min_size=1, max_size=4, unique=True))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_features_can_be_written_under_every_name(tmp_path: Path, chosen: list[str]) -> None:
    for number, name in enumerate(chosen):
        path = feature_path(tmp_path / f"{len(list(tmp_path.iterdir()))}", name)
        with whole_file(path) as unfinished, unfinished.open("wb") as file:
            np.save(file, np.full(3, number))
        assert np.load(path)[0] == number


@pytest.mark.parametrize(
    ("one", "other"),
    [("../a", "a"), ("a/b", "a_b"), ("a/b", "a-b"), ("/a", "a"), ("a//b", "a/b"), ("./a", "a")],
)
def test_names_that_flatten_alike_keep_apart(tmp_path: Path, one: str, other: str) -> None:
    assert feature_path(tmp_path, one).resolve() != feature_path(tmp_path, other).resolve()


def test_a_recording_has_its_features_at_its_own_place(tmp_path: Path) -> None:
    assert feature_path(tmp_path, "1/2/a.wav") == tmp_path / "1/2/a.wav.npy"


@pytest.mark.parametrize("name", ["é" * 125 + ".npy", "a." + "x" * 253, "y" * 255])
def test_files_and_folders_of_the_longest_names_are_written_whole(
    tmp_path: Path, name: str
) -> None:
    with whole_file(tmp_path / name) as unfinished:
        unfinished.write_text("whole")
    assert (tmp_path / name).read_text() == "whole"
    with whole_folder(tmp_path / "folders" / name) as unfinished:
        (unfinished / "a").touch()
    assert [path.name for path in (tmp_path / "folders").iterdir()] == [name]
