"""The topics of one deployment: what they must be like, making them, and finding what is wrong with them."""

from __future__ import annotations

import time
from typing import Final

from streamer.engine.kafka.sender import BUILDER_BYTES
from streamer.errors import TopicsError
from streamer.events import DAY_MS
from streamer.producing.acls import Process, needed
from streamer.producing.connection import Cluster, TopicError, connect, open_producer
from streamer.settings import Settings

_ALREADY_EXISTS: Final = 36
_LATER: Final = (3, 5, 7, 14, 15, 41, 89)
"""What passes by itself: unknown, leaderless, timed out, coordinator or controller elsewhere, too much at once."""
_BACKOFF_S: Final = 0.1
_HOUR_MS: Final = str(3_600_000)
_DELTAS_KEPT_DAYS: Final = 3
"""How long the population agent may be away, a weekend, before what the workers told it is lost."""
DATED: Final = "message.timestamp.type"
BY_BROKER: Final = "LogAppendTime"
_RAISED: Final = (
    "once workers have written state, partitions must not be raised; new records of users whose partition is another "
    "now are rejected (wrong_partition). If the setting is wrong, correct it:  streamer repartition  gives the state "
    "other partitions, under another topic_prefix. If the topics were raised, make them anew under another "
    "topic_prefix and read the sources again"
)
IN_SYNC: Final = "min.insync.replicas"
REPLICAS: Final = 3
"""So many survive a broker that is away and one that dies meanwhile."""
ENOUGH: Final = 2
"""Replicas that must have a record before it counts as written, where there are three."""
LARGEST_BATCH: Final = BUILDER_BYTES
"""Bytes of the largest batch that topics take of what grows with a user. What is larger still is cut, or not saved."""
SIZE: Final = "max.message.bytes"


def wanted(settings: Settings) -> dict[str, dict[str, str]]:
    """Every topic and its configs.

    Source topics, erasures, rejects and labels (if they are on) keep records for ``retention_days``, and a day more at
    most, as they are deleted by segments. The avoid lists
    and the workers' state are compacted: the newest value per key stays. Their deletions stay readable for
    ``retention_days``, so that a publisher that was away that long still learns of them, and what a newer record
    replaced is gone from disk after a day at most, so that erasing a user erases. Batches may be large: all of a
    user's state is one.
    Records of the source topics and the workers' state are dated by the broker that appends them (LogAppendTime): so
    history is not deleted before it is read, and a worker can tell a device's or its own wrong clock.
    The journal of open sessions keeps everything until the workers delete it; it is gone from disk a day later.

    The topics of the population (if it is on) are compacted, but for the deltas, which are kept for three days. A
    snapshot is written every ``population_interval``, so old ones go within hours.

    Where there are three replicas, two must have a record before it counts as written.
    """
    retention = str(settings.retention_days * DAY_MS)
    events = {"cleanup.policy": "delete", "retention.ms": retention, "segment.ms": str(DAY_MS)}
    sources = {**events, DATED: BY_BROKER}
    newest = {
        "cleanup.policy": "compact",
        "delete.retention.ms": retention,
        "max.compaction.lag.ms": str(DAY_MS),
        SIZE: str(LARGEST_BATCH),
    }
    journal = {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "segment.ms": str(DAY_MS),
        SIZE: str(LARGEST_BATCH),
    }
    topics = settings.topics
    found = dict.fromkeys((*topics.sources, topics.erasures), sources) | {topics.rejects: events}
    found |= {topics.avoid_lists: newest, topics.state: {**newest, DATED: BY_BROKER}}
    found[topics.journal] = journal
    if settings.labels:
        found[topics.labels] = {**events, SIZE: str(LARGEST_BATCH)}
    if settings.population:
        kept = str(min(_DELTAS_KEPT_DAYS, settings.retention_days) * DAY_MS)
        found |= dict.fromkeys(of_one_partition(settings), newest)
        found[topics.population] = {**events, "retention.ms": kept}
        found[topics.snapshots] = {**newest, "max.compaction.lag.ms": _HOUR_MS, "segment.ms": _HOUR_MS}
    in_sync = {IN_SYNC: str(ENOUGH if settings.replication >= REPLICAS else 1)}
    return {topic: {**configs, **in_sync} for topic, configs in found.items()}


