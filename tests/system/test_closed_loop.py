"""Some days of the closed loop through real Kafka and Redis: what happens is what happens without them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import msgspec
import pytest

from lab.closed_loop.deployment import PureDeployment
from lab.closed_loop.loop import Loop, Outcome
from lab.closed_loop.recommender import Factors
from lab.closed_loop.town import WARM_UP_DAYS, Plan, Town
from streamer.embedded.child import Child
from streamer.events import Event
from streamer.population.sums import CreatorSums
from streamer.producing import SignalProducer, topics
from streamer.profile import Label
from streamer.serving import AvoidListReader, Candidate
from streamer.serving.rules import AvoidList
from streamer.settings import Settings
from tests.deployment import records_of
from tests.processes import HANGS_AFTER_S, Progress, start, wait_for

PLAN = Plan(users=30, days=10, items=400, adapting=0, seed=7)
_decode = msgspec.json.Decoder(Label).decode


@pytest.fixture
def settings(settings: Settings) -> Settings:
    found = settings.model_copy(update={"labels": True})
    topics.create(found)
    return found


class RealDeployment:
    """A worker and a publisher on real Kafka and Redis, and a reader, as a closed loop asks for them."""

    def __init__(self, settings: Settings, source: Progress, outbox: Progress, folder: Path) -> None:
        self._settings = settings
        self._source, self._outbox = source, outbox
        self._told = 0
        self.worker = start("worker", settings, folder / "worker.log")
        self.publisher = start("publisher", settings, folder / "publisher.log")

    def day_ends(self, events: Mapping[str, Sequence[Event]], now_ms: int) -> list[Label]:
        with SignalProducer(self._settings) as producer:
            for event in sorted(chain.from_iterable(events.values()), key=lambda event: event.ts):
                producer.send(event)  # user by user, those of whoever comes early would be late
            producer.watermark(now_ms)
        wait_for("the day is committed", self._source.done, self.worker)
        wait_for("its lists are in Redis", self._outbox.done, self.publisher)
        told = records_of(self._settings, self._settings.topics.labels)
        newest = {(record.key, dict(record.headers)["label"]): record.value or b"" for record in told}  # some twice
        found = [_decode(value) for value in newest.values()]
        found.sort(key=lambda label: (label.last, label.user_id, label.part))  # sealed earlier: of an earlier day
        fresh, self._told = found[self._told :], len(found)
        return sorted(fresh, key=lambda label: (label.user_id, label.start, label.part))

    def lists(self, user_ids: Sequence[str]) -> Mapping[str, AvoidList]:
        with AvoidListReader(self._settings.redis_url) as reader:
            return reader.get_many(user_ids)

    def creators(self) -> Mapping[str, CreatorSums]:
        return {}

    def children(self) -> tuple[Child, Child]:
        return self.worker, self.publisher


@pytest.fixture
def deployment(settings: Settings, source: Progress, outbox: Progress, tmp_path: Path) -> Iterator[RealDeployment]:
    found = RealDeployment(settings, source, outbox, tmp_path)
    yield found
    for child in found.children():
        child.kill()


def by_tier(avoid: AvoidList, items: Sequence[Candidate], now_ms: int) -> list[float]:
    """Out is what is listed strongly or hard. A multiplier may be .05 off what was last written, a tier may not."""
    return [
        0.0 if any(match.entry.tier != "soft" for match in avoid.explain(item, now_ms).matches) else 1.0
        for item in items
    ]


def outcome(settings: Settings, deployment: PureDeployment | RealDeployment, *, has_lists: bool) -> Outcome:
    town = Town(PLAN)
    recommender = Factors(town, "loss", settings.hkv_alpha)
    return Loop(town, deployment, recommender, has_lists=has_lists, judge=by_tier).run()


def unwanted(found: Outcome) -> float:
    counts = found.counts
    return float(counts.unwanted[:, WARM_UP_DAYS:].sum() / counts.shown[:, WARM_UP_DAYS:].sum())


def test_days_through_kafka_and_redis_are_those_of_the_pure_code_and_lists_leave_less_that_is_unwanted(
    settings: Settings, deployment: RealDeployment
) -> None:
    real = outcome(settings, deployment, has_lists=True)
    pure = outcome(settings, PureDeployment(settings), has_lists=True)
    assert real.shown == pure.shown
    assert real.counts.engaged.tolist() == pure.counts.engaged.tolist()
    without = outcome(settings, PureDeployment(settings), has_lists=False)
    assert real.shown != without.shown
    assert unwanted(real) < unwanted(without)
    for child in deployment.children():
        assert child.stop(HANGS_AFTER_S) == 0, child.tail()
