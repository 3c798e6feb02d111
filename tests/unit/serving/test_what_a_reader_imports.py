"""A serving tier installs the reader alone, so nothing else may be imported with it."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

BROUGHT: Final = {"hiredis", "msgspec", "redis", "xxhash"}
PROGRAM: Final = """
import importlib.abc, sys
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "streamer", *sys.argv[1:]}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
import streamer.serving
import streamer.scoring.document
"""


def test_the_reader_imports_what_is_installed_with_it_and_nothing_else() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, *BROUGHT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    less = subprocess.run([sys.executable, "-c", PROGRAM, "redis"], capture_output=True, text=True, check=False)
    assert "No module named" in less.stderr
