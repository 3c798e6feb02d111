"""Whether an event has reached the user's list: waits for worker and publisher, by what their groups have read."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from streamer.producing.connection import Cluster
from streamer.scoring.document import Document
from streamer.settings import Settings

_POLL_S: Final = 0.1


class Effect(NamedTuple):
    """What became of an event.

    Attributes:
        document: the user's list in the end; None: there is none.
        missing: who has not done its part yet; empty: everybody has.
    """

    document: Document | None
    missing: str


def wait_for_effect(
    settings: Settings,
    cluster: Cluster,
    event_in: tuple[str, int],
    read: Callable[[], Document | None],
    may_show: Callable[[Document | None], bool],
    timeout: float,
) -> Effect:
    """Waits until the list may show the event, or until worker and publisher have gone past it.

    Args:
        settings: the deployment's.
        cluster: to ask how far they are.
        event_in: topic and partition that have the event by now.
        read: reads the list.
        may_show: whether such a list may have the event in it: then it is not waited for commits, which take seconds.
        timeout: s to wait at most.

    Returns:
        The list as it is then.
    """
    deadline = time.monotonic() + timeout
    steps = [
        (settings.group, event_in, "no worker has saved what it made of the event yet"),
        (settings.publisher_group, (settings.topics.avoid_lists, event_in[1]), "no publisher has read the list yet"),
    ]
    for group, place, missing in steps:
        end = cluster.ends([place])[place]
        while cluster.committed(group, [place]).get(place, 0) < end:
            if may_show(now := read()):
                return Effect(now, "")
            if time.monotonic() >= deadline:
                return Effect(now, missing)
            time.sleep(_POLL_S)
    return Effect(read(), "")
