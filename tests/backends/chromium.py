"""A browser for tests: the one that takes the pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from selenium.webdriver import Chrome

from lab.screenshots import browser
from tests.backends.ports import NotHere


@contextmanager
def browsing(*, scripts: bool = True) -> Iterator[Chrome]:
    """A browser that nobody has used yet.

    Args:
        scripts: whether pages may run any.

    Raises:
        NotHere: Chromium or its driver is not installed.
    """
    try:
        opened = browser.browsing(scripts=scripts)
        found = opened.__enter__()
    except FileNotFoundError as missing:
        raise NotHere(str(missing)) from None
    try:
        yield found
    finally:
        opened.__exit__(None, None, None)
