"""A real browser for tests: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")


def chromium() -> str:
    """The browser's path; without one the test is skipped, and fails in CI."""
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return path
    if os.environ.get("CI"):
        pytest.fail("there is no Chromium, and in CI this test must run: install the package chromium")
    pytest.skip("there is no Chromium on this machine: install the package chromium")


@contextmanager
def opened(**context: Any) -> Iterator[Page]:
    """A page in a fresh browser without a network; what it complains of is in ``page.complaints``."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(),
            args=["--no-sandbox", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required"],
        )
        try:
            page = browser.new_context(viewport={"width": 1280, "height": 900}, **context).new_page()
            page.set_default_timeout(60_000)
            page.complaints = []  # type: ignore[attr-defined]
            page.on("console", lambda m: page.complaints.append(m.text) if m.type == "error" else None)  # type: ignore[attr-defined]
            page.on("pageerror", lambda error: page.complaints.append(str(error)))  # type: ignore[attr-defined]
            yield page
        finally:
            browser.close()


def until(page: Page, expression: str, *, seconds: float = 60) -> None:
    """Wait for an expression to hold; asked from outside, since the pages forbid ``eval``."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"not within {seconds:g} s: {expression}"
        page.wait_for_timeout(30)


def violations(page: Page) -> list[str]:
    """What axe-core finds serious or critical."""
    page.evaluate(AXE.read_text(encoding="utf-8"))  # through the protocol, which the content policy lets
    found = page.evaluate("axe.run()")["violations"]
    return [
        f"{v['id']}: {[n['target'] for n in v['nodes']]}"
        for v in found
        if v["impact"] in ("serious", "critical")
    ]
