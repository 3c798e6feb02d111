"""The house keeps its order: imports go downward only, and the pure packages stay pure (docs/architecture.md)."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]

LAYERS: Final = (
    "streamer.errors",
    "streamer.partitioning",
    "streamer.redis_prefix",
    "streamer.settings",
    "streamer.clock",
    "streamer.events",
    "streamer.signals",
    "streamer.scoring",
    "streamer.population",
    "streamer.profile",
    "streamer.engine.metrics",
    "streamer.engine.trusted_clock",
    "streamer.engine.lateness",
    "streamer.engine.kafka",
    "streamer.engine.member",
    "streamer.engine.state",
    "streamer.engine.population",
    "streamer.engine.partition",
    "streamer.engine.worker",
    "streamer.engine.app",
    "streamer.engine",
    "streamer.sinks",
    "streamer.serving",
    "streamer.explaining",
    "streamer.producing",
    "streamer.service",
    "streamer.embedded",
    "streamer.replay",
    "streamer.city",
    "streamer.testing",
    "streamer.agents",
    "streamer.learning",
    "streamer.cli",
    "lab",
)
"""From the ground up: each may import itself and what stands before it. No exception."""

PURE: Final = ("streamer.signals", "streamer.scoring", "streamer.population", "streamer.profile")
IMPURE_PACKAGES: Final = {
    "aiohttp", "aiokafka", "asyncio", "confluent_kafka", "faust", "hiredis", "http", "kafka", "logging", "mode",
    "multiprocessing", "os", "pathlib", "prometheus_client", "random", "redis", "rocksdict", "secrets", "socket",
    "subprocess", "tempfile", "threading", "time", "uuid",
}  # fmt: skip
CLOCKS: Final = {"now", "utcnow", "today"}

FILES: Final = sorted(file for name in ("streamer", "lab") for file in (ROOT / name).rglob("*.py"))


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> str | None:
    inside = [layer for layer in LAYERS if module == layer or module.startswith(layer + ".")]
    return max(inside, key=len, default=None)


def imported(tree: ast.Module, module: str, is_package: bool) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported; for `from a import b` both a and a.b count."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".")[: len(module.split(".")) - node.level + is_package] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{source}.{alias.name}") for alias in node.names)


def imports_of(file: Path) -> list[tuple[int, str]]:
    return list(imported(ast.parse(file.read_text()), module_of(file), file.name == "__init__.py"))


def wrong_way(importer: str, importee: str) -> bool:
    lower, upper = layer_of(importer), layer_of(importee)
    if lower is None or upper is None:
        return False
    return LAYERS.index(upper) > LAYERS.index(lower)


def test_every_file_belongs_to_a_layer() -> None:
    strangers = [module_of(file) for file in FILES if layer_of(module_of(file)) is None]
    assert strangers == ["streamer"]
    assert imports_of(ROOT / "streamer/__init__.py") == []


def test_imports_go_downward_only() -> None:
    assert [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in FILES
        for line, name in imports_of(file)
        if wrong_way(module_of(file), name)
    ] == []


def test_the_architecture_tells_the_order_as_it_is() -> None:
    page = (ROOT / "docs/architecture.md").read_text().partition("## The order of imports")[2]
    told = re.findall(r"[a-z_]+", page.split("```")[1].replace("engine:", ""))
    assert told == [layer.rpartition(".")[2] for layer in LAYERS if layer != "streamer.engine"]


def circle_in(imports: dict[str, Iterable[str]]) -> list[str]:
    """Modules of which each is imported by the next, the first by the last; none if there are no such.

    Args:
        imports: full names by module; those that are not a module's are taken for something in their module.
    """

    def module_named(name: str) -> str:
        return name if name in imports else name.rpartition(".")[0]

    sources = {module: imports.keys() & map(module_named, names) for module, names in imports.items()}
    try:
        TopologicalSorter(sources).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def test_no_module_needs_itself_by_way_of_others_not_even_for_types() -> None:
    assert circle_in({module_of(file): [name for _, name in imports_of(file)] for file in FILES}) == []


def test_a_circle_is_found_through_packages_and_under_type_checking() -> None:
    sources = {
        "p": "from p.state import State",
        "p.state": "from p import view",
        "p.view": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p import State",
    }
    read = {name: [what for _, what in imported(ast.parse(text), name, name == "p")] for name, text in sources.items()}
    assert sorted(set(circle_in(read))) == ["p", "p.state", "p.view"]
    assert circle_in(read | {"p.view": []}) == []


def test_pure_packages_import_nothing_that_reaches_outside() -> None:
    files = [file for file in FILES if layer_of(module_of(file)) in PURE]
    assert files
    assert [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in files
        for line, name in imports_of(file)
        if name.split(".")[0] in IMPURE_PACKAGES
    ] == []


def test_pure_packages_read_no_clock_and_open_no_file() -> None:
    assert [
        f"{file.relative_to(ROOT)}:{node.lineno} calls {ast.unparse(node.func)}"
        for file in FILES
        if layer_of(module_of(file)) in PURE
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS)
            or (isinstance(node.func, ast.Name) and node.func.id in {"open", "print", "input"})
        )
    ] == []


def test_loading_the_pure_packages_loads_no_client_library(tmp_path: Path) -> None:
    """What they import imports none either, settings and events included."""
    import subprocess

    program = (
        "import importlib, pkgutil, sys\n"
        f"for name in {PURE!r}:\n"
        "    package = importlib.import_module(name)\n"
        "    for found in pkgutil.walk_packages(package.__path__, name + '.'): importlib.import_module(found.name)\n"
        "print(sorted({'faust', 'mode', 'kafka', 'aiokafka', 'redis', 'confluent_kafka'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def is_guarded_import(node: ast.stmt) -> bool:
    """``with needing(...)`` around imports."""
    return (
        isinstance(node, ast.With)
        and all(isinstance(each, ast.ImportFrom) for each in node.body)
        and ast.unparse(node.items[0].context_expr).startswith("needing(")
    )


def test_importing_a_module_only_defines_what_is_in_it() -> None:
    """Commands are installed; nothing else is called for its effect, whoever imports what in which order."""
    definitions = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    assert [
        f"{file.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
        for file in FILES
        for node in ast.parse(file.read_text()).body
        if not isinstance(node, definitions | ast.Assign | ast.AnnAssign)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        and not (isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "__name__ == '__main__'"))
        and not ast.unparse(node).endswith(".install(app)")
        and not is_guarded_import(node)
    ] == []


@pytest.mark.parametrize(
    ("importer", "importee", "wrong"),
    [
        ("streamer.signals.outcome", "streamer.scoring.score", True),
        ("streamer.scoring.score", "streamer.signals.outcome", False),
        ("streamer.engine.state.checkpoint", "streamer.agents.signals", True),
        ("streamer.profile.profile", "streamer.scoring.document.Document", False),
        ("streamer.profile.profile", "streamer.engine.state.checkpoint", True),
        ("streamer.settings", "pydantic.BaseModel", False),
    ],
)
def test_the_order_is_read_right(importer: str, importee: str, wrong: bool) -> None:
    assert wrong_way(importer, importee) is wrong


def test_relative_imports_are_resolved() -> None:
    tree = ast.parse("from ..engine import state\nfrom . import rules\nimport time")
    assert [name for _, name in imported(tree, "streamer.profile.profile", is_package=False)] == [
        "streamer.engine.state",
        "streamer.profile.rules",
        "time",
    ]
    assert [name for _, name in imported(ast.parse("from .rules import R"), "streamer.profile", is_package=True)] == [
        "streamer.profile.rules.R"
    ]
