"""``streamer check``: every problem at once."""

from streamer.cli.check.command import install

__all__ = ["install"]
