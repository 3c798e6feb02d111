"""A late erasure, in memory: what is newer stays, through a crash after any write; and what cannot be read goes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import count

import pytest

from lab.oracle.oracle import Oracle, same
from streamer.engine.state.loading import load_profile
from streamer.engine.state.store import ERASED, WRITTEN, MemoryStore
from streamer.events import DAY_MS, Dislike, Erasure, Event, Impression
from streamer.profile import Profile, Rules
from streamer.scoring.document import Document
from streamer.settings import Settings
from tests.unit.memory_job import NAMES, MemoryJob

NOON = 20_400 * DAY_MS + DAY_MS // 2
HOUR, MINUTE = 3_600_000, 60_000
SETTINGS = Settings(clock="events", labels=True)
UNTIL = NOON + 2 * DAY_MS + 2 * MINUTE
"""The erasure's time: in the session that is open when it comes."""


def shown(ts: int, content_id: str) -> tuple[str, Event]:
    return "impressions", Impression(user_id="ann", ts=ts, content_id=content_id, tags=("t",), visible_ms=5_000)


def blocked(ts: int, creator: str) -> tuple[str, Event]:
    return "dislikes", Dislike(user_id="ann", ts=ts, action="block", scope="creator", creator_id=creator)


SEALED = [
    e for day in (0, 1) for e in (shown(NOON + day * DAY_MS, f"c{day}"), blocked(NOON + day * DAY_MS + 9, f"k{day}"))
]
OPEN = [
    shown(NOON + 2 * DAY_MS, "before"),
    blocked(NOON + 2 * DAY_MS + MINUTE, "before"),
    shown(NOON + 2 * DAY_MS + 3 * MINUTE, "after"),
    blocked(NOON + 2 * DAY_MS + 4 * MINUTE, "after"),
]
MORE = [shown(NOON + 2 * DAY_MS + 20 * MINUTE, "more"), blocked(NOON + 2 * DAY_MS + 21 * MINUTE, "more")]


class Life:
    """Ann's, in steps of which each is saved: two days seal, a third is open, the erasure comes, it goes on.

    Args:
        until: the erasure's time.
    """

    def __init__(self, until: int = UNTIL) -> None:
        self.job = MemoryJob(SETTINGS, NOON + 10 * DAY_MS)
        self._steps: list[Callable[[], None]] = [
            lambda: self.send(*SEALED),
            lambda: self.send(*OPEN[:2]),
            lambda: self.send(*OPEN[2:]),
            lambda: self.erase(until),
            lambda: self.send(*MORE),
            lambda: self.job.watermark(NOON + 2 * DAY_MS + 5 * HOUR),
            lambda: None,
        ]

    def send(self, *told: tuple[str, Event]) -> None:
        for name, event in told:
            self.job.produce(name, event)
        self.job.watermark(told[-1][1].ts)

    def erase(self, until: int) -> None:
        self.job.produce("erasures", Erasure("ann", until))

    def live(self) -> None:
        """Whatever is left of it."""
        while self._steps:
            self._steps.pop(0)()
            self.job.run(dict.fromkeys(NAMES, 100))
            self.job.checkpoint()

    def recovered(self) -> Profile:
        """Ann, by what a worker finds that has nothing but the topics."""
        store = MemoryStore()
        self.job.bring_up_to_date(store)
        profile = load_profile("ann", Rules(SETTINGS), store.parts("ann"), store.journal.records("ann"))
        profile.watermark = self.job.processor.clock.watermark
        return profile


@cache
def truth() -> Document | None:
    """What the oracle makes of it."""
    sealed = [event for _, event in SEALED]
    rest = [event for _, event in OPEN]
    later = [event for _, event in MORE]
    end = NOON + 2 * DAY_MS
    return Oracle(SETTINGS).run([*sealed, end, *rest, Erasure("ann", UNTIL), *later, end + 5 * HOUR]).document()


def test_what_is_newer_than_a_late_erasure_stays_and_nothing_else() -> None:
    life = Life()
    life.live()
    document = truth()
    assert document is not None
    assert document.avoid.creators == ("more", "after")
    assert same(life.recovered().document(), document) == []
    assert life.job.written()["ann"].avoid == document.avoid


def test_its_document_goes_before_that_of_what_is_left_comes() -> None:
    life = Life()
    for step in range(3):
        life._steps[step]()
        life.job.run()
    life.job.settle()
    written = len(life.job.outbox)
    life.erase(UNTIL)
    life.job.run()
    life.job.settle()
    assert [record.value is None for record in life.job.outbox[written:]] == [True, False]


@pytest.mark.parametrize("again_after", [0, 2])
def test_a_crash_after_any_write_changes_nothing_of_what_is_left(again_after: int) -> None:
    for write in count(1):
        life = Life()
        life.job.crash_after(write)
        if life.job.survives(life.live, again_after):
            break
        while not life.job.survives(life.live):
            pass
        assert same(life.recovered().document(), truth()) == [], write
        assert life.job.written()["ann"].avoid.creators == ("more", "after"), write
    assert write > 20


def test_an_erasure_of_all_leaves_but_its_time() -> None:
    life = Life(until=NOON + 3 * DAY_MS)
    life.live()
    assert dict(life.job.store.parts("ann")) == {ERASED: (NOON + 3 * DAY_MS).to_bytes(8)}
    assert life.job.written() == {}


def test_of_a_state_that_cannot_be_read_nothing_stays() -> None:
    life = Life()
    life.send(*SEALED)
    life.job.run()
    life.job.checkpoint()
    life.job.start()
    life.job.store.put("ann", "h", b"\x00")
    life.erase(NOON - DAY_MS)
    life.job.run()
    life.job.checkpoint()
    assert set(life.job.store.parts("ann")) == {ERASED}


def test_what_can_not_be_saved_afterwards_leaves_what_the_erasure_left(monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life()
    for step in range(3):
        life._steps[step]()
        life.job.run()
        life.job.checkpoint()
    life.erase(UNTIL)
    life.job.run()

    def fails(_self: Profile) -> None:
        raise ValueError("no encoder for this")

    with monkeypatch.context() as broken:
        broken.setattr(Profile, "changes", fails)
        life.send(*MORE)
        life.job.run()
        life.job.checkpoint()
    document = life.recovered().document()
    assert document is not None
    assert document.avoid.creators == ("after",)


def test_while_an_erasure_is_unsaved_a_crash_in_its_checkpoint_leaves_the_journal_alone() -> None:
    life = Life()
    for step in range(3):
        life._steps[step]()
        life.job.run()
        life.job.checkpoint()
    before = len(life.job.journal)
    life.erase(UNTIL)
    life.job.run()
    life.job.checkpoint()
    assert len(life.job.journal) == before  # void by the head's epoch, of which nothing can be lost
    assert {name[0] for name in life.job.store.parts("ann")} == {"h", "s", WRITTEN, ERASED}
