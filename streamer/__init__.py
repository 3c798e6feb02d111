"""Streamer: turns what people don't do into avoid lists that recommenders can read."""

__version__ = "0.1.0"
