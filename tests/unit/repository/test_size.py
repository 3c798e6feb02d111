"""Nothing in the house is too large to be read at one sitting: folders, files, functions; lines are lines of text."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
FILES: Final = sorted((ROOT / "streamer").rglob("*.py"))

MODULES_OF_A_FOLDER: Final = 20
LINES_OF_A_FILE: Final = 300
LINES_OF_A_FUNCTION: Final = 50


def functions(source: str) -> Iterator[tuple[str, int]]:
    """Name and length of every function, from ``def`` to its last line; what is defined in it counts with it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_folder_has_more_modules_than_one_can_oversee() -> None:
    modules = Counter(str(file.parent.relative_to(ROOT)) for file in FILES if file.name != "__init__.py")
    assert modules
    assert {folder: count for folder, count in modules.items() if count > MODULES_OF_A_FOLDER} == {}


def test_no_file_is_longer_than_300_lines() -> None:
    lines = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in FILES}
    assert {name: count for name, count in lines.items() if count > LINES_OF_A_FILE} == {}


def test_no_function_is_longer_than_50_lines() -> None:
    assert [
        f"{file.relative_to(ROOT)}: {name}: {length} lines"
        for file in FILES
        for name, length in functions(file.read_text())
        if length > LINES_OF_A_FUNCTION
    ] == []


def test_the_length_of_a_function_is_that_of_its_text() -> None:
    source = "@decorated\ndef f(\n    a,\n):\n    def g():\n        return 1\n\n    return g\n\n\nasync def h(): ...\n"
    assert sorted(functions(source)) == [("f", 7), ("g", 2), ("h", 1)]
