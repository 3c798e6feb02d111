"""The population (spec §10): what seals emit adds up, in any order, to what is computed from all users from scratch."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.oracle import population as oracle_population
from lab.oracle.oracle import Oracle, UserOracle
from lab.oracle.population import totals as totals_of
from lab.simulation.sums import in_oracle_s_words
from streamer.events import DAY_MS, Event, Impression, Play
from streamer.population import Deltas, Key, Totals
from streamer.population.bins import BINS
from streamer.population.rates import STEP, snapshot
from streamer.population.share import share_counted
from streamer.population.sums import CohortSums, CreatorSums, EveryoneSums, TagSums
from streamer.profile import Profile, Rules
from streamer.scoring.buckets import ALL_EDGES
from streamer.scoring.priors import Priors
from streamer.scoring.score import logit
from streamer.settings import Settings
from tests.property.driving import Saved, reloaded, watermark_at
from tests.property.worlds import ROOMY, SMALL, events, snapshots, statements

EMITTING = [world.model_copy(update={"population": True, "population_share": 1.0}) for world in (SMALL, ROOMY)]

steps = st.lists(
    st.one_of(events(), events(), events(), statements(), st.integers(0, 22 * 24)), min_size=1, max_size=45
)


class Pair:
    """A user, incrementally and by the oracle."""

    def __init__(self, world: Settings, snapshot: Priors) -> None:
        self.profile = Profile("u", Rules(world, snapshot))
        self.oracle: UserOracle = Oracle(world, snapshot).run([])
        self.saved = Saved()
        self.sealed = 0

    def take(self, step: Event | int) -> None:
        if isinstance(step, int):
            watermark = max(self.profile.watermark, watermark_at(step))
            self.sealed += len(self.profile.advance(watermark))
            self.oracle.step(watermark)
        else:
            self.profile.apply(step, self.profile.watermark)
            self.oracle.step(step)

    def adopt(self, population: Priors) -> None:
        assert self.profile.rules.adopt(population)
        self.oracle.population = population

    def emitted(self) -> Deltas:
        deltas = Deltas()
        if (delta := self.profile.take_delta()) is not None:
            delta.add_to(deltas)
        return deltas

    def restart(self) -> None:
        self.profile = reloaded(self.profile, self.saved)


@settings(deadline=None, max_examples=200)
@given(
    world=st.sampled_from(EMITTING),
    first=snapshots(),
    later=snapshots(version=2),
    replaced_at=st.integers(0, 45),
    arrivals=st.lists(steps, min_size=1, max_size=3),
    reload_every=st.integers(1, 9),
    data=st.data(),
)
def test_what_seals_emit_adds_up_in_any_order_to_the_totals_from_scratch(
    world: Settings,
    first: Priors,
    later: Priors,
    replaced_at: int,
    arrivals: list[list[Event | int]],
    reload_every: int,
    data: st.DataObject,
) -> None:
    """``later``: the snapshot that comes into force before the step ``replaced_at`` of every user."""
    pairs = [Pair(world, first) for _ in arrivals]
    records: list[tuple[bytes, bytes]] = []
    totals = Totals()
    for pair, own in zip(pairs, arrivals, strict=True):
        for number, step in enumerate(own):
            if number == replaced_at:
                pair.adopt(later)
            pair.take(step)
            emitted = pair.emitted().take()
            for record in emitted:
                totals.take_in(*record)
            records += emitted
            assert in_oracle_s_words(totals) == totals_of(each.oracle.sealed() for each in pairs), f"step {number}"
            if number % reload_every == 0:
                pair.restart()
    again, coalesced = Totals(), Deltas()
    for at, record in enumerate(data.draw(st.permutations(records))):
        more = Totals()
        more.take_in(*record)
        coalesced.merge(more)
        if at % 3 == 0:
            for each in coalesced.take():
                again.take_in(*each)
    for each in coalesced.take():
        again.take_in(*each)
    assert in_oracle_s_words(again) == in_oracle_s_words(totals)


@settings(deadline=None, max_examples=150)
@given(
    world=st.sampled_from(EMITTING),
    arrivals=steps,
    shares=st.lists(st.sampled_from((0.0, 1.0)), min_size=1, max_size=6),
    taken_every=st.integers(1, 4),
    reload_every=st.integers(1, 9),
)
def test_the_sums_hold_who_is_in_the_share_as_of_their_last_seal_and_nobody_else(
    world: Settings, arrivals: list[Event | int], shares: list[float], taken_every: int, reload_every: int
) -> None:
    """The share changes every five steps. What a creator's items met with stays, whoever leaves."""
    few = world.model_copy(update={"population_share": 1e-9})
    pair, totals, counted = Pair(few, Priors(version=1, share=shares[0])), Totals(), False
    for number, step in enumerate([*arrivals, 10**4]):
        if number and number % 5 == 0:
            pair.adopt(Priors(version=1 + number, share=shares[number // 5 % len(shares)]))
        sealed = pair.sealed
        pair.take(step)
        if pair.sealed > sealed:
            counted = bool(pair.profile.rules.priors.share)
        if number % taken_every == 0:
            for record in pair.emitted().take():
                totals.take_in(*record)
            expected = totals_of([pair.oracle.sealed()] if counted else [])
            assert without_outcomes(in_oracle_s_words(totals)) == without_outcomes(expected), f"step {number}"
            if number % reload_every == 0:
                pair.restart()


def without_outcomes(sums: dict[tuple[str, ...], dict[str, int]]) -> dict[tuple[str, ...], dict[str, int]]:
    """The sums without what creators' items met with."""
    kept = {
        key: {n: v for n, v in own.items() if key[0] != "creator" or n.startswith("bin_")} for key, own in sums.items()
    }
    return {key: own for key, own in kept.items() if own}


def test_who_is_forgotten_and_comes_back_with_older_events_is_taken_out_of_the_sums_of_all() -> None:
    """An event of day 6 is past the window as it comes, then one of day 0, which is past that of day 6."""
    pair, totals = Pair(EMITTING[0], Priors()), Totals()
    late, early = watermark_at(154), watermark_at(0)
    shown = Impression(user_id="u", ts=late, content_id="c")
    played = Play(user_id="u", ts=early, content_id="c", duration_s=10.0, ended=False)
    for step in (434, shown, 0, played, shown, 0):
        pair.take(step)
        for record in pair.emitted().take():
            totals.take_in(*record)
        assert in_oracle_s_words(totals) == totals_of([pair.oracle.sealed()])
    assert len(totals) == 0


counts = st.integers(0, 400) | st.integers(0, 2_000_000)
engagements = st.tuples(st.integers(0, 10**9), st.integers(0, 10**9))


@st.composite
def any_totals(draw: st.DrawFn) -> Totals:
    totals = Totals()
    for tag in draw(st.lists(st.sampled_from("xyz"), unique=True)):
        users = draw(counts.filter(bool))
        totals.add(Key("tag", tag), TagSums(users, draw(st.integers(0, users)), draw(counts), *draw(engagements)))
        cohort = draw(st.none() | st.sampled_from(("de", "fr")))
        if cohort is not None:
            totals.add(Key("cohort", tag, cohort), CohortSums(*draw(engagements)))
    for creator in draw(st.lists(st.sampled_from("ab"), unique=True)):
        totals.add(Key("creator", creator), CreatorSums(draw(st.lists(counts, min_size=BINS, max_size=BINS))))
    theta = draw(st.integers(0, 2_000_000_000))
    plays = draw(st.dictionaries(st.sampled_from(ALL_EDGES), counts, max_size=4))
    buckets = {edge: [number, draw(st.integers(0, number))] for edge, number in plays.items()}
    totals.add(Key("everyone"), EveryoneSums(draw(st.integers(0, theta // 1000)), theta, buckets))
    return totals


@given(
    totals=any_totals(),
    before=st.sampled_from((0.0, 0.01, 0.1, 0.25, 0.3, 0.5, 1.0)),
    since=st.integers(0, 20),
    least=st.sampled_from((0.01, 0.1, 0.25, 1.0)),
    enough=st.sampled_from((0, 1, 300, 10_000, 500_000)),
)
def test_the_share_of_any_totals_is_the_oracle_s(
    totals: Totals, before: float, since: int, least: float, enough: int
) -> None:
    now, since_ms = 20 * DAY_MS, since * DAY_MS
    made = share_counted(totals, Priors(share=before, share_since=since_ms), now, least, enough)
    due = oracle_population.share(in_oracle_s_words(totals), before, 20 - since, least, enough)
    assert made == (due, since_ms if due == before else now)


@settings(deadline=None)
@given(totals=any_totals())
def test_the_rates_of_any_totals_are_the_oracle_s_to_a_step(totals: Totals) -> None:
    sums = in_oracle_s_words(totals)
    made = snapshot(totals, 1, 0)
    rates = [(made.start_rate, oracle_population.start_rate(sums))]
    rates += [(made.abandonment, oracle_population.abandonment(sums))]
    rates += zip(made.abandonments, oracle_population.abandonments(sums), strict=True)
    rates += [(made.prior_of("tag", tag), oracle_population.pi_tag(sums, tag)) for tag in totals.tags]
    rates += [(made.prior_of("creator", c), oracle_population.pi_creator(sums, c)) for c in totals.creators]
    assert all(abs(logit(told) - logit(rate)) < STEP + 1e-3 for told, rate in rates)
