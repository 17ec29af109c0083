"""A signed-in browser on a running server, and what a page in it asks the server for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import orjson
from playwright.sync_api import BrowserContext, Page, Request, sync_playwright

from roomleft import datadir
from tests.fixtures.browser import ARGUMENTS

SETTLED_MS = 60_000
TRIES, FAR = 8, 900_000_000
CALLBACK = "/_dash-update-component"


@dataclass
class Signed:
    """A browser context that has signed in at `url`."""

    url: str
    context: BrowserContext

    def cookies(self) -> dict[str, str]:
        """What it sends with every request."""
        return {each["name"]: each["value"] for each in self.context.cookies()}


@contextmanager
def signed_in_browser(note: datadir.RunningServer, width: int = 1440, height: int = 900) -> Iterator[Signed]:
    """Chromium, signed in by a link of the server's own."""
    program = os.environ.get("ROOMLEFT_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "this measurement needs Chromium: apt install chromium, or name it in ROOMLEFT_TEST_CHROMIUM"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS, headless=True)
        context = browser.new_context(viewport={"width": width, "height": height})
        sign_in(note, context)
        yield Signed(note.url, context)
        browser.close()


def sign_in(note: datadir.RunningServer, context: BrowserContext) -> None:
    """A session for the context."""
    with httpx.Client(base_url=note.url, headers={"Authorization": f"Bearer {note.token}"}, trust_env=False, timeout=60) as http:
        answer = http.post("/api/v1/sign-in-link").raise_for_status().json()
    page = context.new_page()
    page.goto(next(value for value in answer.values() if isinstance(value, str) and "link=" in value))
    page.wait_for_url(lambda url: "/sign-in" not in url, timeout=SETTLED_MS)
    page.close()


def settled(page: Page) -> None:
    """Wait until no block of the page is a skeleton any more."""
    page.wait_for_selector("#page > *", timeout=SETTLED_MS)
    page.wait_for_function(
        "() => document.querySelector('#live') && !document.querySelector('#page .skeleton')", timeout=SETTLED_MS
    )


def asked_of(signed: Signed, path: str) -> list[bytes]:
    """The questions of one refresh of a page, which travel in one request. `"TICK"` stands where the tick's number was."""
    page = signed.context.new_page()
    heard: list[bytes] = []

    def listen(request: Request) -> None:
        if CALLBACK in request.url and request.post_data:
            heard.append(request.post_data.encode())

    page.goto(signed.url + path)
    settled(page)
    page.on("request", listen)
    found: dict[int, dict[str, bytes]] = {}
    for turn in range(1, TRIES + 1):
        # Every sixth tick is one that blocks which do not redraw at each let through.
        number = FAR + 6 * turn
        page.evaluate(f"window.dash_clientside.set_props('tick', {{data: {number}}})")
        page.wait_for_timeout(2000)
        for sent in map(orjson.loads, heard):
            for asked in [each["body"] for each in sent["asked"]] if "asked" in sent else [sent]:
                for each in asked.get("inputs", []):
                    if each["id"] == "tick" and each.get("value") == number:
                        each["value"] = "TICK"
                        found.setdefault(number, {})[asked["output"]] = orjson.dumps(asked)
        if turn > 1 and found:
            break
    page.close()
    assert found, f"{path} asked nothing"
    return list(max(found.values(), key=len).values())
