"""What an older Streamer stored is read, gone on with and stored again as it would have done itself.

``tests/fixtures/state-v1.json`` was written by ``python -m tests.stored_state`` before the profile was taken apart,
``tests/fixtures/state-v2.json`` before erasures took only what is not newer.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streamer.engine.state import last_written
from streamer.events import DAY_MS
from streamer.profile import Rules
from streamer.profile.codec import HEAD, JOURNAL, TILE, journal
from streamer.profile.explicit.records import Contribution, ItemKeys
from streamer.settings import Settings
from streamer.signals.interaction import Interaction, SessionFeedback
from tests.property.driving import Saved, state_of
from tests.steps import NOON, gave
from tests.stored_state import FILES, WORLD, Life, Outcome, lived, lives, outcomes, saved_in

LIVES = {version: lives(file.read_bytes()) for version, file in FILES.items()}
OUTCOMES = {version: outcomes(version) for version in FILES}
EVERYBODY = [(version, user) for version, found in LIVES.items() for user in found]
WRITTEN = "w"


@pytest.mark.parametrize("version", FILES)
def test_a_file_holds_every_kind_of_part_and_of_statement(version: int) -> None:
    found = LIVES[version].values()
    parts = {name[0] for life in found for name in life.parts}
    assert parts == {"h", "s", "t", WRITTEN}
    assert sum(len(life.journal) for life in found) >= 3
    heads = [HEAD.decode(saved_in(life).parts["h"]) for life in found]
    families = {key.family for head in heads for key in head.records}
    assert families >= {"dislike", "follow", "rating", "purchase", "like"}
    assert any(record.sealed.purchases.keys() > {"o1"} for head in heads for record in head.records.values())
    assert any(head.listed for head in heads)
    stored = [raw for life in found for name, raw in saved_in(life).parts.items() if name == "s"]
    stored += [raw for life in found for raw in saved_in(life).journal]
    assert {JOURNAL.versioned(raw)[0] for raw in stored} == {version}
    entries = [JOURNAL.decode(raw) for life in found for raw in saved_in(life).journal]
    assert any(part.positions and part.items for entry in entries for part in entry.parts)


@pytest.mark.parametrize(("version", "user"), EVERYBODY)
def test_stored_parts_are_read_and_written_again_byte_for_byte(version: int, user: str) -> None:
    for name, raw in saved_in(LIVES[version][user]).parts.items():
        match name[0]:
            case "h":
                again = _as_before(HEAD.encode(HEAD.decode(raw)))
            case "t":
                again = TILE.encode(TILE.decode(raw))
            case "s":
                continue  # of which more is kept by now; see below
            case _:
                again = last_written.encode(last_written.decode(user, raw))
        assert again == raw, name


@pytest.mark.parametrize(("version", "user"), EVERYBODY)
def test_stored_open_sessions_are_written_as_they_are_now_and_are_the_same_again(version: int, user: str) -> None:
    saved = saved_in(LIVES[version][user])
    entries = journal([saved.parts["s"], *saved.journal] if "s" in saved.parts else saved.journal)
    written = [JOURNAL.encode(entry) for entry in entries]
    assert {JOURNAL.versioned(raw)[0] for raw in written} <= {2}
    assert journal(written) == entries
    seen = [item for entry in entries for part in entry.parts for item in part.items if item.seen]
    assert {item.times_seen for item in seen} <= {1}  # how often was not kept


@pytest.mark.parametrize(("version", "user"), EVERYBODY)
def test_a_stored_user_goes_on_as_the_streamer_that_stored_it_would_have(version: int, user: str) -> None:
    before, after = LIVES[version][user], lived(user, LIVES[version][user])
    assert Outcome.of(after) == OUTCOMES[version][user]
    assert after.labels == before.labels
    assert after.told == before.told
    assert _open_in(after) == _open_in(before)
    heads = [_head_of(life) for life in (after, before)]
    assert heads[0] == heads[1]


def _as_before(raw: bytes) -> bytes:
    """A head's bytes without what it did not hold then: whether the user is counted in the sums over all users."""
    version, body = msgspec.msgpack.decode(raw, strict=False)
    assert body[-1] is None
    return msgspec.msgpack.encode((version, body[:-1]))


@pytest.mark.parametrize("share", [1.0, 1e-9])
def test_a_stored_user_is_counted_if_the_setting_named_them(share: float) -> None:
    settings = Settings(**(WORLD | {"population_share": share}))
    saved = saved_in(LIVES[2]["user-00000"])
    again = saved.load("user-00000", Rules(settings))
    assert again.counted == (share == 1.0)
    off = saved.load("user-00000", Rules(settings.model_copy(update={"population": False})))
    assert off.counted is None, "while the population is off, it stays unsaid"


def _head_of(life: Life) -> Any:
    """The head in the end; keys of a map are in no order. Of an item, records of now may know more.

    What a statement is worth and what is listed follow from the rules as they are: the outcomes tell.
    """
    raw = saved_in(msgspec.structs.replace(life, parts=life.parts_after)).parts.get("h")
    if raw is None:
        return None
    head = HEAD.decode(raw)
    for record in head.records.values():
        record.keys = ItemKeys()
        if record.contributed is not None:
            record.contributed = Contribution(record.contributed.ts, record.contributed.day, ())
    head.listed = {}
    head.counted = None
    return head


def _open_in(life: Life) -> Any:
    """The open sessions in the end, but for how often items were seen, which was not kept before."""
    saved = saved_in(msgspec.structs.replace(life, parts=life.parts_after, journal=life.journal_after))
    profile = saved.load("u", Rules(Settings(**WORLD)))
    for session in profile.sessions:
        for item in session.interactions.values():
            item.showings = ()
    return state_of(profile)["sessions"]


def test_follows_of_version_1_are_still_of_the_contents_that_they_named() -> None:
    # stored by the code before: follow m by c, and by d | follow k by d, c played | m followed once more, of no content
    entries = [
        _version_1({"c": NOON, "d": NOON + 5}, {"m": [NOON, NOON + 5]}),
        _version_1({"c": NOON, "d": NOON + 9}, {"k": [NOON + 9]}),
        _version_1({}, {"m": [NOON, NOON + 5, NOON + 20]}),
    ]
    undone = gave(NOON + 30, None, "undo", of="follow", creator_id="m")
    profile = Saved({}, entries).load("u", Rules(Settings()))
    (session,) = profile.sessions
    assert session.feedback() == {"c": SessionFeedback(("follow",)), "d": SessionFeedback(("follow",))}
    profile.apply(undone, -1)
    assert session.feedback() == {"d": SessionFeedback(("follow",))}


def _version_1(followed: dict[str, int], statements: dict[str, list[int]]) -> bytes:
    """A journal entry of one session: contents with when a follow last named them, and creators with their follows."""
    items = []
    for content_id, ts in followed.items():
        item = list(msgspec.to_builtins(Interaction(content_id, NOON, None, "afternoon", responded=True)))
        items.append([*item[:21], [{"follow": ts}, {}, 0, -1, {}, {}]])
    records = {
        ("creator", creator, "follow"): [
            [{"follow": max(times)}, 0, -1, False, {}, {}],
            -1,
            [[], -1, creator, max(times)],
            [[ts, [], creator, "afternoon", None, 0, ""] for ts in times],
        ]
        for creator, times in statements.items()
    }
    part = [0, None, NOON // DAY_MS, NOON, NOON + 60, None, -1, [], items, records, None]
    return msgspec.msgpack.encode([1, [0, [part]]])
