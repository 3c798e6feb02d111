"""Where the tests find data: small files of our own beside the tests, public data sets outside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).resolve().parent.parent
_SHARED = Path(os.environ.get("STREAMER_TEST_DATA") or _REPOSITORY.parent / "shared" / "data")  # tests hide STREAMER_*

FIXTURES = Path(__file__).resolve().parent / "fixtures"
"""Hand-written files in the formats of the public data sets."""


def shared_data(folder: str) -> Path:
    """A folder of the public data sets: under ``STREAMER_TEST_DATA``, else under ``../shared/data``.

    Skips the calling test where the folder is not there.
    """
    path = _SHARED / folder
    if not path.is_dir():
        pytest.skip(f"no data set at {path}: set STREAMER_TEST_DATA to the folder that holds {folder}")
    return path
