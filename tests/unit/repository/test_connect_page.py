"""docs/connect.md names the rights that are tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.sinks.trial import CLUSTER_RIGHTS, population_rights, publisher_rights, reader_rights

PAGE = Path(__file__).parents[3] / "docs" / "connect.md"


@pytest.mark.parametrize("rights", [reader_rights(), publisher_rights(), population_rights()])
def test_rights_stand_there_as_they_are_tested(rights: str) -> None:
    assert f"| `{rights.replace('|', chr(92) + '|')}` |" in PAGE.read_text()


def test_what_a_cluster_needs_besides_stands_there() -> None:
    assert f"`{CLUSTER_RIGHTS}`" in PAGE.read_text()
