"""What may be put before the names of Redis keys, so that several deployments can share one Redis."""

from __future__ import annotations

import re
from typing import Final

KINDS: Final = ("avoid:", "creator:", "population:", "outbox:")
"""What our own names begin with (:mod:`streamer.sinks.keys`)."""
_ALLOWED: Final = re.compile(r"[a-zA-Z0-9._:-]{0,32}")


def checked_prefix(prefix: str) -> str:
    """The prefix, if it can be one.

    It has no sign that means something in a pattern of keys (``* ? [ ] \\``) or to a Cluster (``{ }``), and none of
    our own names, or one deployment's keys could be another's.

    Raises:
        ValueError: it cannot.

    >>> checked_prefix("eu:")
    'eu:'
    >>> checked_prefix("eu{1}")
    Traceback (most recent call last):
    ValueError: may have up to 32 letters, digits and . _ : -, got 'eu{1}'
    """
    if not _ALLOWED.fullmatch(prefix):
        raise ValueError(f"may have up to 32 letters, digits and . _ : -, got {prefix!r}")
    for kind in KINDS:
        if kind in prefix:
            raise ValueError(f"may not contain {kind!r}, which Streamer's own keys begin with, got {prefix!r}")
    return prefix
