"""What could be better about topics, though all works without."""

from __future__ import annotations

from streamer.producing.connection import connect
from streamer.producing.topics import BY_BROKER, DATED, ENOUGH, IN_SYNC, LARGEST_BATCH, REPLICAS, SIZE, wanted
from streamer.settings import Settings


def advice(settings: Settings) -> list[str]:
    """What could be better about the topics as they are, one line each, though all works without.

    Raises:
        BrokerUnavailable: no broker answered within ``broker_timeout``.
    """
    topics = wanted(settings)
    with connect(settings) as cluster:
        if cluster.embedded:
            return []
        asked = cluster.configs(list(topics), [DATED, IN_SYNC, SIZE])
        found = {topic: values for topic, values in asked.items() if values}
        replicas = cluster.replicas(list(found))
    by_producers = [topic for topic, values in found.items() if DATED in topics[topic] and values[DATED] != BY_BROKER]
    lines = []
    if by_producers:
        lines.append(
            f"records of {', '.join(by_producers)} are dated by whoever sends them, so a wrong clock is harder to "
            f"tell: set {DATED}={BY_BROKER} (kafka-configs --alter)"
        )
    small = [topic for topic, values in found.items() if int(values[SIZE]) < int(topics[topic].get(SIZE, 0))]
    if small:
        lines.append(
            f"{', '.join(small)}: {SIZE} is less than {LARGEST_BATCH}: documents that do not fit are cut to their "
            "strongest entries, and state that does not is not saved: raise it (kafka-configs --alter)"
        )
    return lines + _replica_advice(replicas, {topic: int(values[IN_SYNC]) for topic, values in found.items()})


def _replica_advice(replicas: dict[str, int], in_sync: dict[str, int]) -> list[str]:
    lines = []
    for count in sorted(set(replicas.values())):
        if count < REPLICAS:
            few = [topic for topic, there in replicas.items() if there == count]
            what = "1 replica, so what its broker loses is lost" if count == 1 else f"{count} replicas"
            lines.append(
                f"{', '.join(few)}: {what}. Where that matters have {REPLICAS} (kafka-reassign-partitions; the "
                "setting replication is for topics that are made from now on)"
            )
    alone = [topic for topic, there in replicas.items() if there >= REPLICAS and in_sync.get(topic, 1) < ENOUGH]
    if alone:
        lines.append(
            f"{', '.join(alone)}: {IN_SYNC} is 1, so a broker that is alone for a while takes records that are lost "
            f"with it: set it to {ENOUGH} (kafka-configs --alter)"
        )
    stuck = [topic for topic, there in replicas.items() if 1 < there <= in_sync.get(topic, 1)]
    if stuck:
        lines.append(
            f"{', '.join(stuck)}: {IN_SYNC} is as many as there are replicas, so nothing can be written while a "
            "broker is away: set it lower (kafka-configs --alter)"
        )
    return lines
