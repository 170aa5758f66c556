"""One column of texts out of a file here: a table with commas or tabs, JSON, or Parquet.

Each kind has one reader, and only the column that is asked for is looked at: others may change
their type half way, and "NA" is a word.
"""

import csv
import itertools
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datamodules.counted import counted
from datamodules.errors import DataError, opening, shown
from datamodules.libraries import needed
from datamodules.modalities.json_rows import json_rows

ROWS_AT_A_TIME = 10_000
Text = str | None
NOT_A_TABLE = "is not a table of text"


def write_column(path: Path, text_column: str, target: Path) -> None:
    """Write one column of a file into a Parquet file, some rows at a time.

    Args:
        path: The file; its ending says its kind.
        text_column: The column, of strings or nulls.
        target: The file to write.

    Raises:
        DataError: The file cannot be read, or has no such column of strings.
    """
    with needed("datasets", "reading a table"):
        import datasets  # noqa: F401
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema([(text_column, pyarrow.large_string())])
    texts = READERS[path.suffix.lower()](path, text_column)
    num_rows = 0
    with opening(f"`source` {path}"), pyarrow.parquet.ParquetWriter(target, schema) as writer:
        while rows := list(itertools.islice(texts, ROWS_AT_A_TIME)):
            num_rows += len(rows)
            writer.write_table(pyarrow.table([pyarrow.array(rows, schema.types[0])], schema))
    if not num_rows:
        raise DataError(f"`source` {path} cannot be read: it has no rows")


def check_column(columns: Iterable[str], text_column: str, source: object) -> None:
    """Raise DataError, with the choices, unless a source has a column."""
    found = sorted(columns)
    if text_column not in found:
        raise DataError(
            f"`text_column` must be a column of {source}, one of {shown(', '.join(found))}, "
            f"got {text_column!r}"
        )
    if found.count(text_column) > 1:
        raise DataError(
            f"`text_column` must be one column of {source}, got {text_column!r}, which "
            f"{found.count(text_column)} columns are called"
        )


def _read_csv(path: Path, text_column: str) -> Iterator[Text]:
    # A quote that begins a field and is never closed would swallow the rows up to the next one.
    dialect: dict[str, Any] = {"delimiter": ",", "strict": True}
    if path.suffix.lower() == ".tsv":  # tabs need no quotes, and texts hold lone ones
        dialect = {"delimiter": "\t", "quoting": csv.QUOTE_NONE}
    begins = 1
    try:
        # Only a line feed ends a line, or one before which is a carriage return: a lone one within
        # a text that has no quotes is refused, where some readers would cut the text in two.
        with _long_fields(), path.open(encoding="utf-8-sig", newline="\n") as file:
            rows = csv.reader(file, **dialect)
            columns = next(rows)
            check_column(columns, text_column, path)
            place = columns.index(text_column)
            begins = rows.line_num + 1
            for row in rows:
                if any(row[len(columns) :]):
                    raise DataError(
                        f"`source` file {path} must have {counted(len(columns), 'field')} in line "
                        f"{rows.line_num}, as in its first line, got {len(row)}"
                    )
                if row:
                    yield row[place] if place < len(row) else None
                begins = rows.line_num + 1
    except (StopIteration, UnicodeDecodeError) as error:
        raise DataError(f"`source` file {path} {NOT_A_TABLE}") from error
    except csv.Error as error:
        reason = str(error).split(" - ")[0]
        raise DataError(
            f"`source` file {path} {NOT_A_TABLE}: {reason} in the row that begins in line {begins}"
        ) from error


@contextmanager
def _long_fields() -> Iterator[None]:
    """Let a field be of any length: the library has a limit for the whole process."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _read_json(path: Path, text_column: str) -> Iterator[Text]:
    columns: set[str] = set()
    for number, row in enumerate(json_rows(path), 1):
        if isinstance(row, str):  # a list of texts has no names
            row = {"text": row}
        if not isinstance(row, dict):
            raise DataError(f"row {number} of `source` {path} must be an object, got {row!r:.80}")
        columns |= row.keys()
        value = row.get(text_column)
        if not isinstance(value, str | None):
            raise DataError(
                f"`text_column` {text_column} of {path} must hold strings, got {_kind(value)} in "
                f"row {number}"
            )
        _check_pairs(value, number, path)
        yield value
    if columns:
        check_column(columns, text_column, path)


def _check_pairs(text: Text, row: int, path: Path) -> None:
    """Raise DataError at a text that cannot be written: JSON can have half of a pair in it."""
    try:
        (text or "").encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"row {row} of `source` {path} has a text with half of a pair of surrogates"
        ) from error


def _kind(value: Any) -> str:
    import pyarrow

    try:
        return str(pyarrow.scalar(value).type)
    except pyarrow.ArrowException:
        return type(value).__name__


def _read_parquet(path: Path, text_column: str) -> Iterator[Text]:
    import pyarrow.parquet

    file = pyarrow.parquet.ParquetFile(path)
    check_column(file.schema_arrow.names, text_column, path)
    kind = str(file.schema_arrow.field(text_column).type)
    if kind not in ("large_string", "string", "string_view"):
        raise DataError(f"`text_column` {text_column} of {path} must hold strings, got {kind}")
    for batch in file.iter_batches(ROWS_AT_A_TIME, columns=[text_column]):
        yield from batch.column(0).to_pylist()


READERS = {
    ".csv": _read_csv,
    ".json": _read_json,
    ".jsonl": _read_json,
    ".parquet": _read_parquet,
    ".tsv": _read_csv,
}
