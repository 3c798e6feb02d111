"""Dead letters: records that could not be processed, as the topic ``rejects`` has them, and sending them again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.producer.future import FutureRecordMetadata

from streamer.clock import wall_ms
from streamer.engine.kafka.records import Record
from streamer.engine.kafka.scan import scanner
from streamer.errors import InvalidEvent
from streamer.events import EVENT_TYPES, EventDecoder, Watermark
from streamer.partitioning import partition_of
from streamer.producing.connection import connect, open_producer
from streamer.settings import Settings
from streamer.sinks.keys import is_reserved

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
        sent: the broker has them, in the topic that they were in, in their user's partition.
        invalid: still break their contract, or only their beginning is there, or nobody knows what they were.
        failed: the broker did not take them.
        why: it did not take the first of them; empty: it took all.
    """

    sent: int
    invalid: int
    failed: int = 0
    why: str = ""


def resend(settings: Settings, letters: Iterable[DeadLetter], timeout_s: float = 60.0) -> Resent:
    """Sends those that are valid by now to the topic that they were in. That some were counted changes nothing.

    Args:
        settings: of the deployment.
        letters: to be sent.
        timeout_s: until one that the broker has not taken is given up.
    """
    decoders = _decoders(settings)
    producer = open_producer(settings, delivery_timeout=timeout_s, auto_create=False)
    sending = _Sending(settings, producer)
    invalid = 0
    try:
        for letter in letters:
            user = _user_of(letter, decoders.get(letter.topic))
            if user is None:
                invalid += 1
            else:
                sending.send(letter, user)
        with suppress(KafkaTimeoutError):  # each says for itself
            producer.flush(timeout_s)
    finally:
        producer.close(timeout=1.0)
    return sending.outcome(invalid)


class _Sending:
    """Letters on their way to the broker."""

    def __init__(self, settings: Settings, producer: KafkaProducer) -> None:
        self._settings = settings
        self._producer = producer
        self._under_way: list[Sequence[FutureRecordMetadata]] = []
        self._refused: list[KafkaError] = []

    def send(self, letter: DeadLetter, user: str) -> None:
        settings, send = self._settings, self._producer.send
        homes: Iterable[int] = [partition_of(user, settings.partitions, settings.partitioner)]
        if letter.topic == settings.topics.erasures:
            homes = range(settings.partitions)
        try:
            sent = [send(letter.topic, letter.value, user.encode(), partition=home) for home in homes]
        except KafkaError as error:
            self._refused.append(error)
        else:
            self._under_way.append(sent)

    def outcome(self, invalid: int) -> Resent:
        """What became of those that are done; the others have failed."""
        why: list[object] = list(self._refused)
        for sent in self._under_way:
            lost = next((each for each in sent if not each.succeeded()), None)
            if lost is not None:
                why.append(lost.exception or "the broker has not answered")
        all_letters = len(self._refused) + len(self._under_way)
        return Resent(all_letters - len(why), invalid, len(why), str(why[0]) if why else "")


def fault(settings: Settings, letter: DeadLetter) -> str | None:
    """Why a dead letter cannot be sent as it is; None: it can."""
    try:
        _judge(letter, _decoders(settings).get(letter.topic))
    except InvalidEvent as error:
        return error.detail
    return None


def _decoders(settings: Settings) -> dict[str, EventDecoder]:
    topics, future_ms = settings.topics, int(settings.max_future * 1000)
    names = dict(zip((*topics.sources, topics.erasures), (*EVENT_TYPES, "erasures"), strict=True))
    return {topic: EventDecoder(name, future_ms) for topic, name in names.items()}


def _user_of(letter: DeadLetter, decoder: EventDecoder | None) -> str | None:
    """Whose it is, if it is valid now."""
    try:
        return _judge(letter, decoder)
    except InvalidEvent:
        return None


def _judge(letter: DeadLetter, decoder: EventDecoder | None) -> str:
    """Whose it is.

    Raises:
        InvalidEvent: it cannot be sent.
    """
    if decoder is None or letter.is_cut:
        raise InvalidEvent("unknown_value", "nobody knows what it was, or only its beginning is there")
    event = decoder.decode(None, letter.value, wall_ms())
    if isinstance(event, Watermark):
        raise InvalidEvent("unknown_value", "it is a watermark record, which is of a partition and not of a user")
    if is_reserved(event.user_id):
        raise InvalidEvent("out_of_range", "`user_id` is the name of a default list, nobody's id")
    return event.user_id