def of_one_partition(settings: Settings) -> tuple[str, ...]:
    """Topics of which only partition 0 is used, so that one process adds the whole population up."""
    topics = settings.topics
    return topics.population, topics.totals, topics.snapshots, topics.default_lists, topics.creator_health


def create(settings: Settings) -> list[str]:
    """Makes the topics that are missing, and returns their names. Existing topics are never changed.

    Raises:
        BrokerUnavailable: no broker answered within ``broker_timeout``.
        TopicsError: the broker made some of them not, or the existing ones do not fit; names every problem.
    """
    topics = wanted(settings)
    with connect(settings) as cluster:
        known = {*cluster.partitions(list(topics)), *cluster.hidden(list(topics))}
        absent = {topic: configs for topic, configs in topics.items() if topic not in known}
        made = list(absent)
        if cluster.embedded:
            _touch(settings, made)
        elif absent:
            made = _create_in_time(settings, cluster, absent)
        problems = _problems(settings, cluster)
    if problems:
        raise TopicsError(problems)
    return made


def _create_in_time(settings: Settings, cluster: Cluster, missing: dict[str, dict[str, str]]) -> list[str]:
    """Makes topics, whoever else may be making them, and waits until all brokers know them; which of them it made."""
    deadline = time.monotonic() + settings.broker_timeout
    made, left = [], missing
    while left:
        failed = _create(settings, cluster, left)
        made += [topic for topic in left if topic not in failed]
        is_late = time.monotonic() > deadline
        failed = {topic: why for topic, why in failed.items() if why.code != _ALREADY_EXISTS}
        refused = [_refused(topic, why) for topic, why in failed.items() if is_late or why.code not in _LATER]
        if refused:
            raise TopicsError(refused)
        left = {topic: left[topic] for topic in failed}
        time.sleep(_BACKOFF_S if left else 0)
    deadline = time.monotonic() + settings.broker_timeout
    while not cluster.known_everywhere(list(missing)):
        if time.monotonic() > deadline:
            raise TopicsError([f"topics are made, but not all brokers know of {', '.join(missing)} yet: try again"])
        time.sleep(_BACKOFF_S)
    return made


def _create(settings: Settings, cluster: Cluster, missing: dict[str, dict[str, str]]) -> dict[str, TopicError]:
    single = {topic: configs for topic, configs in missing.items() if topic in of_one_partition(settings)}
    keyed = {topic: configs for topic, configs in missing.items() if topic not in single}
    failed: dict[str, TopicError] = {}
    for topics, partitions in ((keyed, settings.partitions), (single, 1)):
        if topics:
            failed |= cluster.create(topics, partitions, settings.replication)
    return failed


def check(settings: Settings) -> list[str]:
    """Everything that is wrong with the topics, one line each; empty if all is well.

    Raises:
        BrokerUnavailable: no broker answered within ``broker_timeout``.
    """
    with connect(settings) as cluster:
        return _problems(settings, cluster)


def missing(settings: Settings) -> list[str]:
    """Topics that are not there, as far as this user may know.

    Raises:
        BrokerUnavailable: no broker answered within ``broker_timeout``.
    """
    topics = list(wanted(settings))
    with connect(settings) as cluster:
        known = {*cluster.partitions(topics), *cluster.hidden(topics)}
    return [topic for topic in topics if topic not in known]


def out_of_reach(settings: Settings, process: Process) -> list[str]:
    """What a process has no right to among the topics that it needs, one line each; empty if all is well.

    Raises:
        BrokerUnavailable: no broker answered within ``broker_timeout``.
    """
    of = {acl.name: acl for acl in needed(settings) if acl.process == process and acl.resource == "topic"}
    with connect(settings) as cluster:
        hidden = [] if cluster.embedded else cluster.hidden(list(of))
    return [
        f"topic {topic}: this user has no right to it ({', '.join(of[topic].operations)} needed): see "
        f" streamer topics acls {process}"
        for topic in hidden
    ]


