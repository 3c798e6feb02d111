"""Where avoid lists go: Redis."""

from streamer.sinks.expiry import expires_at_ms
from streamer.sinks.redis import AvoidListWriter, Outbox
from streamer.sinks.updates import Update, Written

__all__ = ["AvoidListWriter", "Outbox", "Update", "Written", "expires_at_ms"]
