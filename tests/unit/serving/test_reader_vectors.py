"""The vectors for readers in other languages are what this one gives."""

from __future__ import annotations

from pathlib import Path

from lab.reader_vectors import as_json


def test_the_vectors_in_docs_are_what_the_reader_gives() -> None:
    file = Path(__file__).parents[3] / "docs" / "reader-vectors.json"
    assert file.read_bytes() == as_json(), "run  python -m lab reader-vectors > docs/reader-vectors.json"
