"""Whose state a partition's is: the newest mark in the changelog names the group and the number of partitions.

Faust seam: none. Kafka lets any group read and write any topic, and partitions be raised at any time; a worker that
went on with such a state would spoil it for good: two groups' counts in one changelog, or a user in two partitions.

What must hold for it to be right: :func:`require` comes before the claim, which would fence the owner's workers, and
what it found is looked at again after the claim (:func:`take_over`, ``recover``), when nobody else writes any more.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

import msgspec

from streamer.engine.kafka.ports import Reader
from streamer.engine.kafka.scan import scanner
from streamer.engine.state.changelog import MARK_KEY, ChangelogWriter
from streamer.engine.state.store import Mark, decode_mark
from streamer.errors import StateForeign
from streamer.settings import Settings

log: Final = logging.getLogger(__name__)

UNFINISHED: Final = "~repartition"
"""Group in the marks of state that is still being made of another deployment's."""
_TAIL: Final = 2_000
"""Offsets looked through at first, from the end: a mark is the last record of a checkpoint, but for claims."""
_FARTHER: Final = 10


async def newest_marks(topics: Reader, topic: str, partitions: Iterable[int]) -> dict[int, Mark]:
    """The newest mark of each of these partitions, read backwards from the end; those without one are left out.

    Raises:
        StateCorrupt, StateTooNew: one cannot be read.
    """
    found: dict[int, Mark] = {}
    extents = await topics.extents(topic, partitions)
    waiting, tail = list(extents), _TAIL
    while waiting:
        begin = {partition: max(extents[partition].first, extents[partition].end - tail) for partition in waiting}
        async for scanned in topics.scan(topic, begin):
            for record in scanned.records:
                if record.key == MARK_KEY and record.value is not None:
                    found[scanned.partition] = decode_mark(record.value)
        waiting = [p for p in waiting if p not in found and begin[p] > extents[p].first]
        tail *= _FARTHER
    return found


def hold_to(settings: Settings, marks: Iterable[Mark | None]) -> None:
    """Makes sure that these marks are of this deployment. Marks from before they said so are anybody's.

    Raises:
        StateForeign: one is not; says what to do.
    """
    for mark in marks:
        if mark is None:
            continue
        if mark.partitions not in (0, settings.partitions):
            raise StateForeign(raised(mark.partitions, settings))
        if mark.group == UNFINISHED:
            raise StateForeign(
                f"the state in {settings.topics.state} is not finished:  streamer repartition  has ended before its "
                "end. Run it again, with the settings of the old deployment"
            )
        if mark.group not in ("", settings.group, settings.former_group):
            raise StateForeign(
                f"these topics belong to group {mark.group!r}, whose workers keep their state in "
                f"{settings.topics.state}, and this is group {settings.group!r}: use another topic_prefix (to read the "
                f"same sources: with source_prefix), or set former_group={mark.group} to take them over for good"
            )


def raised(before: int, settings: Settings) -> str:
    """What to do about topics that had another number of partitions when their state was written."""
    return (
        f"the state was written for {before} partitions, the topics have {settings.partitions} by the setting "
        "partitions: partitions cannot be raised afterwards, because users then belong in another partition than their "
        "state is in. Set partitions back:  streamer repartition  brings the state to topics of another topic_prefix "
        "(if the topics are raised already: make them anew under another topic_prefix, and read the sources again)"
    )


async def require(settings: Settings, partitions: Iterable[int]) -> bool:
    """Makes sure that the state of these partitions, and of the first, is this deployment's, before it is claimed.

    Partition 0 tells for those that have no mark because they were added later.

    Returns:
        Whether some of it is the former group's, to be taken over.

    Raises:
        BrokerUnavailable: the broker does not let it be read.
        StateForeign: it is not; nothing was written.
    """
    async with scanner(settings, "the state's marks") as topics:
        marks = await newest_marks(topics, settings.topics.state, sorted({0, *partitions}))
    hold_to(settings, marks.values())
    return any(_is_former(settings, mark) for mark in marks.values())


async def take_over(settings: Settings, partitions: Iterable[int], changelog: ChangelogWriter) -> None:
    """Writes this group's name into the marks of partitions it has claimed, so that the former one does not come back.

    Raises:
        BrokerUnavailable: the broker does not let them be read.
        StateForeign: a third group was faster.
    """
    async with scanner(settings, "the state's marks") as topics:
        marks = await newest_marks(topics, settings.topics.state, sorted(partitions))
    hold_to(settings, marks.values())
    for partition, mark in marks.items():
        if _is_former(settings, mark):
            log.warning("partition %d: taken over from group %s for good", partition, mark.group)
            await changelog.write_mark(partition, msgspec.structs.replace(mark, group=settings.group))


def _is_former(settings: Settings, mark: Mark) -> bool:
    return mark.group not in ("", settings.group)
