"""Fetches at a measured pace: what is asked too early waits, what is asked late does not, brokers have their own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.consumer.fetcher import Fetcher

from streamer.engine.kafka import pacing
from streamer.engine.kafka.pacing import ask_at_most_every

INTERVAL_S = 0.5


class Paced:
    """A fetcher whose clock moves only while it sleeps, or is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.asked: list[tuple[int, float]] = []
        self.cancelled = False
        self.fetcher = Fetcher.__new__(Fetcher)
        self.fetcher._proc_fetch_request = self._fetch
        monkeypatch.setattr(pacing.asyncio, "sleep", self._sleep)
        ask_at_most_every(INTERVAL_S, self.fetcher, lambda: self.now)

    async def _fetch(self, _assignment: Any, node: int, _request: Any) -> bool:
        self.asked.append((node, self.now))
        return True

    async def _sleep(self, seconds: float) -> None:
        if self.cancelled:
            raise asyncio.CancelledError
        self.now += seconds

    def ask(self, node: int = 1) -> Any:
        return asyncio.run(self.fetcher._proc_fetch_request(None, node, None))


def test_a_request_waits_until_the_interval_since_the_last_one_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    paced = Paced(monkeypatch)
    assert [paced.ask(), paced.ask(), paced.ask()] == [True] * 3
    assert paced.asked == [(1, 100.0), (1, 100.5), (1, 101.0)]


def test_a_request_after_a_pause_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    paced = Paced(monkeypatch)
    paced.ask()
    paced.now += 3 * INTERVAL_S
    paced.ask()
    assert paced.asked[-1] == (1, 100.0 + 3 * INTERVAL_S)


def test_brokers_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    paced = Paced(monkeypatch)
    paced.ask(1)
    paced.ask(2)
    assert paced.asked == [(1, 100.0), (2, 100.0)]


def test_a_request_that_is_not_wanted_any_more_brings_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    paced = Paced(monkeypatch)
    paced.ask()
    paced.cancelled = True
    assert paced.ask() is False
    assert len(paced.asked) == 1
