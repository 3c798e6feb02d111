"""I7: an erasure takes what is not newer than its time, whenever it comes, and nothing else; as the oracle has it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.oracle.oracle import Oracle, UserOracle, same
from streamer.events import DAY_MS, Dislike, Erasure, Event, Feedback, Impression
from streamer.population import Deltas
from streamer.population.sums import TagSums
from streamer.profile import Profile, Rules
from streamer.settings import Settings
from tests.property.driving import Saved, contexts_in, reloaded, state_of, tiles_of, watermark_at
from tests.property.worlds import BASE_DAY, MINUTE, ROOMY, SMALL, events, statements, times

LABELLED = ROOMY.model_copy(update={"labels": True})
Step = Event | Erasure | int


class Both:
    """A profile, erased as a worker does it, beside the oracle.

    Attributes:
        profile, oracle: the two.
        saved: what a store has of the profile.
    """

    def __init__(self, world: Settings) -> None:
        self.profile = Profile("u", Rules(world))
        self.oracle: UserOracle = Oracle(world).run([])
        self.saved = Saved()
        self._until = -1

    def take(self, step: Step) -> None:
        """Both take a step."""
        self.oracle.step(step)
        if isinstance(step, int):
            self.profile.advance(step)
        elif isinstance(step, Erasure):
            if step.ts > self._until:
                self._until = step.ts
                self.profile.erase(step.ts)
        elif step.ts > self._until:
            self.profile.apply(step, self.profile.watermark)

    def restart(self) -> None:
        """The profile is saved and loaded again."""
        self.profile = reloaded(self.profile, self.saved)

    def assert_agree(self, when: str) -> None:
        """State and document are the oracle's."""
        assert same(self.profile.document(), self.oracle.document()) == [], when
        assert tiles_of(self.profile) == self.oracle.tiles(), when
        assert contexts_in(self.profile) == self.oracle.contexts(), when


@st.composite
def erasures(draw: st.DrawFn, days: int = 5) -> Erasure:
    """At the time of a sitting, or in it."""
    return Erasure("u", draw(times(days)) + draw(st.sampled_from([-1, 0, 0, 2 * MINUTE])))


def moments(days: int) -> st.SearchStrategy[int]:
    return st.integers(0, days * 24).map(watermark_at)


def in_time(steps: list[Step]) -> list[Step]:
    return sorted(steps, key=lambda step: step if isinstance(step, int) else step.ts)


lives = st.lists(st.one_of(events(), events(), events(), erasures(), moments(9)), min_size=2, max_size=25)
what_was_said = st.lists(
    st.one_of(statements(), statements(), statements(), erasures(14), moments(22)), min_size=3, max_size=20
)
orders = st.one_of(lives, lives.map(in_time), what_was_said, what_was_said.map(in_time))


@pytest.mark.parametrize("world", [SMALL, LABELLED], ids=["small", "labelled"])
@settings(deadline=None, max_examples=150)
@given(steps=orders, restart_every=st.integers(1, 9))
def test_i7_after_erasures_at_any_time_state_and_document_are_the_oracle_s(
    world: Settings, steps: list[Step], restart_every: int
) -> None:
    both = Both(world)
    for number, step in enumerate(steps):
        both.take(step)
        both.assert_agree(f"after step {number}")
        if number % restart_every == 0:
            both.restart()
            both.assert_agree(f"restarted after step {number}")


# --- any order --------------------------------------------------------------------------------------------------------

BRIEF = ROOMY.model_copy(update={"min_session": 0})
"""A world in which it does not matter when a session began."""


@settings(deadline=None, max_examples=150)
@given(arrived=st.lists(events(), min_size=1, max_size=15), erasure=erasures(), data=st.data())
def test_i7_before_a_session_seals_an_erasure_may_come_at_any_time_and_more_than_once(
    arrived: list[Event], erasure: Erasure, data: st.DataObject
) -> None:
    #   arrival   e3 | e1 | erasure | e1 | e2 | erasure      what is left: of what is newer all, of the rest nothing
    named = [of_other_items(event) if event.ts > erasure.ts else event for event in arrived]
    repeated = named + data.draw(st.lists(st.sampled_from(named), max_size=4), label="repeats")
    together: list[Step] = [*repeated, erasure, *([erasure] if data.draw(st.booleans(), label="twice") else [])]
    both, expected = Both(BRIEF), Both(BRIEF)
    for step in data.draw(st.permutations(together), label="arrivals"):
        both.take(step)
        if data.draw(st.booleans(), label="restart"):
            both.restart()
    for event in named:
        if event.ts > erasure.ts:
            expected.take(event)
    for watermark in (-1, watermark_at(5 * 24)):
        both.take(watermark)
        expected.take(watermark)
        both.assert_agree("of what came in any order")
        assert same(both.profile.document(), expected.profile.document()) == []
        assert left_of(both.profile) == left_of(expected.profile)


