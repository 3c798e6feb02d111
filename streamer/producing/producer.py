"""The producer's side of the wire contract: events are checked here, before they are sent."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self, Unpack

import orjson
from kafka.errors import KafkaError, KafkaTimeoutError

from streamer.clock import wall_ms
from streamer.errors import BrokerUnavailable, DeliveryError, InvalidEvent, TopicsError
from streamer.events import EVENT_TYPES, Erasure, Event, EventDecoder, Watermark, encode
from streamer.events.fields import DislikeFields, FeedbackFields, ImpressionFields, PlayFields
from streamer.partitioning import partition_of
from streamer.producing.connection import connect, open_producer
from streamer.producing.deliveries import Deliveries
from streamer.producing.delivering import Record, deliver
from streamer.producing.kafka_python import give_up, is_broken
from streamer.settings import Settings, load

_TOPIC_OF: Final = {kind: topic for topic, kind in EVENT_TYPES.items()}
_BROKEN: Final = "this producer can send nothing any more: close it, then send this event with a new one"


class SignalProducer:
    """Sends events to Kafka, keyed by user, checked before they are sent.

        with SignalProducer(brokers="localhost:9092") as producer:
            producer.impression(user_id="ann", content_id="c1", position=0, visible_ms=2400)
            producer.dislike(user_id="ann", action="dislike", scope="tag", tag="true-crime")

    An event without ``ts`` (ms since 1970) happens now. Sending returns at once; events travel in batches. All
    replicas must have an event before it counts as delivered, and retries neither repeat nor reorder events. An event
    that could not be delivered is reported by a
    :class:`~streamer.errors.DeliveryError` from the next ``send``, ``flush`` or ``close``: so call one of the two
    last, or use a ``with`` block. Safe for use by many threads. One that lives long may break: see :attr:`is_broken`.

    Args:
        settings: the deployment's; None: as :func:`streamer.settings.load` finds them, and the next two.
        brokers: Kafka bootstrap servers.
        topic_prefix: put before every topic name.
        delivery_timeout: s until an event that the broker has not taken is an error.
        max_pending: events under way at most; further ones wait.
        linger: s an event waits for others to share a request with. Longer sends a flood cheaper, a single event later.

    Raises:
        SettingsError: the settings cannot work.
        BrokerUnavailable: no broker answered within ``broker_timeout``.
        TopicsError: topics are missing; names them all.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        brokers: str | None = None,
        topic_prefix: str | None = None,
        delivery_timeout: float = 60.0,
        max_pending: int = 100_000,
        linger: float = 0.005,
    ) -> None:
        named = {"brokers": brokers, "topic_prefix": topic_prefix}
        given: dict[str, object] = {name: value for name, value in named.items() if value is not None}
        if settings is not None and given:
            raise TypeError("give settings, or brokers and topic_prefix, not both")
        self._settings: Final = settings or load(None, **given)
        topics = self._settings.topics
        self._sources = dict(zip(EVENT_TYPES, topics.sources, strict=True))
        self._erasures = topics.erasures
        future_ms = int(self._settings.max_future * 1000)
        self._decoders = {topic: EventDecoder(topic, future_ms) for topic in (*EVENT_TYPES, "erasures")}
        self._delivery_timeout = delivery_timeout
        self._deliveries = Deliveries(max_pending)
        needed = [*topics.sources, topics.erasures]
        with connect(self._settings) as cluster:
            missing = [] if cluster.embedded else [topic for topic in needed if topic not in cluster.partitions(needed)]
            if missing:
                raise TopicsError([_missing(topic, cluster.hidden(missing)) for topic in missing])
            self._kafka = open_producer(self._settings, delivery_timeout, auto_create=cluster.embedded, linger=linger)
        self._partitions = self._look_up(needed)

    def send(self, event: Event) -> None:
        """Sends one event.

        Raises:
            InvalidEvent: it breaks its contract; nothing was sent.
            DeliveryError: an earlier event could not be delivered; this one was not sent, so send it again.
        """
        topic = _TOPIC_OF[type(event)]
        self._send(self._sources[topic], event.user_id, self._checked(topic, event))

    def deliver(self, events: Sequence[Event | Erasure], timeout: float) -> list[DeliveryError | None]:
        """Sends events and waits for the broker's acks; says of each whether it is in Kafka (None) or why not.

        An erasure is, once every partition has it. Failures are told here, and neither by later calls nor to others.
        Send again what has an error: repeats do no harm. If there is one, look at :attr:`is_broken` first: nothing
        that is sent with such a producer arrives, so close it, make another, and send with that.

        Args:
            events: in the order in which they are sent.
            timeout: s for sending them and waiting for all; what could not be sent by then is not sent.

        Raises:
            InvalidEvent: one breaks its contract; nothing was sent.
        """
        until = time.monotonic() + timeout
        checked = [self._records(event) for event in events]
        if self.is_broken:
            return [DeliveryError(_BROKEN) for _ in events]
        return deliver(self._kafka, self._deliveries, checked, until)

    @property
    def is_broken(self) -> bool:
        """Whether nothing can be sent with it any more: close it, and make another.

        One may be after any error of a broker that is no passing one (a right that was missing for a second), and after
        a broker was away for longer than ``delivery_timeout``. It is never whole again.
        """
        return is_broken(self._kafka)

    def _records(self, event: Event | Erasure) -> list[Record]:
        kind = "erasures" if isinstance(event, Erasure) else _TOPIC_OF[type(event)]
        value = self._checked(kind, event)
        if isinstance(event, Erasure):
            topic, partitions = self._erasures, self._partitions[self._erasures]
        else:
            topic = self._sources[kind]
            partitions = [self._partition(topic, event.user_id)]
        return [Record(topic, partition, event.user_id.encode(), value) for partition in partitions]

    def impression(self, **fields: Unpack[ImpressionFields]) -> None:
        """Sends an :class:`~streamer.events.Impression` with these fields; raises as :meth:`send`."""
        self._send_fields("impressions", fields)

    def play(self, **fields: Unpack[PlayFields]) -> None:
        """Sends a :class:`~streamer.events.Play` with these fields; raises as :meth:`send`."""
        self._send_fields("plays", fields)

    def dislike(self, **fields: Unpack[DislikeFields]) -> None:
        """Sends a :class:`~streamer.events.Dislike` with these fields; raises as :meth:`send`."""
        self._send_fields("dislikes", fields)

    def feedback(self, **fields: Unpack[FeedbackFields]) -> None:
        """Sends a :class:`~streamer.events.Feedback` with these fields; raises as :meth:`send`."""
        self._send_fields("feedback", fields)

    def erase(self, user_id: str, ts: int) -> None:
        """Asks that everything known of a user up to ``ts`` (ms) be deleted; raises as :meth:`send`.

        Every partition is asked, so that nothing stays of what another client has sent to a wrong one.
        """
        value = self._checked("erasures", Erasure(user_id, ts))
        for partition in self._partitions[self._erasures]:
            self._send(self._erasures, user_id, value, partition)

    def watermark(self, ts: int) -> None:
        """Promises, on every partition of every source topic, that no event older than ``ts`` (ms) follows.

        Raises:
            InvalidEvent: ts is negative or in the future.
            DeliveryError: as from :meth:`send`.
        """
        value = encode(Watermark(ts))
        self._decoders["impressions"].decode(None, value, wall_ms())
        for topic in self._sources.values():
            for partition in self._partitions[topic]:
                self._send(topic, None, value, partition)

    def flush(self, timeout: float | None = None) -> None:
        """Waits until the broker has every event sent so far; if it :attr:`is_broken`, gives them up at once.

        Args:
            timeout: s; None: as long as an event may take to be delivered.

        Raises:
            DeliveryError: an event could not be delivered, or not within the timeout.
        """
        limit = self._delivery_timeout + 5 if timeout is None else timeout
        if self.is_broken:
            give_up(self._kafka)
        try:
            self._kafka.flush(limit)
        except KafkaTimeoutError:
            self._deliveries.surface()
            raise self._deliveries.overdue(limit) from None
        self._deliveries.surface()

    def close(self, timeout: float | None = None) -> None:
        """Flushes and disconnects; the producer cannot be used again.

        Raises:
            DeliveryError: as from :meth:`flush`; it is disconnected all the same, and events under way are given up.
        """
        try:
            self.flush(timeout)
        finally:
            self._disconnect()

    def _look_up(self, topics: list[str]) -> dict[str, list[int]]:
        """Partitions of every topic; known beforehand, the first event of a topic does not wait for them."""
        try:
            return {topic: sorted(self._kafka.partitions_for(topic)) for topic in topics}
        except KafkaError as error:
            self._disconnect()
            raise BrokerUnavailable(f"the broker stopped answering ({error}): check it, then try again") from error

    def _send_fields(self, topic: str, fields: Mapping[str, object]) -> None:
        unknown = sorted(fields.keys() - set(EVENT_TYPES[topic].__struct_fields__))
        if unknown:
            raise InvalidEvent("unknown_value", f"no such field of {topic}: {', '.join(unknown)}")
        event = self._decode(topic, _encoded({"ts": wall_ms(), **fields}))
        assert isinstance(event, EVENT_TYPES[topic])
        self._send(self._sources[topic], event.user_id, encode(event))

    def _checked(self, topic: str, event: Event | Erasure) -> bytes:
        value = _encoded(event)
        self._decode(topic, value)
        return value

    def _decode(self, topic: str, value: bytes) -> Event | Erasure | Watermark:
        return self._decoders[topic].decode(None, value, wall_ms())

    def _send(self, topic: str, user_id: str | None, value: bytes, partition: int | None = None) -> None:
        if partition is None:
            partition = self._partition(topic, user_id or "")
        self._deliveries.surface()
        if self.is_broken:
            raise DeliveryError(_BROKEN)
        self._deliveries.begin(self._delivery_timeout)
        try:
            future = self._kafka.send(topic, value, None if user_id is None else user_id.encode(), partition=partition)
        except KafkaError as error:
            self._deliveries.arrived(None)
            raise DeliveryError(f"this event was not sent ({error}): check the broker, then send it again") from error
        except BaseException:
            self._deliveries.arrived(None)
            raise
        future.add_callback(self._deliveries.arrived)
        future.add_errback(self._deliveries.failed)

    def _partition(self, topic: str, user_id: str) -> int:
        return partition_of(user_id, len(self._partitions[topic]), self._settings.partitioner)

    def _disconnect(self) -> None:
        try:
            self._kafka.close(timeout=1.0)
        except KafkaTimeoutError:  # with events under way kafka-python 3.0 does not close: give them up first
            give_up(self._kafka)
            with contextlib.suppress(KafkaTimeoutError):
                self._kafka.close(timeout=1.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.close()
        except DeliveryError as lost:
            if error is None:
                raise
            error.add_note(str(lost))


def _encoded(event: Event | Erasure | dict[str, object]) -> bytes:
    try:
        if isinstance(event, dict):  # numbers may be numpy's, and lists any collection
            return orjson.dumps(event, default=list, option=orjson.OPT_SERIALIZE_NUMPY)
        return encode(event)
    except (TypeError, ValueError, OverflowError) as error:  # ValueError: text that is not Unicode
        raise InvalidEvent("wrong_type", str(error)) from None


def _missing(topic: str, hidden: list[str]) -> str:
    if topic in hidden:
        return f"topic {topic}: this user has no right to it (Write needed): see  streamer topics acls producer"
    return f"topic {topic} does not exist: run  streamer topics create"
