"""The engine leans on attributes that Faust and aiokafka do not promise: they are there, and all are listed."""

from __future__ import annotations

import ast
from pathlib import Path

import streamer.engine
from streamer.engine.kafka import seams as faust_seams
from streamer.engine.kafka.seams import SEAMS, Seam

ENGINE = Path(streamer.engine.__file__).parent
AGENTS = ENGINE.parent / "agents"
PUBLIC_THOUGH_UNDERSCORED = {"_exit", "_replace"}  # of NamedTuple


def test_every_seam_is_there() -> None:
    assert faust_seams.missing() == []


def test_a_seam_that_went_away_is_named_with_its_use() -> None:
    [line] = faust_seams.missing((Seam(faust_seams.Consumer, "_gone", "some use"),))
    assert "Consumer._gone" in line
    assert "some use" in line


def test_no_private_attribute_of_another_object_is_used_without_being_listed() -> None:
    listed = {seam.name for seam in SEAMS} | PUBLIC_THOUGH_UNDERSCORED
    for path in [*ENGINE.rglob("*.py"), *AGENTS.glob("*.py")]:
        tree = ast.parse(path.read_text())
        own = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _is_self(node)}
        foreign = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__")
            if not _is_self(node)
        }
        defined = {n.name for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}
        assert foreign - listed - defined - own == set(), path
        if path.parent == AGENTS:
            assert not foreign & {seam.name for seam in SEAMS}, path


def _is_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
