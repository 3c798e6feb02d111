"""Learning from what the job tells: training data, a retriever that knows a "no", and what both are worth.

Needs the extra ``train``. Nothing that a worker, a publisher or a reader runs imports it (docs/learning.md).
"""

from __future__ import annotations

from importlib.util import find_spec

from streamer.errors import DependencyMissing


def require_extra(*packages: str) -> None:
    """Makes sure that packages of the extra ``train`` are there.

    >>> require_extra("pyarrow")

    Raises:
        DependencyMissing: one is not.
    """
    for package in packages:
        if find_spec(package) is None:
            raise DependencyMissing(f"{package}, which learning needs,", "train")
