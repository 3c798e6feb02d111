"""``streamer emit``: one event by hand, and what it changed."""

from streamer.cli.emit.command import install

__all__ = ["install"]
