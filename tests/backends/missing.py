"""What becomes of a test that needs a real server, where none can be had."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from tests.backends.ports import NotHere


def go_without(missing: NotHere) -> NoReturn:
    """Ends a test that needs a real Kafka or Redis: with ``CI=true`` it fails, elsewhere it is skipped."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must run the system tests: {missing}", pytrace=False)
    pytest.skip(str(missing))
