"""Chromium without a screen, as Debian has it, driven by Selenium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from selenium import webdriver

from tests.backends.ports import NotHere

WIDTHS: Final = (390, 1280)
"""A phone's and a desk's, CSS pixels."""


@contextmanager
def browsing(*, scripts: bool = True) -> Iterator[webdriver.Chrome]:
    """A browser that nobody has used yet.

    Args:
        scripts: whether pages may run any.

    Raises:
        NotHere: Chromium or its driver is not installed.
    """
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        raise NotHere("Chromium is not here: run  apt-get install --no-install-recommends chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if not scripts:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    try:
        yield browser
    finally:
        browser.quit()


def resize(browser: webdriver.Chrome, width: int, height: int = 900) -> None:
    """Makes the page so large, CSS pixels; a window has a least width."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def darken(browser: webdriver.Chrome, dark: bool) -> None:
    """Chooses between dark and light mode."""
    chosen = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [chosen]})


def complaints(browser: webdriver.Chrome) -> list[str]:
    """What the browser's console has said since it was last asked, but for advice."""
    return [str(line["message"]) for line in browser.get_log("browser") if line["level"] not in ("DEBUG", "INFO")]
