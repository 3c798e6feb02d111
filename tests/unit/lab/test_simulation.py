"""Schedules of everything that may happen, and that the simulation would find what it looks for."""

from __future__ import annotations

from typing import Final

import pytest
from typer.testing import CliRunner

from lab.__main__ import app
from lab.simulation.broker import Broker, Log
from lab.simulation.redis import Redis
from lab.simulation.run import Broken, failures, shrunk, wrong
from lab.simulation.schedule import Schedule, schedule
from lab.simulation.world import World
from streamer.engine.kafka.producer import NewRecord
from streamer.engine.partition import assigned
from streamer.engine.partition.erasures import Erasures
from streamer.engine.state.checkpoint import Checkpoint, Taken
from streamer.engine.state.store import StoreIndexes
from streamer.engine.state.untold import Untold
from streamer.population.telling import Place
from streamer.profile.session import Session
from streamer.sinks.updates import Update

CHUNK: Final = 100
"""Seeds of one test: `make simulate` runs the others, 2,000 of them in .ci/run."""
WITHIN: Final = range(400)
"""Seeds within which a mutation must be caught."""


@pytest.mark.parametrize("first", range(0, 400, CHUNK))
def test_whatever_happens_documents_are_the_oracle_s_in_outbox_and_redis(first: int) -> None:
    assert {seed: found for seed, found in failures(range(first, first + CHUNK)) if found} == {}


# --- it can fail ----------------------------------------------------------------------------------------------------


def caught(broken: Broken | None = None, within: range = WITHIN) -> int | None:
    """The first seed that goes wrong."""
    return next((seed for seed, found in failures(within, broken) if found), None)


class Reordered(Checkpoint):
    """A checkpoint that does a step before another."""

    steps: tuple[str, ...] = ()

    async def run(self) -> Taken | None:
        taken = await self._take()
        if taken is not None:
            self._begin(taken)
            for step in self.steps:
                done = getattr(self, f"_{step}")()
                if done is not None:
                    await done
        return taken


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(
            ("settle_outputs", "append_journal", "append_mark", "append_changes", "write_locally", "let_commit"),
            id="mark before changes",
        ),
        pytest.param(
            ("settle_outputs", "append_journal", "append_changes", "let_commit", "append_mark", "write_locally"),
            id="commit before mark",
        ),
        pytest.param(
            ("append_journal", "append_changes", "append_mark", "write_locally", "settle_outputs", "let_commit"),
            id="changes before outputs",
        ),
    ],
)
def test_a_checkpoint_in_another_order_is_caught(steps: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assigned, "Checkpoint", Reordered)
    monkeypatch.setattr(Reordered, "steps", steps)
    assert caught() is not None


def test_a_log_without_fencing_is_caught() -> None:
    def broken(world: World) -> None:
        world.broker.fencing = False

    assert caught(broken) is not None


def test_a_publisher_that_does_not_compare_is_caught() -> None:
    def broken(world: World) -> None:
        world.redis.compares = False

    assert caught(broken) is not None


def test_an_erasure_whose_mark_is_forgotten_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgets(_self: StoreIndexes, _user: str, _value: bytes | None) -> None: ...

    monkeypatch.setattr(StoreIndexes, "set_erased", forgets)
    assert caught() is not None


def test_a_population_that_counts_what_it_is_told_twice_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Place, "is_newer", lambda _self, _before: True)
    assert caught() is not None


def test_deltas_that_are_not_looked_for_after_a_crash_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Untold, "found", lambda _self, _user, _raw: None)
    assert caught() is not None


def test_an_erasure_that_takes_what_is_newer_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Erasures, "_left", lambda *_: ({}, None))
    assert caught() is not None


def test_an_erasure_that_leaves_open_sessions_whole_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "erase", lambda *_: {})
    assert caught(within=range(600, 1000)) is not None  # it shows seldom


# --- what is drawn, replayed and shrunk -----------------------------------------------------------------------------


def traced(what: Schedule) -> list[str]:
    lines: list[str] = []
    assert wrong(what, told=lines.append) == []
    return lines


def test_a_seed_is_one_schedule_and_a_schedule_happens_in_one_way() -> None:
    assert schedule(7) == schedule(7) != schedule(8)
    assert traced(schedule(7)) == traced(schedule(7))


def test_what_fails_is_shrunk_to_what_it_cannot_do_without() -> None:
    def broken(world: World) -> None:
        world.redis.compares = False

    seed = caught(broken)
    assert seed is not None
    least = shrunk(schedule(seed), broken)
    assert {"send", "freeze_publisher"} <= {step.do for step in least.steps}
    assert len(least.steps) < 12
    assert "Redis has another document" in str(wrong(least, broken))


def test_a_command_runs_seeds_and_traces_one() -> None:
    done = CliRunner().invoke(app, ["simulate", "--seeds", "3:6"])
    assert done.exit_code == 0
    assert "3 schedules in" in done.output
    assert "0 of them went wrong" in done.output
    done = CliRunner().invoke(app, ["simulate", "--seed", "3", "--trace"])
    assert done.exit_code == 0
    assert "everything heals" in done.output


@pytest.mark.parametrize("seeds", ["5", "5:5", "a:b", "6:5"])
def test_what_is_no_range_of_seeds_is_told(seeds: str) -> None:
    assert CliRunner().invoke(app, ["simulate", "--seeds", seeds]).exit_code == 2


# --- what is simulated behaves as the real one ------------------------------------------------------------------------


def test_the_model_of_the_script_takes_only_what_is_newer_or_lost() -> None:
    redis = Redis()
    answers = [
        redis.compare_and_set(Update("u", document, offset))
        for document, offset in ((b"5", 5), (b"4", 4), (b"5", 5), (b"7", 7), (None, 6), (None, 8), (b"7", 7), (None, 8))
    ]
    assert answers == [1, 0, 0, 1, 0, 1, 0, 0]
    assert redis.documents == {}
    redis.compare_and_set(Update("u", b"9", 9))
    redis.documents.clear()  # evicted
    assert redis.compare_and_set(Update("u", b"9", 9)) == 1


def test_a_compacted_log_keeps_offsets_and_the_newest_of_each_key() -> None:
    broker = Broker(0, appends_time=True)
    broker.append("t", [NewRecord(b"a", b"1"), NewRecord(b"b", b"2"), NewRecord(b"a", None)])
    log: Log = broker.logs["t"]
    log.compact()
    assert [(record.offset, record.value) for record in log.read(0)] == [(1, b"2"), (2, None)]
    log.delete_before(2)
    assert (log.begin, log.end, len(log.records)) == (2, 3, 1)
