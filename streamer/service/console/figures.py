"""What readings come to: rates, times and backlogs; what cannot be known is None. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import Final, NamedTuple

from streamer.service.console.measures import Progress, Reading, Samples

_EVENTS: Final = "streamer_events_total"
_NOW: Final = 10.0
"""What is said to be now is the mean of so many seconds."""


class Row(NamedTuple):
    """One partition.

    Attributes:
        number: its.
        waiting: events that are not saved yet.
        unread: of these what workers have not even fetched.
        behind_s: how far its clock is behind.
    """

    number: int
    waiting: int | None
    unread: int | None
    behind_s: float | None


class Times(NamedTuple):
    """How long something takes: half are faster than ``p50``, s, and of a hundred all but one than ``p99``."""

    p50: float | None
    p99: float | None


class Figures(NamedTuple):
    """Everything that the page of the pipeline tells; rates are per second, times s.

    Attributes:
        arriving: events that come.
        processed: events that workers process.
        rejected, late: events so far, since the workers started.
        rejects_by: the former by topic and why.
        checkpoint, freshness: how long a checkpoint takes; from event to Redis.
        waiting: events that are not saved yet.
        lists_waiting: lists that are not in Redis yet.
        redis_ms: how long Redis took to answer.
        redis_writes, redis_errors: by result, and by why.
        rows: partitions.
        course: events that came, from reading to reading.
        processes: addresses, and whether each answers.
        kafka: whether it answers.
    """

    arriving: float | None
    processed: float | None
    rejected: float | None
    late: float | None
    rejects_by: Sequence[tuple[str, str, float]]
    checkpoint: Times
    freshness: Times
    waiting: int | None
    lists_waiting: int | None
    redis_ms: float | None
    redis_writes: Mapping[str, float]
    redis_errors: Mapping[str, float]
    rows: Sequence[Row]
    course: Sequence[float]
    processes: Mapping[str, bool]
    kafka: bool


def figures(readings: Sequence[Reading], partitions: int) -> Figures:
    """What readings come to.

    Args:
        readings: oldest first; at least one.
        partitions: of the deployment.
    """
    now = readings[-1]
    known = [found for found in now.processes.values() if found is not None]
    progress = now.progress
    has = _names(known)
    return Figures(
        arriving=_rate(readings, _arrived),
        processed=_rate(readings, lambda reading: _total(reading, _EVENTS)),
        rejected=_sum(known, "streamer_rejected_events_total") if _EVENTS in has else None,
        late=_sum(known, "streamer_late_events_total") if _EVENTS in has else None,
        rejects_by=_rejects_by(known),
        checkpoint=_times(readings, "streamer_checkpoint_seconds_bucket"),
        freshness=_times(readings, "streamer_freshness_seconds_bucket"),
        waiting=None if progress is None else sum(_waiting(progress).values()),
        lists_waiting=None if progress is None else max(0, progress.lists_end - progress.lists_read),
        redis_ms=now.redis_ms,
        redis_writes=_by(known, "streamer_redis_writes_total", "result"),
        redis_errors=_by(known, "streamer_redis_errors_total", "reason"),
        rows=[_row(number, progress, known) for number in range(partitions)],
        course=_course(readings),
        processes={url: found is not None for url, found in now.processes.items()},
        kafka=progress is not None,
    )


def quantile(buckets: Mapping[float, float], share: float) -> float | None:
    """The value below which this share of observations lies, as Prometheus' ``histogram_quantile`` estimates it.

    Args:
        buckets: observations up to each edge, the last one infinite.
        share: 0–1.

    Of ten observations five are up to 1 and all up to 2:

    >>> quantile({1.0: 5.0, 2.0: 10.0, inf: 10.0}, 0.5), quantile({1.0: 5.0, 2.0: 10.0, inf: 10.0}, 0.9)
    (1.0, 1.8)
    >>> quantile({1.0: 0.0, inf: 0.0}, 0.5) is None, quantile({1.0: 0.0, inf: 4.0}, 0.5)
    (True, 1.0)
    """
    edges = sorted(buckets)
    total = buckets[edges[-1]] if edges else 0.0
    if total <= 0:
        return None
    wanted, below, lower = share * total, 0.0, 0.0
    for edge in edges:
        count = buckets[edge]
        if count >= wanted:
            if edge == inf:
                return lower
            inside = count - below
            return edge if inside <= 0 else lower + (edge - lower) * (wanted - below) / inside
        below, lower = count, edge
    return lower


def _times(readings: Sequence[Reading], name: str) -> Times:
    """Of the observations of the last minutes; if there are none, of all since the processes started."""
    newest = _buckets(readings[-1], name)
    recent = {edge: count - _buckets(readings[0], name).get(edge, 0.0) for edge, count in newest.items()}
    good = all(count >= 0 for count in recent.values()) and any(recent.values())
    used = recent if good else newest
    return Times(quantile(used, 0.5), quantile(used, 0.99))


def _buckets(reading: Reading, name: str) -> dict[float, float]:
    found: dict[float, float] = {}
    for process in reading.processes.values():
        for labels, value in () if process is None else process.get(name, ()):
            edge = float(labels.get("le", "inf"))
            found[edge] = found.get(edge, 0.0) + value
    return found


def _rate(readings: Sequence[Reading], count: Callable[[Reading], float | None]) -> float | None:
    """How fast a count grows now; None: that is not known yet. One that fell has begun anew."""
    now = count(readings[-1])
    earlier = [reading for reading in readings[:-1] if readings[-1].at - reading.at <= _NOW] or readings[-2:-1]
    then = count(earlier[0]) if earlier else None
    if now is None or then is None:
        return None
    return max(0.0, now - then) / (readings[-1].at - earlier[0].at)


def _course(readings: Sequence[Reading]) -> list[float]:
    pairs = [(reading.at, count) for reading in readings if (count := _arrived(reading)) is not None]
    return [max(0.0, count - before) / (at - then) for (then, before), (at, count) in pairwise(pairs)]


def _arrived(reading: Reading) -> float | None:
    return None if reading.progress is None else float(sum(reading.progress.ends.values()))


def _total(reading: Reading, name: str) -> float | None:
    found = [process for process in reading.processes.values() if process is not None and name in process]
    return _sum(found, name) if found else None


def _sum(processes: Iterable[Samples], name: str) -> float:
    return sum(value for process in processes for _, value in process.get(name, ()))


def _names(processes: Iterable[Samples]) -> set[str]:
    """Metrics that somebody has; one with labels is there once it has counted."""
    names = {name for process in processes for name in process}
    return names | ({_EVENTS} if "streamer_checkpoint_seconds_count" in names else set())


def _by(processes: Iterable[Samples], name: str, label: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for process in processes:
        for labels, value in process.get(name, ()):
            found[labels.get(label, "")] = found.get(labels.get(label, ""), 0.0) + value
    return dict(sorted(found.items()))


def _rejects_by(processes: Iterable[Samples]) -> list[tuple[str, str, float]]:
    found: dict[tuple[str, str], float] = {}
    for process in processes:
        for labels, value in process.get("streamer_rejected_events_total", ()):
            place = (labels.get("topic", ""), labels.get("code", ""))
            found[place] = found.get(place, 0.0) + value
    return [(topic, code, count) for (topic, code), count in sorted(found.items()) if count]


def _waiting(progress: Progress) -> dict[int, int]:
    found: dict[int, int] = {}
    for (topic, partition), end in progress.ends.items():
        left = max(0, end - progress.saved.get((topic, partition), 0))
        found[partition] = found.get(partition, 0) + left
    return found


def _row(number: int, progress: Progress | None, processes: Sequence[Samples]) -> Row:
    name = str(number)

    def of_partition(metric: str) -> list[float]:
        return [
            value
            for process in processes
            for labels, value in process.get(metric, ())
            if labels.get("partition") == name
        ]

    unread, behind = of_partition("streamer_consumer_lag_records"), of_partition("streamer_watermark_lag_seconds")
    return Row(
        number,
        None if progress is None else _waiting(progress).get(number, 0),
        int(sum(unread)) if unread else None,
        max(behind) if behind else None,
    )
