"""Rows out of a file of JSON, whatever way it has them."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datamodules.errors import DataError, reason_of
from datamodules.nesting import parse_json

SPACE = " \t\r\n"  # of JSON, which knows no other


def json_rows(path: Path) -> Iterator[Any]:
    """Yield the rows of lines of JSON, of a list, or of an object that has a list per column.

    Raises:
        DataError: It is no JSON; the damaged line is named.
    """
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        lines = ((number, line) for number, line in enumerate(file, 1) if line.strip())
        number, first = next(lines, (1, ""))
        try:
            row = parse_json(first)
        except ValueError:
            row = None
        if isinstance(row, dict):
            yield from _rows_from(row, lines, path)
            return
        whole = _parse(first + file.read(), number, path)
    yield from whole if isinstance(whole, list) else _rows_of_columns(whole)


def _parse(text: str, line: int, path: Path) -> Any:
    """Parse JSON that begins in a line of a file.

    Raises:
        DataError: It is none; the line is named where that is seen.
    """
    try:
        # An end that is missing is missing in the last line that says something.
        return parse_json(text.rstrip(SPACE))
    except json.JSONDecodeError as error:
        reason = error.msg.removesuffix(" at").removesuffix(" starting")
        raise DataError(
            f"line {line + error.lineno - 1} of `source` {path} cannot be read as JSON: {reason} "
            f"in column {error.colno}"
        ) from error
    except ValueError as error:  # it is nested too deeply, or has a number of too many digits
        raise DataError(
            f"`source` {path} cannot be read from line {line} on: {reason_of(error)}"
        ) from error


def _rows_from(row: dict[str, Any], lines: Iterator[tuple[int, str]], path: Path) -> Iterator[Any]:
    """Yield a row and those of the lines behind it; where there is none, it may be a table."""
    second = next(lines, None)
    if second is not None:
        yield row
        for number, line in itertools.chain([second], lines):
            yield _parse(line, number, path)
    elif row and all(isinstance(values, list | dict) for values in row.values()):
        yield from _rows_of_columns(row)
    else:
        yield row


def _rows_of_columns(table: dict[str, Any]) -> Iterator[dict[str, Any]]:
    columns = {name: _column(values) for name, values in table.items()}
    for row in itertools.zip_longest(*columns.values()):
        yield dict(zip(columns, row, strict=True))


def _column(values: Any) -> list[Any]:
    if isinstance(values, dict):
        return list(values.values())
    return values if isinstance(values, list) else [values]
