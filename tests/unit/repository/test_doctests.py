"""Every example in a docstring is run: it lies where pytest looks for them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
PACKAGES: Final = ("streamer", "lab", "benchmarks", "tests")


def test_every_example_lies_where_pytest_looks() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert "--doctest-modules" in options["addopts"]
    examples = {
        file.relative_to(ROOT)
        for name in PACKAGES
        for file in (ROOT / name).rglob("*.py")
        if any(line.lstrip().startswith(">>> ") for line in file.read_text().splitlines())
    }
    assert len(examples) > 40
    assert [str(file) for file in sorted(examples) if file.parts[0] not in options["testpaths"]] == []
