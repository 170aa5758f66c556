"""Labels in a table of `datasets`: a row for every utterance, with a name and a list of labels."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError, opening
from datamodules.files.datasets_hub import open_rows
from datamodules.labels.foreign import ForeignLabels
from datamodules.labels.format import MODEL_RATE_HZ, LabelFacts

NAME_COLUMNS = ("name", "id", "file", "file_name", "path", "utterance_id", "utt_id")
LABEL_COLUMNS = ("labels", "units", "codes", "clusters", "km")
ROWS_AT_A_TIME = 1000


class TableLabels(ForeignLabels):
    """Labels of a table; a row is read when its recording is used, the rest stays on disk.

    Args:
        source: A `.parquet` or `.arrow` file, a folder of `save_to_disk`, or `name:config:split` on
            the hub. Labels are lists of whole numbers, or text in which spaces separate them.
        num_clusters: Number of clusters, which no table says.
        rate_hz: Labels of one second; None = 50.

    Raises:
        DataError: The table cannot be read, lacks a column, or `num_clusters` is not given.
    """

    def __init__(
        self, source: str, num_clusters: int | None = None, rate_hz: int | None = None
    ) -> None:
        if num_clusters is None:
            raise DataError(f"`num_clusters` must be given for the table {source}, got null")
        rows = open_rows(source, setting="labels")
        name_column = _choose(rows, source, "names", NAME_COLUMNS)
        self._column = _choose(rows, source, "labels", LABEL_COLUMNS)
        with opening(f"`labels` {source}"):
            names = [str(name) for name in rows[name_column]]
            self._rows = rows.select_columns([self._column])
            counts = np.fromiter(_count(self._rows, self._column, source), np.int64, len(names))
        facts = LabelFacts(num_clusters, rate_hz or MODEL_RATE_HZ, None, f"those of {source}")
        super().__init__(source, facts, names, counts)

    def read(self, place: int) -> NDArray[np.int64]:
        """Read a row, (labels,) int64."""
        value = self._rows[place][self._column]
        numbers = map(int, value.split()) if isinstance(value, str) else value or []
        return np.fromiter(numbers, np.int64)


def _choose(rows: Any, source: str, what: str, choices: tuple[str, ...]) -> str:
    found = [column for column in choices if column in rows.column_names]
    if not found:
        raise DataError(
            f"`labels` {source} must have a column of {what}, one of {', '.join(choices)}, got "
            f"{', '.join(sorted(rows.column_names))}"
        )
    return found[0]


def _count(rows: Any, column: str, source: str) -> Iterator[int]:
    """Yield how many labels every row has, some rows at a time.

    Raises:
        DataError: They are neither lists of whole numbers nor text.
    """
    import pyarrow
    import pyarrow.compute

    for table in rows.with_format("arrow").iter(ROWS_AT_A_TIME):
        values = table[column]
        kind = values.type
        is_list = pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind)
        if is_list and pyarrow.types.is_integer(kind.value_type):
            counts = pyarrow.compute.list_value_length(values)
        elif pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind):
            # Text without any word has no split either, but one part.
            parts = pyarrow.compute.utf8_split_whitespace(
                pyarrow.compute.utf8_trim_whitespace(values)
            )
            counts = pyarrow.compute.list_value_length(parts)
        else:
            raise DataError(
                f"column {column} of `labels` {source} must hold lists of whole numbers, or text, "
                f"got {kind}"
            )
        yield from counts.fill_null(0).to_pylist()
