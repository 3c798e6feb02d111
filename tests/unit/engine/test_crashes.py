"""A crash after every single write, in memory, of the real job: it changes nothing (I3).

What runs is the job's own: slices, outputs, checkpoint, recovery. Only the broker and the fetching are in memory, where
every group is a batch of its own, and nothing arrives that nobody waits for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import pytest

from lab.oracle import oracle
from streamer.engine.partition import assigned
from streamer.engine.partition.work import LabelWrite
from streamer.engine.state.checkpoint import Checkpoint, Taken
from streamer.engine.state.disk import DiskStore
from streamer.engine.state.store import MemoryStore, PartitionStore
from streamer.events import DAY_MS, Dislike, Erasure, Event
from streamer.population import Key
from streamer.population.sums import Sums
from streamer.scoring.document import Document
from streamer.settings import Settings
from tests.unit.engine.test_partition import (
    BY_EVENTS,
    HOUR,
    NOW,
    assert_as_the_oracle_says,
    filled,
    impression,
    small_city,
)
from tests.unit.memory_job import NAMES, MemoryJob

SETTINGS: Final = Settings(clock="events", labels=True, population=True, population_share=0.98)
"""Everybody is counted but the user who is erased after some sessions have sealed: an erasure leaves in the sums what
creators' items met with, which tells how many had sealed before it came, and a crash may change that."""
LABELLED: Final = BY_EVENTS.model_copy(update={"labels": True})
Opened = Callable[[], PartitionStore]


# --- the story ----------------------------------------------------------------------------------------------------


BEGIN: Final = NOW - 2 * DAY_MS
MINUTE: Final = 60_000
GUEST: Final = BEGIN + 580 * MINUTE


def _events() -> Iterator[tuple[str, Event]]:
    """A city's events, after every fifth of which its user says no or takes that back, and three users more.

    ``steady``   looks in every 40 minutes: a session seals while the next one is open
    ``long``     looks in every 20 minutes, for half a day: a session of which a checkpoint saves hours
    ``guest``    comes once, and is erased before that session seals
    """
    for number, (name, event) in enumerate(small_city(users=3, days=2, seed=5)):
        yield name, event
        if number % 5 == 0:
            no = Dislike(
                user_id=event.user_id, ts=event.ts, session_id=event.session_id, device=event.device, scope="creator",
                action="undo" if number % 15 == 10 else "dislike", creator_id=f"loud-{number % 35}",
            )  # fmt: skip
            yield "dislikes", no
    for user, begin, every, times in (("steady", 0, 40, 30), ("long", 400, 20, 36), ("guest", 580, 1, 2)):
        for look in range(times):
            yield "impressions", impression(user, BEGIN + (begin + every * look) * MINUTE, f"{user}-{look}")


EVENTS: Final = sorted(_events(), key=lambda told: told[1].ts)
CHAPTER: Final = 8
"""Events that are told, processed and saved at a time: an hour or two of them."""
ERASED: Final = (EVENTS[0][1].user_id, "guest")
ERASED_AT: Final = next(
    event.ts for number, (_, event) in enumerate(EVENTS) if number % CHAPTER == 0 and event.ts > GUEST
)
END: Final = EVENTS[-1][1].ts + 3 * HOUR


class Telling:
    """One job that is told the story, with or without crashes.

    Args:
        open_store: where its local state is kept.
        is_busy: it is told more, and processes it, while a checkpoint waits for the broker.
    """

    def __init__(self, open_store: Opened = MemoryStore, *, is_busy: bool = False) -> None:
        self.job = MemoryJob(SETTINGS, NOW, hot_users=2, open_store=open_store)  # so few that users come and go
        self._at = 0
        self._is_told = False
        self._waits = count()
        self._meanwhile = self._now_and_then if is_busy else None

    def tell(self) -> None:
        """All that is left of the story."""
        while self._at < len(EVENTS):
            self._chapter()
            self.job.checkpoint(self._meanwhile)
        if not self._is_told:
            self.job.watermark(END)
            self._is_told = True
        self.job.run()
        self.job.checkpoint()

    def _now_and_then(self) -> None:
        """Waiting for the broker, it is given a turn after every third write."""
        if next(self._waits) % 3 == 0:
            self._chapter()

    def _chapter(self) -> None:
        job, chapter = self.job, EVENTS[self._at : self._at + CHAPTER]
        self._at += len(chapter)
        for number, (name, event) in enumerate(chapter):
            if number == 0 and event.ts == ERASED_AT:
                for user in ERASED:
                    job.produce("erasures", Erasure(user, ERASED_AT))
                job.produce(name, b"{")
            job.produce(name, event, event.user_id.encode())
            job.watermark(event.ts)
        for name in NAMES:
            job.fetch(name, 100)
        job.process()

    def outcome(self) -> Outcome:
        job, recovered = self.job, MemoryStore()
        job.bring_up_to_date(recovered)
        return Outcome(
            (job.processor.clock.watermark, job.computed()),
            (-1 if recovered.mark is None else recovered.mark.watermark, job.documents_in(recovered)),
            {label for label in job.labels() if label.user != ERASED[0]},  # sealed before it, or not, if read again
            job.rejects,
            {key: sums for key, sums in job.population_with(recovered).items() if not sums.empty},
        )


