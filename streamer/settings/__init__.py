"""Every knob of every process, checked at start."""

from streamer.settings.kafka_connection import KafkaConnection
from streamer.settings.loading import load
from streamer.settings.model import Settings, TileCaps
from streamer.settings.topics import Topics

__all__ = ["KafkaConnection", "Settings", "TileCaps", "Topics", "load"]
