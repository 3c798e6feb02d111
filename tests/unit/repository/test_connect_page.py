"""docs/connect.md names the rights that are tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.sinks.trial import POPULATION_RIGHTS, PUBLISHER_RIGHTS, READER_RIGHTS

PAGE = Path(__file__).parents[3] / "docs" / "connect.md"


@pytest.mark.parametrize("rights", [READER_RIGHTS, PUBLISHER_RIGHTS, POPULATION_RIGHTS])
def test_rights_stand_there_as_they_are_tested(rights: str) -> None:
    assert f"| `{rights.replace('|', chr(92) + '|')}` |" in PAGE.read_text()
