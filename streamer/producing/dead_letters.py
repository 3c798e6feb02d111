"""Dead letters: records that could not be processed, as the topic ``rejects`` has them, and sending them again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Final, NamedTuple, Self

from kafka.errors import KafkaError

from streamer.clock import wall_ms
from streamer.engine.kafka.records import Record
from streamer.engine.kafka.scan import scanner
from streamer.errors import BrokerUnavailable, InvalidEvent
from streamer.events import EVENT_TYPES, EventDecoder, Watermark
from streamer.partitioning import partition_of
from streamer.producing.connection import connect, open_producer
from streamer.settings import Settings

_CUT: Final = ": the topic takes no more)"
"""What the detail of a record ends with of which only the beginning is there."""


class DeadLetter(NamedTuple):
    """A record that could not be processed.

    Attributes:
        topic: full name of the topic it was in; empty: it does not say, it is a stranger's.
        partition, offset: where it was there; -1: it does not say.
        code, detail: why it was rejected (spec §1).
        rejected_at: when, ms since 1970.
        key, value: its bytes.
    """

    topic: str
    partition: int
    offset: int
    code: str
    detail: str
    rejected_at: int
    key: bytes | None
    value: bytes | None

    @classmethod
    def of(cls, record: Record) -> Self:
        """From a record of ``rejects``."""
        headers = {name: value.decode(errors="replace") for name, value in record.headers}
        places = (headers.get(name, "") for name in ("partition", "offset"))
        partition, offset = (int(place) if place.isascii() and place.isdigit() else -1 for place in places)
        return cls(
            headers.get("topic", ""), partition, offset, headers.get("code", ""), headers.get("detail", ""),
            record.timestamp, record.key, record.value,
        )  # fmt: skip

    @property
    def is_cut(self) -> bool:
        """Whether only its beginning is there."""
        return self.detail.endswith(_CUT)


class Wanted(NamedTuple):
    """Which dead letters; None: whatever they have there.

    Attributes:
        code: the reject code.
        topic: full name of the topic they were in.
        user: what key or value names as the user, in any form.
        since_ms: when they were rejected at the earliest, ms since 1970.
    """

    code: str | None = None
    topic: str | None = None
    user: str | None = None
    since_ms: int = 0

    def takes(self, letter: DeadLetter) -> bool:
        """Whether this is one of them."""
        return (
            self.code in (None, letter.code)
            and self.topic in (None, letter.topic)
            and letter.rejected_at >= self.since_ms
            and (self.user is None or self.user.encode() in (letter.key or b"", *_named(letter.value)))
        )


def _named(value: bytes | None) -> list[bytes]:
    """The user that a value names, if it is JSON enough to say so."""
    _, found, rest = (value or b"").partition(b'"user_id"')
    return [rest.split(b'"')[1]] if found and rest.count(b'"') >= 2 else []


async def dead_letters(settings: Settings, wanted: Wanted) -> AsyncIterator[DeadLetter]:
    """All of a kind that the topic ``rejects`` still has.

    Raises:
        BrokerUnavailable: the broker does not let it be read.
    """
    topic = settings.topics.rejects
    with connect(settings) as cluster:
        partitions = cluster.partitions([topic]).get(topic, 0)  # it may have others than the topics keyed by user
    async with scanner(settings, "what was rejected") as topics:
        async for scanned in topics.scan(topic, dict.fromkeys(range(partitions), 0)):
            for record in scanned.records:
                letter = DeadLetter.of(record)
                if wanted.takes(letter):
                    yield letter


class Resent(NamedTuple):
    """What became of dead letters.

    Attributes:
        sent: to the topic that they were in, to their user's partition.
        invalid: still break their contract, or only their beginning is there, or nobody knows what they were.
    """

    sent: int
    invalid: int


def resend(settings: Settings, letters: Iterable[DeadLetter]) -> Resent:
    """Sends those that are valid by now to the topic that they were in. That some were counted changes nothing.

    Raises:
        BrokerUnavailable: no broker answered, or it did not take all of them: send them again.
    """
    topics = settings.topics
    future_ms = int(settings.max_future * 1000)
    names = dict(zip((*topics.sources, topics.erasures), (*EVENT_TYPES, "erasures"), strict=True))
    decoders = {topic: EventDecoder(name, future_ms) for topic, name in names.items()}
    producer = open_producer(settings, delivery_timeout=60.0, auto_create=False)
    sent = invalid = 0
    try:
        for letter in letters:
            user = _user_of(letter, decoders.get(letter.topic))
            if user is None:
                invalid += 1
                continue
            count = settings.partitions
            homes = (
                range(count) if letter.topic == topics.erasures else [partition_of(user, count, settings.partitioner)]
            )
            for home in homes:
                producer.send(letter.topic, letter.value, user.encode(), partition=home)
            sent += 1
        producer.flush(60.0)
    except KafkaError as error:
        raise BrokerUnavailable(f"not all was sent again ({error}): check the broker, then send it again") from error
    finally:
        producer.close(timeout=1.0)
    return Resent(sent, invalid)


def _user_of(letter: DeadLetter, decoder: EventDecoder | None) -> str | None:
    """Whose it is, if it is valid now."""
    if decoder is None or letter.is_cut:
        return None
    try:
        event = decoder.decode(None, letter.value, wall_ms())
    except InvalidEvent:
        return None
    return None if isinstance(event, Watermark) else event.user_id
