"""The pages, each pictured at a phone's and a desk's width, light and dark."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlencode

from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from lab.screenshots.browser import WIDTHS, browsing, complaints, darken, picture, resize
from lab.screenshots.city import Inhabited

_HEIGHTS: Final = dict(zip(WIDTHS, (1200, 1500), strict=True))
_PATIENCE_S: Final = 60.0


class _Page(NamedTuple):
    """What is pictured.

    Attributes:
        name: of the file.
        path: of the page.
        shows: what it has once it is complete.
        at: what is to be at the top.
        seconds: how long it is watched before.
    """

    name: str
    path: str
    shows: str
    at: str = "header"
    seconds: float = 0.0


def take(city: Inhabited, folder: Path) -> Iterator[Path]:
    """Makes all pictures; each file when it is there.

    Raises:
        RuntimeError: the browser has complained about a page.
        FileNotFoundError: there is no Chromium.
    """
    with browsing() as browser:
        browser.get(f"{city.url}/console")
        browser.find_element(By.ID, "key").send_keys(city.key, Keys.ENTER)
        _wait_for(browser, "nav")
        for page in _pages(city.user):
            browser.get(f"{city.url}/console/{page.path}")
            _wait_for(browser, page.shows)
            time.sleep(page.seconds)
            for width in WIDTHS:
                for dark in (False, True):
                    darken(browser, dark)
                    resize(browser, width, _HEIGHTS[width])
                    place = browser.find_element(By.CSS_SELECTOR, page.at)
                    browser.execute_script("arguments[0].scrollIntoView({block: 'start'})", place)
                    file = folder / f"{page.name}-{width}-{'dark' if dark else 'light'}.png"
                    picture(browser, file)
                    yield file
        if found := complaints(browser):
            raise RuntimeError("\n".join(["the browser complains:", *found]))


def _pages(user: str) -> list[_Page]:
    past = urlencode({"id": user, "past": 1})
    asked = urlencode({"id": user, "ask": "news", "tags": "cooking,comedy", "item": "content-00001"})
    return [
        _Page("user", f"user?{past}", "#list .chart"),
        _Page("why", f"user?{asked}", "#answer .answer", ".tools"),
        _Page("population", "population", "table"),
        _Page("pipeline", "pipeline", ".tile .chart", seconds=20.0),
        _Page("rejects", "rejects", "textarea"),
    ]


def _wait_for(browser: Chrome, selector: str) -> None:
    WebDriverWait(browser, _PATIENCE_S, 0.2).until(lambda _: browser.find_elements(By.CSS_SELECTOR, selector))