class Outcome(NamedTuple):
    """What must not differ in the end.

    Attributes:
        state: the watermark, and the documents that follow from the worker's state.
        recovered: the same of a worker that has nothing but the broker's topics.
        labels: what their topic holds; that some came twice is no difference.
        rejects: likewise.
        population: the sums over all users.
    """

    state: tuple[int, dict[str, bytes]]
    recovered: tuple[int, dict[str, bytes]]
    labels: set[LabelWrite]
    rejects: dict[tuple[str, int], str]
    population: dict[Key, Sums]


def wrong(telling: Telling) -> list[str]:
    """What differs from the story told without a crash, and in the documents written from what the oracle says."""
    whole, found = uninterrupted(), telling.outcome()
    problems = [name for name, a, b in zip(whole._fields, whole, found, strict=True) if a != b]
    written = telling.job.written()
    for user in truth().keys() | written.keys():
        problems += [f"{user}: {problem}" for problem in oracle.disagreements(written.get(user), truth().get(user))]
    return problems


@cache
def uninterrupted() -> Outcome:
    telling = Telling()
    telling.tell()
    return telling.outcome()


@cache
def truth() -> dict[str, Document]:
    """What the oracle says."""
    events = [event for _, event in EVENTS if event.user_id not in ERASED or event.ts > ERASED_AT]
    return oracle.documents(SETTINGS, events, END)


# --- a crash after every write --------------------------------------------------------------------------------------


def crash_points(open_store: Opened, *, is_busy: bool, only: frozenset[str] | None = None) -> list[int]:
    """Every write of the whole story.

    Args:
        only: what is written there.
    """
    telling = Telling(open_store, is_busy=is_busy)
    telling.tell()
    telling.job.store.close()
    return [n for n, where in enumerate(telling.job.writes, 1) if only is None or where in only]


def told_with_a_crash(write: int, open_store: Opened = MemoryStore, *, is_busy: bool, again: bool = False) -> Telling:
    """The story told by a worker that crashes after one write, and `again` after the first of its second life."""
    telling = Telling(open_store, is_busy=is_busy)
    telling.job.crash_after(write)
    while not telling.job.survives(telling.tell, again_after=1 if again else 0):
        again = False
    return telling


@pytest.mark.parametrize("is_busy", [False, True], ids=["idle", "busy"])
def test_a_crash_after_any_single_write_changes_nothing(is_busy: bool) -> None:
    """Output, delta, journal record, group of the changelog, mark, commit, truncation: each is the last once."""
    points = crash_points(MemoryStore, is_busy=is_busy)
    assert len(points) > 80
    for write in points:
        telling = told_with_a_crash(write, is_busy=is_busy, again=write % 2 == 0)
        assert wrong(telling) == [], telling.job.writes[:write]


def test_a_crash_after_any_single_write_changes_nothing_with_state_on_disk(tmp_path: Path) -> None:
    """What the disk is behind or ahead of: journal record, group of the changelog, mark, local store, commit."""

    def on_disk(life: object) -> Opened:
        return partial(DiskStore, tmp_path / str(life))

    saving = frozenset({"streamer-journal", "streamer-state", "local store", "commit"})
    points = crash_points(on_disk("whole"), is_busy=True, only=saving)
    assert len(points) > 40
    for write in points:
        telling = told_with_a_crash(write, on_disk(write), is_busy=True, again=write % 2 == 0)
        assert wrong(telling) == [], telling.job.writes[:write]
        telling.job.store.close()


