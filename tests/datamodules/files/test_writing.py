"""A file is written whole or not at all."""

import numpy as np
import pytest

from datamodules.files.writing import whole_file, write_text


def test_what_is_written_replaces_what_was_there_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "first")
    write_text(path, "sécond")
    assert path.read_text(encoding="utf-8") == "sécond"
    with whole_file(tmp_path / "b.npy") as temporary:
        np.save(temporary, np.arange(3))  # it would add the ending, if there was none
        assert not (tmp_path / "b.npy").exists()
        assert temporary.name.startswith(".")
    assert np.load(tmp_path / "b.npy").tolist() == [0, 1, 2]
    assert {each.name for each in tmp_path.iterdir()} == {"a.txt", "b.npy"}


@pytest.mark.parametrize("before", [None, "whole"])
def test_a_failure_leaves_the_folder_as_it_was(tmp_path, before):
    path = tmp_path / "a.txt"
    if before is not None:
        path.write_text(before)
    with pytest.raises(UnicodeEncodeError), whole_file(path) as temporary:
        temporary.write_text("half, then \udcff", encoding="utf-8")
    assert [each.read_text() for each in tmp_path.iterdir()] == [before] * (before is not None)


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "absent" / "a.txt", "text")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        write_text(tmp_path / "file" / "a.txt", "text")


def test_two_that_write_one_file_at_once_leave_a_whole_one(tmp_path):
    path = tmp_path / "a.txt"
    with whole_file(path) as first:
        first.write_text("first")
        with whole_file(path) as second:
            second.write_text("second")
        assert path.read_text() == "second"
    assert path.read_text() == "first"
    assert [*tmp_path.iterdir()] == [path]