def require(settings: Settings) -> None:
    """Makes sure that the topics are there and fit together.

    Raises:
        BrokerUnavailable: no broker answered within ``broker_timeout``.
        TopicsError: they do not; names every problem.
    """
    problems = check(settings)
    if problems:
        raise TopicsError(problems)


def _problems(settings: Settings, cluster: Cluster) -> list[str]:
    topics = wanted(settings)
    found = cluster.partitions(list(topics))
    if cluster.embedded:  # its topics appear when first used, and have no configs
        return _partition_problems(settings, cluster, found)
    configs = cluster.configs(list(found), ["cleanup.policy", "retention.ms"]) if found else {}
    there = {topic: values for topic, values in configs.items() if values}
    untold = [topic for topic in topics if topic not in there]  # missing, deleted in between, or we have no right to it
    known = {*cluster.partitions(untold), *cluster.hidden(untold)} if untold else ()
    problems = [f"topic {topic} does not exist: run  streamer topics create" for topic in untold if topic not in known]
    problems += _partition_problems(settings, cluster, found)
    for topic, values in there.items():
        problems += _config_problems(settings, topic, topics[topic]["cleanup.policy"], values)
    return problems


def _partition_problems(settings: Settings, cluster: Cluster, found: dict[str, int]) -> list[str]:
    not_by_user = (settings.topics.rejects, *of_one_partition(settings))
    keyed = {topic: count for topic, count in found.items() if topic not in not_by_user}
    counts = set(keyed.values())
    if counts <= {settings.partitions}:
        return []
    state = settings.topics.state
    has_state = state in found and cluster.is_written(state, found[state])
    if len(counts) > 1:
        listed = ", ".join(f"{topic} {count}" for topic, count in sorted(keyed.items()))
        raising = "" if has_state else f"raise them all to {max(counts)} while they are empty, or "
        return [
            (
                f"topics have unequal numbers of partitions, so a user's events reach different workers: {listed}; "
                f"{raising}make them anew under another topic_prefix"
            )
        ]
    there = counts.pop()
    said = f"topics have {there} partitions, the setting partitions says {settings.partitions}: "
    return [said + (_RAISED if has_state else f"set it to {there}")]


def _config_problems(settings: Settings, topic: str, policy: str, values: dict[str, str]) -> list[str]:
    if values["cleanup.policy"] != policy:
        consequence = "events would be lost" if policy == "delete" else "what is older than its retention would be lost"
        return [
            (
                f"topic {topic} has cleanup.policy={values['cleanup.policy']}, so {consequence}: "
                f"set it to {policy} (kafka-configs --alter)"
            )
        ]
    needed = (settings.session_gap + settings.grace) * 1000
    retention = int(values["retention.ms"])
    if topic in settings.topics.sources and 0 <= retention < needed:
        return [
            (
                f"topic {topic} keeps events for {retention // 1000} s, but open sessions need session_gap + grace = "
                f"{needed // 1000} s after a restart: raise its retention.ms"
            )
        ]
    if topic == settings.topics.journal and retention >= 0:
        return [
            (
                f"topic {topic} deletes what is older than {retention // 1000} s, and open sessions with it: set its "
                "retention.ms to -1 (kafka-configs --alter); workers delete what they no longer need"
            )
        ]
    return []


def _touch(settings: Settings, topics: list[str]) -> None:
    producer = open_producer(settings, delivery_timeout=settings.broker_timeout, auto_create=True)
    try:
        for topic in topics:
            producer.partitions_for(topic)
    finally:
        producer.close()


def _refused(topic: str, why: TopicError) -> str:
    return f"topic {topic} was not made: {why.text} (see the settings partitions and replication)"
