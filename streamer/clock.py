"""The wall clock, which whoever needs it takes as an argument, with this as the default.

Faust seam: none.

What must hold for it to be right: it may jump, so nobody measures with it how long something took.
"""

from __future__ import annotations

import time


def wall_ms() -> int:
    """Now, ms since 1970."""
    return time.time_ns() // 1_000_000
