"""What each page weighs and how soon it can be read: bytes, requests, first paint, first chart, layout shift, longest task; cold and warm."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.sync_api import Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from roomleft import datadir
from roomleft.settings import ROOT
from tests.benchmarks.browser import SETTLED_MS, Signed, settled, signed_in_browser
from tests.benchmarks.timing import Result
from tests.benchmarks.viewers import KEPT_IN

URL = "ROOMLEFT_BENCH_DEMO"
"""Names the data folder of a demo that runs already; else one is made."""
DAYS, READY_S = 5, 240.0
STAY_MS = 11_000
"""How long a page is watched after its last block is there: past two of its ticks."""
PAGES = (
    "/",
    "/platforms",
    "/platforms/scribe",
    "/platforms/scribe/live",
    "/platforms/scribe/limits",
    "/platforms/scribe/deploys",
    "/on-call",
    "/on-call/silences",
    "/on-call/deliveries",
    "/slos",
    "/cost",
    "/cost/rows",
    "/cost/economics",
    "/cost/allocation",
    "/budgets",
    "/capacity",
    "/capacity/forecasts",
    "/capacity/track-record",
    "/reports",
    "/sources",
    "/prices",
    "/glossary",
    "/people",
    "/audit",
    "/account",
)
WATCH = """
(() => {
  const w = window.__felt = {shift: 0, shifts: [], paint: 0, largest: 0, task: 0, figures: 0, all: 0, chart: 0};
  const on = (type, hear) => { try { new PerformanceObserver(list => list.getEntries().forEach(hear)).observe({type, buffered: true}); } catch (e) {} };
  const where = node => { let e = node && node.nodeType === 1 ? node : node && node.parentElement, out = [];
    while (e && out.length < 4) { out.push(e.id ? '#' + e.id : String(e.className && e.className.baseVal === undefined ? e.className : e.tagName).split(' ')[0]); e = e.parentElement; }
    return out.join(' < '); };
  on('layout-shift', e => { if (!e.hadRecentInput) { w.shift += e.value;
    w.shifts.push([e.value, Math.round(e.startTime), (e.sources || []).slice(0, 3).map(s => where(s.node) + ' y' + Math.round(s.previousRect.y) + '>' + Math.round(s.currentRect.y))]); } });
  on('paint', e => { if (e.name === 'first-contentful-paint') w.paint = e.startTime; });
  on('largest-contentful-paint', e => { w.largest = e.startTime; });
  on('longtask', e => { w.task = Math.max(w.task, e.duration); });
  let most = 0;
  const look = () => {
    const page = document.querySelector('#page');
    if (page && page.children.length) {
      const grey = page.querySelectorAll('.skeleton').length;
      most = Math.max(most, grey);
      if (!w.figures && (grey < most || !grey)) w.figures = performance.now();
      if (!w.all && !grey) w.all = performance.now();
      if (!w.chart && page.querySelector('.js-plotly-plot .main-svg')) w.chart = performance.now();
    }
  };
  new MutationObserver(look).observe(document, {subtree: true, childList: true});
})();
"""


@dataclass
class Felt:
    """One load of one page. Times in ms from navigation."""

    path: str
    width: int
    bytes_in: int
    requests: int
    nodes: int
    paint: float
    largest: float
    figures: float
    all: float
    chart: float
    shift: float
    task: float
    shifts: Sequence[object] = ()


def weight(folder: Path, widths: Sequence[int] = (1440, 390)) -> list[Result]:
    """Every page, cold and warm, wide and narrow, on a demo."""
    kept = os.environ.get(URL)
    process = None
    data_dir = Path(kept) if kept else folder / "weight-demo"
    if not kept:
        process = _demo(Path(os.environ[KEPT_IN]) / "weight-demo" if KEPT_IN in os.environ else data_dir, folder)
        data_dir = Path(os.environ[KEPT_IN]) / "weight-demo" if KEPT_IN in os.environ else data_dir
    try:
        found: list[tuple[str, Felt]] = []
        lost: list[str] = []
        note = datadir.running(data_dir)
        assert note is not None
        moves: list[float] = []
        for width in widths:
            with signed_in_browser(note, width, 900 if width > 500 else 844) as signed:
                for path in PAGES:
                    try:
                        load(signed, path, width, 0)  # what the server makes once is made
                        found += [("cold", load(signed, path, width, 0, cold=True)), ("warm", load(signed, path, width, STAY_MS))]
                    except PlaywrightTimeout:  # the other pages are still measured
                        lost.append(f"{path}, {width} px")
                        for page in signed.context.pages:
                            page.close()
                try:
                    moves += between(signed, PAGES)
                except PlaywrightTimeout:
                    lost.append(f"moving between pages, {width} px")
    finally:
        if process is not None:
            process.terminate()
            process.wait(60)
    return _results(found, moves, lost)


def load(signed: Signed, path: str, width: int, stay_ms: int, *, cold: bool = False) -> Felt:
    """Open a page and watch it for `stay_ms` after its last block is there."""
    page = signed.context.new_page()
    page.add_init_script(WATCH)
    talk = signed.context.new_cdp_session(page)
    talk.send("Network.enable")
    if cold:
        talk.send("Network.clearBrowserCache")
    came = {"bytes": 0.0, "requests": 0}

    def loaded(event: dict[str, float]) -> None:
        came["bytes"] += event["encodedDataLength"]

    def asked(event: dict[str, object]) -> None:
        came["requests"] += 1

    talk.on("Network.loadingFinished", loaded)
    talk.on("Network.requestWillBeSent", asked)
    page.goto(signed.url + path)
    settled(page)
    first = dict(came)
    page.wait_for_timeout(300 + stay_ms)
    felt = page.evaluate("window.__felt")
    nodes = page.evaluate("document.querySelectorAll('*').length")
    page.close()
    return Felt(
        path,
        width,
        int(first["bytes"]),
        int(first["requests"]),
        nodes,
        felt["paint"],
        felt["largest"],
        felt["figures"],
        felt["all"],
        felt["chart"],
        felt["shift"],
        felt["task"],
        felt["shifts"],
    )


def between(signed: Signed, pages: Sequence[str]) -> list[float]:
    """Milliseconds from a move inside the app to the new page's frame on the screen, each page visited once before."""
    page: Page = signed.context.new_page()
    page.goto(signed.url + "/")
    settled(page)
    took = []
    for turn in range(2):
        for path in pages[1:9]:
            took_ms = page.evaluate(
                """path => new Promise(done => {
                    const began = performance.now(), was = document.querySelector('#page > *');
                    history.pushState({}, '', path);
                    window.dispatchEvent(new CustomEvent('_dashprivate_pushstate'));
                    const look = () => { const now = document.querySelector('#page > *');
                        if (now && now !== was) requestAnimationFrame(() => done(performance.now() - began)); else setTimeout(look, 4); };
                    look();
                })""",
                path,
            )
            page.wait_for_function("() => !document.querySelector('#page .skeleton')", timeout=SETTLED_MS)
            if turn:
                took.append(float(took_ms))
    page.close()
    return took


