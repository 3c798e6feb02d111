"""Getting events into Kafka: the producer that checks them, and the topics they travel in."""

from streamer.producing.producer import SignalProducer

__all__ = ["SignalProducer"]
