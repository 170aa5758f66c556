"""A run and lengths of data, for the command `advise`."""

import pytest

from tests.samples.rows.advising import (
    lengths_around,
    linear_law,
    rows_of,
    vanilla_law,
)
from tests.samples.rows.runs import write_run


@pytest.fixture
def run_directory(tmp_path):
    rows = [
        *rows_of("bert", "sdpa", vanilla_law),
        *rows_of("local_bert", "local_blocked", linear_law, attention_window=32),
    ]
    keyed = [row | {"key": f"{row['variant']}-{row['sequence_length']}"} for row in rows]
    return str(write_run(tmp_path / "run", keyed))


@pytest.fixture
def lengths(tmp_path):
    lengths_around(1300).to_json(tmp_path / "lengths.json")
    return str(tmp_path / "lengths.json")