def _demo(data_dir: Path, folder: Path) -> subprocess.Popen[bytes]:
    """A demo of all packs over a few days, ready."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("ROOMLEFT_")} | {
        "ROOMLEFT_DATA_DIR": str(data_dir)
    }
    with (folder / "weight-demo.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "roomleft", "demo", "--port", "0", "--days", str(DAYS)],
            cwd=ROOT,
            env=env,
            stdout=log,
            stderr=log,
        )
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        time.sleep(1)
        assert process.poll() is None, (folder / "weight-demo.log").read_text()
        note = datadir.running(data_dir)
        if (
            note is not None
            and note.pid == process.pid
            and httpx.get(f"{note.url}/readyz", trust_env=False, timeout=30).status_code == 200
        ):
            return process
    process.terminate()
    raise AssertionError("the demo did not get ready")


def _results(found: Sequence[tuple[str, Felt]], moves: Sequence[float], lost: Sequence[str]) -> list[Result]:
    results = [Result(each, f"not settled within {SETTLED_MS // 1000} s", "settles", False) for each in lost]
    for kind, felt in found:
        chart = f", first chart {felt.chart:.0f}" if felt.chart else ""
        shift = f", shift {felt.shift:.3f}" if kind == "warm" else ""
        measured = (
            f"{felt.bytes_in / 1000:.0f} kB, {felt.requests} requests, {felt.nodes} nodes; ms: paint {felt.paint:.0f}, figures {felt.figures:.0f}, "
            f"all {felt.all:.0f}{chart}, longest task {felt.task:.0f}{shift}"
        )
        met = felt.figures <= 1500 and felt.shift <= 0.1 if kind == "warm" else None
        results.append(
            Result(
                f"{felt.path} {kind}, {felt.width} px",
                measured,
                "figures ≤ 1500 ms, shift ≤ 0.1" if kind == "warm" else "report",
                met,
            )
        )
    if moves:
        slow = sorted(moves)[int(0.75 * len(moves))]
        results.append(Result("moving between pages seen before, p75", f"{slow:.0f} ms", "≤ 200 ms", slow <= 200))
    return results