@pytest.mark.parametrize("seed", range(6))
def test_many_lives_that_end_anywhere_change_nothing(seed: int) -> None:
    """Slices of any size between checkpoints, and a crash after any write of any of them, ten times."""
    rng = Random(seed)
    events = small_city(users=8, days=4, seed=seed)
    whole, crashing = filled(LABELLED, events), filled(LABELLED, events, hot_users=2)
    whole.run()

    def live() -> None:
        for _ in range(rng.randrange(1, 12)):
            for name in NAMES:
                crashing.fetch(name, rng.randrange(60))
            crashing.process(limit=rng.choice([7, 50, 1000]))
            if rng.random() < 0.3:
                crashing.checkpoint()
        crashing.checkpoint()

    crashes = 0
    for _ in range(30):
        crashing.crash_after(rng.randrange(1, 20))
        crashes += not crashing.survives(live)
    assert crashes > 10
    crashing.run()
    assert crashing.computed() == whole.computed()
    assert_as_the_oracle_says(crashing, events)
    assert len(whole.labels()) == len(set(whole.labels())) > 10
    assert set(crashing.labels()) == set(whole.labels())


# --- a checkpoint in another order --------------------------------------------------------------------------------


STEPS: Final = (
    "settle_outputs", "append_journal", "append_changes", "append_mark", "write_locally", "let_commit",
)  # fmt: skip


class Reordered(Checkpoint):
    """A checkpoint that does its steps in the order of `order`."""

    order: tuple[str, ...] = STEPS

    async def run(self) -> Taken | None:
        taken = await self._take()
        if taken is not None:
            self._begin(taken)
            for step in self.order:
                done = getattr(self, f"_{step}")()
                if done is not None:
                    await done
        return taken

    def _write_locally(self) -> None:
        if self._changelog_end is None:  # too early: the changelog ends where it did
            self._changelog_end = self._store.changelog_end
        super()._write_locally()


def moved(step: str, before: str) -> tuple[str, ...]:
    """All steps, one of them done sooner."""
    others = [other for other in STEPS if other != step]
    at = others.index(before)
    return (*others[:at], step, *others[at:])


def is_caught(open_store: Callable[[object], Opened], *, is_busy: bool, only: frozenset[str] | None = None) -> bool:
    """Whether a crash somewhere, looked for from the end, changes something."""
    for write in reversed(crash_points(open_store("whole"), is_busy=is_busy, only=only)):
        telling = told_with_a_crash(write, open_store(write), is_busy=is_busy)
        problems = wrong(telling)
        telling.job.store.close()
        if problems:
            return True
    return False


@pytest.mark.parametrize(
    ("step", "before", "is_busy"),
    [
        ("append_changes", "settle_outputs", False),
        ("append_mark", "settle_outputs", True),
        ("let_commit", "settle_outputs", False),
        ("append_changes", "append_journal", False),
        ("append_mark", "append_journal", True),
        ("let_commit", "append_journal", False),
        ("append_mark", "append_changes", False),
        ("let_commit", "append_changes", False),
        ("let_commit", "append_mark", False),
    ],
)
def test_a_step_done_too_early_is_caught(
    step: str, before: str, is_busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests above can fail: of every two steps whose order matters, here they are done the other way round."""
    uninterrupted()  # by the right order, whichever test comes first
    monkeypatch.setattr(assigned, "Checkpoint", Reordered)
    monkeypatch.setattr(Reordered, "order", moved(step, before))
    assert is_caught(lambda _: MemoryStore, is_busy=is_busy)


@pytest.mark.parametrize("before", ["append_changes", "append_mark"])
def test_a_disk_that_is_ahead_of_the_changelog_is_caught(
    before: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    uninterrupted()  # by the right order, whichever test comes first
    monkeypatch.setattr(assigned, "Checkpoint", Reordered)
    monkeypatch.setattr(Reordered, "order", moved("write_locally", before))
    assert is_caught(
        lambda life: partial(DiskStore, tmp_path / str(life)), is_busy=False, only=frozenset({"local store"})
    )
