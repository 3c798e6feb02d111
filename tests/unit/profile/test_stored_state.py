"""What an older Streamer stored is read, gone on with and stored again as it would have done itself.

``tests/fixtures/state-v1.json`` was written by ``python -m tests.stored_state`` before the profile was taken apart.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streamer.engine.state import last_written
from streamer.profile.codec import HEAD, JOURNAL, TILE
from tests.stored_state import FILE, Life, lived, lives, saved_in

LIVES = lives(FILE.read_bytes())
WRITTEN = "w"


def test_the_file_holds_every_kind_of_part_and_of_statement() -> None:
    parts = {name[0] for life in LIVES.values() for name in life.parts}
    assert parts == {"h", "s", "t", WRITTEN}
    assert sum(len(life.journal) for life in LIVES.values()) >= 3
    heads = [HEAD.decode(saved_in(life).parts["h"]) for life in LIVES.values()]
    families = {key.family for head in heads for key in head.records}
    assert families >= {"dislike", "follow", "rating", "purchase", "like"}
    assert any(record.sealed.purchases.keys() > {"o1"} for head in heads for record in head.records.values())
    assert any(head.listed for head in heads)
    entries = [JOURNAL.decode(raw) for life in LIVES.values() for raw in saved_in(life).journal]
    assert any(part.positions and part.items for entry in entries for part in entry.parts)


@pytest.mark.parametrize("user", LIVES)
def test_stored_parts_are_read_and_written_again_byte_for_byte(user: str) -> None:
    for name, raw in saved_in(LIVES[user]).parts.items():
        match name[0]:
            case "h":
                again = HEAD.encode(HEAD.decode(raw))
            case "t":
                again = TILE.encode(TILE.decode(raw))
            case "s":
                again = JOURNAL.encode(JOURNAL.decode(raw))
            case _:
                again = last_written.encode(last_written.decode(user, raw))
        assert again == raw, name
    for raw in saved_in(LIVES[user]).journal:
        assert JOURNAL.encode(JOURNAL.decode(raw)) == raw


@pytest.mark.parametrize("user", LIVES)
def test_a_stored_user_goes_on_as_the_streamer_that_stored_it_would_have(user: str) -> None:
    before, after = LIVES[user], lived(user, LIVES[user])
    assert after.last == before.last
    assert after.documents == before.documents
    assert after.labels == before.labels
    assert after.told == before.told
    assert after.journal_after == before.journal_after
    heads = [_head_of(life) for life in (after, before)]
    assert heads[0] == heads[1]
    assert _but_the_head(after) == _but_the_head(before)


def _head_of(life: Life) -> Any:
    """The head in the end; keys of a map are in no order."""
    raw = saved_in(msgspec.structs.replace(life, parts=life.parts_after)).parts.get("h")
    return None if raw is None else HEAD.decode(raw)


def _but_the_head(life: Life) -> dict[str, str]:
    return {name: part for name, part in life.parts_after.items() if name != "h"}
