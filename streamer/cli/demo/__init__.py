"""``streamer demo``: the whole of Streamer on one machine, with nothing installed but this package."""

from streamer.cli.demo.command import install

__all__ = ["install"]
