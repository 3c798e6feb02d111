"""Rows of a delimited file, with every complaint naming file, line and column."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from streamer.errors import DataSetError
from streamer.events import Event


class Row:
    """One line of a file; columns are fetched by name and checked."""

    __slots__ = ("_cells", "_columns", "_line", "_path")

    def __init__(self, path: Path, line: int, columns: dict[str, int], cells: list[str]) -> None:
        self._path = path
        self._line = line
        self._columns = columns
        self._cells = cells

    def text(self, column: str) -> str:
        """A cell that must not be empty."""
        value = self._cells[self._columns[column]]
        if not value:
            raise self.wrong(column, "text")
        return value

    def optional(self, column: str) -> str:
        """A cell that may be empty."""
        return self._cells[self._columns[column]]

    def integer(self, column: str, least: int = 0) -> int:
        """A cell that holds a whole number ≥ ``least``."""
        value = self._cells[self._columns[column]]
        try:
            number = int(value)
        except ValueError:
            raise self.wrong(column, "a whole number") from None
        if number < least:
            raise self.wrong(column, f"a number >= {least}")
        return number

    def flag(self, column: str) -> bool:
        """A cell that holds 0 or 1."""
        value = self._cells[self._columns[column]]
        if value not in ("0", "1"):
            raise self.wrong(column, "0 or 1")
        return value == "1"

    def wrong(self, column: str, expected: str) -> DataSetError:
        """The error that this row's ``column`` is not as ``expected``."""
        value = self._cells[self._columns[column]]
        return DataSetError(f"{self._path}, line {self._line}: column {column} must be {expected}, found {value!r}")


def read_rows(path: Path, columns: Sequence[str], delimiter: str = ",") -> Iterator[Row]:
    """The rows of a file with a header.

    Args:
        path: the file, UTF-8; gzip if it is named ``.gz``.
        columns: those that must be there; others are ignored.
        delimiter: what separates cells.

    Raises:
        DataSetError: the file cannot be read, lacks a column, or has a row of the wrong length or no row at all.
    """
    try:
        with _opened(path) as file:
            reader = csv.reader(file, delimiter=delimiter)
            header = next(reader, [])
            missing = [name for name in columns if name not in header]
            if missing:
                separated = "tab" if delimiter == "\t" else "comma"
                raise DataSetError(
                    f"{path} has no column {', '.join(missing)}: expected a {separated}-separated file with a header"
                    f" naming {', '.join(columns)}; found {', '.join(header)[:200] or 'an empty file'}"
                )
            where = {name: header.index(name) for name in columns}
            empty = True
            for cells in reader:
                empty = False
                if len(cells) != len(header):
                    raise DataSetError(
                        f"{path}, line {reader.line_num}: {len(cells)} cells, the header has {len(header)}:"
                        " the file is cut off or damaged, fetch it again"
                    )
                yield Row(path, reader.line_num, where, cells)
            if empty:
                raise DataSetError(f"{path} has a header but no rows: fetch it again")
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise DataSetError(f"{path} is no gzip file, or cut off: fetch it again") from None
    except OSError as error:
        raise DataSetError(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataSetError(f"{path} is not a delimited UTF-8 text file: {error}") from None


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", newline="", encoding="utf-8")
    return path.open(newline="", encoding="utf-8")


def by_time(events: Iterable[tuple[str, Event]]) -> Iterator[tuple[str, Event]]:
    """The same events, oldest first; those of one time keep their order."""
    return iter(sorted(events, key=lambda pair: pair[1].ts))


def find_file(path: Path, name: str, data_set: str) -> Path:
    """``path`` if it is a file, else the file ``name`` in the folder ``path``.

    Raises:
        DataSetError: there is no such file.
    """
    if path.is_file():
        return path
    if not path.exists():
        raise DataSetError(f"{path} does not exist: give the {data_set} folder, or its file {name}")
    found = path / name
    if not found.is_file():
        raise DataSetError(f"{path} holds no {name}: give the {data_set} folder that has it, or the file itself")
    return found
