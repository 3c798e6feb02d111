"""Much that is late is told once a minute and topic; a little, or a few events, is not."""

from __future__ import annotations

import pytest

from streamer.engine.lateness import Lateness
from streamer.engine.metrics import Metrics


def told(caplog: pytest.LogCaptureFixture, *minutes: tuple[int, int]) -> list[str]:
    """What is said of plays, of which so many came and were late in every minute."""
    metrics = Metrics()
    lateness = Lateness(metrics)
    caplog.clear()
    for came, late in minutes:
        metrics.events.labels("plays").inc(came)
        metrics.late.labels("plays").inc(late)
        lateness.report()
    return [record.message for record in caplog.records]


def test_more_than_a_tenth_is_told_in_every_minute_that_it_is(caplog: pytest.LogCaptureFixture) -> None:
    lines = told(caplog, (1000, 101), (1000, 0), (200, 21))
    assert ["101 of 1000" in lines[0], "21 of 200" in lines[1], len(lines)] == [True, True, 2]
    assert lines[0].startswith("plays")


@pytest.mark.parametrize("minute", [(1000, 100), (99, 99), (0, 0)])
def test_a_tenth_or_too_few_to_tell_is_not(caplog: pytest.LogCaptureFixture, minute: tuple[int, int]) -> None:
    assert told(caplog, minute) == []
