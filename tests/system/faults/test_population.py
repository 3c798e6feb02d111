"""The population's sums through crashes and freezes of workers and of the agent: they are exact."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from random import Random

import psutil
import pytest

from streamer.embedded.child import Child
from streamer.engine.population.totals import TotalsTable
from streamer.engine.population.totals_mark import KEY
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

KINDS: tuple[Kind, ...] = ("worker", "population")
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
        if not sums.users:
            continue  # nobody has it: it is forgotten
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


def await_counts(deployment: Deployed, truth: Counts, child: Child) -> None:
    """Waits until the agent has saved what it must; else says what differs."""
    try:
        wait_for("all is counted", lambda: saved_counts(deployment.settings) == truth, child, 90)
    except AssertionError as late:
        found = saved_counts(deployment.settings)
        differs = {key: (found.get(key), truth.get(key)) for key in found | truth if found.get(key) != truth.get(key)}
        raise AssertionError(f"{late}\n{len(differs)} of {len(truth)} sums, as (found, right): {differs}") from None


def saved_counts(settings: Settings) -> Counts:
    """The sums in the agent's changelog."""
    newest = {record.key: record.value for record in records_in(settings, settings.topics.totals, [0])}
    totals = Totals()
    for key, value in newest.items():
        if key != KEY and key and value:
            totals.take_in(key, value)
    return counts(totals)


def told(settings: Settings) -> TotalsTable:
    """All that the workers have told, counted by somebody who never crashed."""
    table = TotalsTable()
    table.count(records_in(settings, settings.topics.population, [0]))
    return table


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
    await_counts(deployment, truth, agent)


def test_a_worker_that_crashes_while_it_tells_what_seals_change_tells_it_again_and_it_counts_once(
    deployment: Deployed,
) -> None:
    story = agreeing_city()
    truth = truth_of(story, deployment.settings)
    telling = ["half of the deltas written", "deltas written", "changes saved"] * 2
    feed = deployment.feed(story, shares=len(telling) + 4)
    feed.allow(3)  # until sessions begin to seal
    agent = deployment.spawn("population")
    crash_in_turn(deployment, feed, "worker", telling)
    worker = deployment.spawn("worker")
    feed.allow()
    wait_for("everything is produced", lambda: feed.finished, worker)
    wait_for("all events are committed", deployment.source.done, worker)
    await_counts(deployment, truth, agent)
    assert told(deployment.settings).repeated > 0


@pytest.mark.parametrize("boundary", ["deltas written", "changes saved", "mark saved"])
def test_a_worker_that_is_frozen_while_it_tells_and_woken_after_a_takeover_changes_no_sum(
    deployment: Deployed, boundary: str
) -> None:
    story = agreeing_city()
    truth = truth_of(story, deployment.settings)
    feed = deployment.feed(story, shares=5)
    feed.allow(4)  # until sessions begin to seal
    zombie = deployment.spawn_faulty("worker", "freeze", boundary, "3")
    wait_for("the first worker freezes", lambda: is_frozen(zombie), None)
    agent, other = deployment.spawn("population"), deployment.spawn("worker")
    deployment.await_owner(other)
    wait_for("it tells more", lambda: bool(saved_counts(deployment.settings)), other)
    os.kill(zombie.pid, signal.SIGCONT)
    feed.allow()
    wait_for("everything is produced", lambda: feed.finished, other)
    wait_for("all events are committed", deployment.source.done, other)
    await_counts(deployment, truth, agent)


def is_frozen(child: Child) -> bool:
    return bool(psutil.Process(child.pid).status() == psutil.STATUS_STOPPED)


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
    await_counts(deployment, truth, worker)


@pytest.mark.long
def test_kill_9_and_sigstop_of_workers_and_agents_at_random_moments_change_no_sum(
    deployment: Deployed, seed: int
) -> None:
    """What is frozen is woken when another has taken over, or a little earlier."""
    faults = 12
    rng = Random(seed)
    story = story_of(120, 12)
    truth = truth_of(story, deployment.settings)
    feed = deployment.feed(story, rate=len(story.events) / (faults * 6.0))
    feed.allow()
    alive: dict[Kind, Child] = {kind: deployment.spawn(kind) for kind in KINDS}
    frozen: list[Child] = []
    for _ in range(faults):
        time.sleep(rng.uniform(0.5, 9))  # the moment, not a wait for anything
        kind = rng.choice(KINDS)
        if rng.random() < 0.5:
            alive[kind].kill()
        elif alive[kind].running:
            os.kill(alive[kind].pid, signal.SIGSTOP)
            frozen.append(alive[kind])
        alive[kind] = deployment.spawn(kind)
        if len(frozen) > 1:
            os.kill(frozen.pop(0).pid, signal.SIGCONT)
    for child in frozen:
        os.kill(child.pid, signal.SIGCONT)

    def supervised() -> bool:
        """Starts again whoever was refused: also the owner may be, if a zombie is woken just before it claims."""
        for kind, child in alive.items():
            if not child.running:
                assert "another process has taken over" in child.tail(500)
                alive[kind] = deployment.spawn(kind)
        return True

    wait_for("everything is produced", lambda: supervised() and feed.finished, None)
    wait_for("all events are committed", lambda: supervised() and deployment.source.done(), None)
    wait_for("all is counted", lambda: supervised() and saved_counts(deployment.settings) == truth, None)
    print(f"told again and passed over: {told(deployment.settings).repeated} records")
