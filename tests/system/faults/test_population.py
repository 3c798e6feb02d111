"""The population's sums through crashes: of the agent nothing is counted twice, of workers what a crash repeats."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from random import Random

import pytest

from streamer.events import EVENT_TYPES, Event
from streamer.population import Totals
from streamer.profile import Profile, Rules
from streamer.settings import Settings
from tests.crowd import crowd
from tests.deployment import NOW, Story, records_in, story_of
from tests.feeding import Feed
from tests.processes import Kind, wait_for
from tests.system.faults.deployed import Deploy, Deployed
from tests.system.faults.faulty import BOUNDARIES
from tests.system.faults.test_boundaries import crashed

AGENT = [name for name, boundary in BOUNDARIES.items() if boundary.kind == "population"]
Counts = dict[tuple[str, str], int]


@pytest.fixture
def deployment(deploy: Deploy) -> Deployed:
    return deploy(population_interval=1.0, grace=3600)


def counts(totals: Totals) -> Counts:
    """What does not depend on the rates in force: who has which tag, what was shown, started, played, left."""
    found = {("users", tag): sums.users for tag, sums in totals.tags.items()}
    found |= {("said no", tag): sums.dislikes for tag, sums in totals.tags.items()}
    for creator, sums in totals.creators.items():
        found |= {("have", creator): sums.users, ("starts", creator): sums.starts, ("plays", creator): sums.plays}
    found |= {("all", "starts"): totals.everyone.starts, ("all", "theta"): totals.everyone.theta}
    return {key: count for key, count in found.items() if count}


def agreeing_city() -> Story:
    """A city, and a crowd that agrees on what to pass over: there is something to announce."""
    names = {kind: topic for topic, kind in EVENT_TYPES.items()}
    city = story_of(100, 2)
    events = [*city.events, *((names[type(event)], event) for event in crowd(40, NOW, "fan-"))]
    return Story(sorted(events, key=lambda sent: sent[1].ts), city.end, {})


def truth_of(story: Story, settings: Settings) -> Counts:
    """The sums of an undisturbed job."""
    rules, totals = Rules(settings), Totals()
    by_user: dict[str, list[Event]] = {}
    for _, event in story.events:
        by_user.setdefault(event.user_id, []).append(event)
    for user, events in by_user.items():
        profile = Profile(user, rules)
        for event in events:
            profile.apply(event, 0)
        profile.advance(story.end)
        if (delta := profile.take_delta()) is not None:
            delta.add_to(totals)
    return counts(totals)


def saved_counts(settings: Settings) -> Counts:
    """The sums in the agent's changelog."""
    newest = {record.key: record.value for record in records_in(settings, settings.topics.totals, [0])}
    return counts(_added(newest.items()))


def told_counts(settings: Settings) -> Counts:
    """The sums of all that the workers have told."""
    return counts(
        _added((record.key, record.value) for record in records_in(settings, settings.topics.population, [0]))
    )


def _added(records: Iterable[tuple[bytes | None, bytes | None]]) -> Totals:
    totals = Totals()
    for key, value in records:
        if key and value:
            totals.take_in(key, value)
    return totals


def crash_in_turn(deployment: Deployed, feed: Feed, kind: Kind, boundaries: Iterable[str]) -> None:
    """Starts a process that crashes at its first boundary of each of these names, feeds it, and waits for the crash."""
    for name in boundaries:
        child = deployment.spawn_faulty(kind, "crash", name, "1")
        feed.allow()
        wait_for(f"a crash: {name}", lambda c=child: crashed(c), None)