def of_other_items(event: Event) -> Event:
    """The event, of an item that no event from before the erasure is of."""
    return event if event.content_id is None else replace(event, content_id=f"new {event.content_id}")


def left_of(profile: Profile) -> dict[str, object]:
    """What a profile remembers, but for when sessions began."""
    return {name: known for name, known in state_of(profile).items() if name != "sessions"} | {
        "sessions": [(s.session_id, s.day, s.last, s.cohort, s.interactions, s.records) for s in profile.sessions]
    }


# --- what an erasure takes, by hand -----------------------------------------------------------------------------------

DAY = (BASE_DAY + 1) * DAY_MS
NOON = DAY + 12 * 60 * MINUTE


def shown(ts: int, content_id: str, *tags: str) -> Impression:
    return Impression(user_id="u", ts=ts, content_id=content_id, tags=tags, visible_ms=3_000)


def test_i7_of_what_has_sealed_the_erasure_s_day_goes_and_later_days_stay() -> None:
    both = Both(SMALL)
    for day in (0, 1, 2):
        both.take(shown(NOON + day * DAY_MS, f"c{day}", f"t{day}"))
        both.take(shown(NOON + day * DAY_MS + 6_000, f"d{day}", f"t{day}"))
        both.take(Dislike(user_id="u", ts=NOON + day * DAY_MS + 7_000, action="block", content_id=f"b{day}"))
    both.take(NOON + 3 * DAY_MS)
    both.take(Erasure("u", NOON + DAY_MS))  # the second day's first event is of then
    assert sorted(both.profile.rollup.tiles) == [DAY // DAY_MS + 2]
    document = both.profile.document()
    assert document is not None
    assert document.avoid.content_ids == ("b2", "b1")  # what was said after it stands, even if its day is gone
    both.assert_agree("at noon")


def test_i7_of_an_item_met_before_and_after_only_what_was_said_after_is_left() -> None:
    both = Both(SMALL)
    both.take(shown(NOON, "c", "x"))
    both.take(Feedback(user_id="u", ts=NOON + 1, kind="like", content_id="c"))
    both.take(shown(NOON + 10, "c", "x"))
    both.take(shown(NOON + 20, "d", "y"))
    both.take(Dislike(user_id="u", ts=NOON + 30, action="hide", content_id="c"))
    both.take(Erasure("u", NOON + 5))
    (session,) = both.profile.sessions
    assert list(session.interactions) == ["d"]
    assert (session.start, session.last) == (NOON + 6, NOON + 30)
    assert {key.family for key in both.profile.records} == {"dislike"}
    document = both.profile.document()
    assert document is not None
    assert document.avoid.content_ids == ("c",)


def test_i7_an_older_erasure_than_one_before_takes_nothing() -> None:
    both = Both(SMALL)
    both.take(Erasure("u", NOON))
    both.take(Dislike(user_id="u", ts=NOON + 1, action="hide", content_id="c"))
    known = state_of(both.profile)
    both.take(Erasure("u", NOON - DAY_MS))
    assert state_of(both.profile) == known
    both.assert_agree("after both")


def test_an_erasure_takes_out_of_everybody_s_sums_what_it_takes_and_what_is_left_counts_in_the_cohort_that_is() -> None:
    profile = Profile("u", Rules(SMALL.model_copy(update={"population": True, "population_share": 1.0})))
    for ts, cohort in ((NOON, "k"), (NOON + DAY_MS, None)):
        profile.apply(replace(shown(ts, f"c{ts}", "x"), cohort=cohort), -1)
        profile.apply(shown(ts + 6_000, f"d{ts}", "x", "of-the-day-" + str(ts)), -1)
    profile.advance(NOON + 2 * DAY_MS)
    sums = Deltas()
    told(profile, sums)
    before = sums.cohorts["k"]["x"].e
    profile.erase(NOON + 6_000)
    told(profile, sums)
    (day,) = profile.rollup.tiles
    left = profile.rollup.tiles[day].tag_totals()["x"].e
    assert 0 < left < before
    assert {tag: held for tag, held in sums.tags.items() if not held.empty} == {
        "x": TagSums(users=1, e=left),
        f"of-the-day-{NOON + DAY_MS}": TagSums(users=1, e=sums.tags[f"of-the-day-{NOON + DAY_MS}"].e),
    }
    assert all(held.empty for held in sums.cohorts["k"].values())
    assert sums.everyone.theta == profile.rollup.tiles[day].totals.theta > 0
    profile.erase(NOON + 3 * DAY_MS)
    told(profile, sums)
    assert profile.empty
    assert all(held.empty for _, held in sums.items())


def told(profile: Profile, sums: Deltas) -> None:
    """Adds what the population is told."""
    delta = profile.take_delta()
    if delta is not None:
        delta.add_to(sums)
