"""Getting events into Kafka: the producers that check them, and the topics they travel in."""

from streamer.errors import needing

with needing("producer", "the producer"):
    from streamer.producing.async_producer import AsyncSignalProducer
    from streamer.producing.producer import SignalProducer

__all__ = ["AsyncSignalProducer", "SignalProducer"]