def test_a_crash_of_the_agent_at_each_boundary_in_turn_counts_every_delta_once(deployment: Deployed) -> None:
    story = agreeing_city()
    truth = truth_of(story, deployment.settings)
    feed = deployment.feed(story, shares=len(AGENT) + 4)
    feed.allow(3)  # until sessions begin to seal
    worker = deployment.spawn("worker")
    crash_in_turn(deployment, feed, "population", AGENT)
    agent = deployment.spawn("population")
    feed.allow()
    wait_for("everything is produced", lambda: feed.finished, worker)
    wait_for("all events are committed", deployment.source.done, worker)
    wait_for("all is counted", lambda: saved_counts(deployment.settings) == truth, agent)
    assert told_counts(deployment.settings) == truth


def test_a_worker_that_crashes_before_it_has_saved_what_it_told_tells_it_again_and_loses_nothing(
    deployment: Deployed,
) -> None:
    story = agreeing_city()
    truth = truth_of(story, deployment.settings)
    telling = ["half of the deltas written", "deltas written"] * 2
    feed = deployment.feed(story, shares=len(telling) + 4)
    feed.allow(3)  # until sessions begin to seal
    crash_in_turn(deployment, feed, "worker", telling)
    worker = deployment.spawn("worker")
    feed.allow()
    wait_for("everything is produced", lambda: feed.finished, worker)
    wait_for("all events are committed", deployment.source.done, worker)
    told = told_counts(deployment.settings)
    assert not _lost(told, truth)
    assert told != truth


def _lost(told: Counts, truth: Counts) -> Counts:
    """What is counted less often than it is true."""
    return {key: count for key, count in truth.items() if told.get(key, 0) < count}


def test_an_agent_that_is_frozen_while_another_takes_over_changes_nothing_when_it_is_woken(
    deployment: Deployed,
) -> None:
    story = agreeing_city()
    truth = truth_of(story, deployment.settings)
    feed = deployment.feed(story, shares=6)
    feed.allow(3)  # until sessions begin to seal
    worker, agents = deployment.spawn("worker"), [deployment.spawn("population")]
    feed.allow()
    wait_for("it counts", lambda: bool(saved_counts(deployment.settings)), agents[0])
    agents.append(deployment.spawn("population"))
    os.kill(agents[0].pid, signal.SIGSTOP)
    feed.allow()
    wait_for("the other counts", lambda: "recovered" in agents[1].tail(500), agents[1])
    before = saved_counts(deployment.settings)
    wait_for("it has counted more", lambda: saved_counts(deployment.settings) != before, agents[1])
    os.kill(agents[0].pid, signal.SIGCONT)
    feed.allow()
    wait_for("everything is produced", lambda: feed.finished, worker)
    wait_for("all events are committed", deployment.source.done, worker)
    wait_for("all is counted", lambda: saved_counts(deployment.settings) == truth, worker)


@pytest.mark.long
def test_kill_9_of_workers_and_agents_loses_nothing_and_repeats_no_more_than_was_not_saved(
    deployment: Deployed, seed: int
) -> None:
    """A worker that dies between telling its deltas and saving its state tells them again."""
    kills = 12
    rng = Random(seed)
    story = story_of(120, 12)
    truth = truth_of(story, deployment.settings)
    feed = deployment.feed(story, rate=len(story.events) / (kills * 5.0))
    feed.allow()
    worker, agent = deployment.spawn("worker"), deployment.spawn("population")
    for _ in range(kills):
        time.sleep(rng.uniform(0.5, 7.5))  # the moment, not a wait for anything
        if rng.random() < 0.5:
            worker.kill()
            worker = deployment.spawn("worker")
        else:
            agent.kill()
            agent = deployment.spawn("population")
    wait_for("everything is produced", lambda: feed.finished, worker)
    wait_for("all events are committed", deployment.source.done, worker)
    told = told_counts(deployment.settings)
    wait_for("all that was told is counted", lambda: saved_counts(deployment.settings) == told, agent)
    assert not _lost(told, truth)
    everybody = ("all", "theta")
    print(f"theta: {told[everybody]} told, {truth[everybody]} true: {told[everybody] / truth[everybody] - 1:+.2%}")
    assert told[everybody] <= 1.1 * truth[everybody]
