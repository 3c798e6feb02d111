"""Chromium without a screen, as Debian has it, driven by Selenium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

WIDTHS: Final = (390, 1280)
"""A phone's and a desk's, CSS pixels."""
_ARGUMENTS: Final = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars")


@contextmanager
def browsing(*, scripts: bool = True) -> Iterator[Chrome]:
    """A browser that nobody has used yet.

    Args:
        scripts: whether pages may run any.

    Raises:
        FileNotFoundError: Chromium or its driver is not installed.
    """
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        raise FileNotFoundError(
            "Chromium is not here: run  apt-get install --no-install-recommends chromium chromium-driver"
        )
    options = ChromeOptions()
    options.binary_location = program
    for argument in _ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if not scripts:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    browser = Chrome(options, ChromeService(driver))
    try:
        yield browser
    finally:
        browser.quit()


def resize(browser: Chrome, width: int, height: int = 900) -> None:
    """Makes the page so large, CSS pixels; a window has a least width."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def darken(browser: Chrome, dark: bool) -> None:
    """Chooses between dark and light mode."""
    chosen = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [chosen]})


def complaints(browser: Chrome) -> list[str]:
    """What the browser's console has said since it was last asked, but for advice."""
    lines: list[dict[str, str]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [line["message"] for line in lines if line["level"] not in ("DEBUG", "INFO")]


def picture(browser: Chrome, file: Path, colours: int = 256) -> None:
    """Saves what is to be seen as PNG, in few colours, so that it is small."""
    from PIL import Image

    browser.save_screenshot(str(file))
    with Image.open(file) as found:
        few = found.convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    few.save(file, optimize=True)
