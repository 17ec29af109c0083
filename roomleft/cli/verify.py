"""`check` and `doctor`: whether what people wrote is right, and whether this installation can run it."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from roomleft.cli.ask import located
from roomleft.cli.client import Client
from roomleft.cli.output import err, fail, print_json, print_table
from roomleft.errors import RoomleftError
from roomleft.packs import Pack, load_pack
from roomleft.settings import ROOT, load_settings

LOW_DISK_BYTES = 2 * 2**30


def run_check(path: Path | None, figures: bool, as_json: bool) -> int:
    """Validate settings, packs and pack tests; with `figures`, print each one. 1 if anything is wrong or not reproduced."""
    settings = load_settings()
    files = _pack_files(path or settings.packs_dir)
    packs: list[tuple[Path, Pack]] = []
    wrong = 0
    for file in files:
        try:
            packs.append((file, load_pack(file)))
        except RoomleftError as error:
            fail(error)
            wrong += 1
    if figures:
        return _figures([pack for _, pack in packs], as_json) or int(wrong > 0)
    tested = _run_tests(packs, as_json)
    return int(wrong > 0 or tested > 0)


def _pack_files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(file for file in path.glob("*.yaml") if not file.name.endswith(".test.yaml"))
    else:
        found = [path]
    if not found or not all(file.exists() for file in found):
        raise RoomleftError("there is no pack here", str(path), "name a pack file, or a folder of them")
    return found


def _run_tests(packs: list[tuple[Path, Pack]], as_json: bool) -> int:
    from analytics.packtest import run_pack_tests
    from jobs.measure import measure

    results = []
    for file, pack in packs:
        script = file.with_suffix(".test.yaml")
        outcomes = run_pack_tests(pack, script, measure) if script.exists() else []
        results += [{"pack": pack.slug, "test": o.name, "passed": o.passed, "failures": list(o.failures)} for o in outcomes]
        if not as_json:
            failed = sum(not o.passed for o in outcomes)
            err.print(f"{file.name}: valid, {len(outcomes)} tests, {failed} failed", soft_wrap=True)
            for outcome in outcomes:
                for failure in outcome.failures:
                    err.print(f"  {outcome.name}: {failure}", soft_wrap=True)
    if as_json:
        print_json(results)
    return sum(not result["passed"] for result in results)


def _figures(packs: list[Pack], as_json: bool) -> int:
    from analytics.figures import figure_rows

    states = _states()
    rows = [row.as_dict() for pack in packs for row in figure_rows(pack, states)]
    if as_json:
        print_json(rows)
    else:
        names = ("platform", "state", "figure", "expected", "computed", "reproduced", "target_met", "source")
        print_table(names, [[row[name] for name in names] for row in rows], right=("expected", "computed"))
    return int(any(not row["reproduced"] for row in rows))


def _states() -> dict[str, str]:
    """How each limit stands at the running server; without one no target is judged."""
    _, server = located()
    if server is None:
        return {}
    return {row["limit_id"]: row["state"] for row in Client(server).get("/api/v1/headroom")}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the doctor looked at."""

    subject: str
    ok: bool
    words: str
    to_do: str = ""


def run_doctor(as_json: bool) -> int:
    """Look at everything, print what was found; 1 if something is wrong."""
    looks: tuple[Callable[[], Finding], ...] = (_python, _packages, _settings, _folder, _packs, _server, _warehouse)
    findings = []
    for look in looks:
        try:
            findings.append(look())
        except RoomleftError as error:
            subject = look.__name__.strip("_")
            findings.append(Finding(subject, False, f"{error.where}: {error.what}" if error.where else error.what, error.hint))
    if as_json:
        print_json([{"subject": f.subject, "ok": f.ok, "words": f.words, "to_do": f.to_do} for f in findings])
    else:
        print_table(
            ("", "subject", "found", "to do"), [("ok" if f.ok else "WRONG", f.subject, f.words, f.to_do) for f in findings]
        )
    return int(not all(f.ok for f in findings))


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(
        "python", sys.version_info >= (3, 11), version, "" if sys.version_info >= (3, 11) else "install Python 3.11 or newer"
    )


def _packages() -> Finding:
    wrong = []
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        wanted = line.split("#")[0].strip()
        if not wanted:
            continue
        name, _, version = wanted.partition("==")
        try:
            found = importlib.metadata.version(name.split("[")[0])
        except importlib.metadata.PackageNotFoundError:
            found = "absent"
        if found != version:
            wrong.append(f"{name} is {found}, wanted {version}")
    return Finding("packages", not wrong, "; ".join(wrong) or "as pinned", "run `make install`" if wrong else "")


def _settings() -> Finding:
    settings = load_settings()
    watched = ", ".join(source.platform for source in settings.sources) or "no source"
    return Finding("settings", True, f"{watched}; port {settings.port}; packs in {settings.packs_dir}")


def _folder() -> Finding:
    settings, _ = located()
    near = next(place for place in (settings.data_dir, *settings.data_dir.parents) if place.exists())
    free = shutil.disk_usage(near).free
    enough = free > LOW_DISK_BYTES
    return Finding(
        "data folder", enough, f"{settings.data_dir}, {free / 2**30:.1f} GB free", "" if enough else "free space before it fills"
    )


def _packs() -> Finding:
    settings, _ = located()
    packs = [load_pack(file) for file in _pack_files(settings.packs_dir)]
    return Finding("packs", True, ", ".join(f"{pack.slug} ({len(pack.limit_list())} limits)" for pack in packs))


def _server() -> Finding:
    _, server = located()
    if server is None:
        return Finding("server", True, "not running", "`bin/roomleft demo` or `serve` starts one")
    steps = Client(server, timeout_s=10).readiness()["steps"]
    waiting = [step for step in steps if not step["done"]]
    if waiting:
        return Finding(
            "server", False, f"{server.url} is not ready: {waiting[0]['name']}: {waiting[0]['words']}", "wait, then look again"
        )
    return Finding("server", True, f"{server.url} is ready (process {server.pid})")


def _warehouse() -> Finding:
    settings, server = located()
    if server is not None:
        rows = Client(server, timeout_s=10).post("/api/v1/sql", json={"query": "SELECT count(*) AS n FROM ai_usage"})["rows"]
        return Finding("warehouse", True, f"{rows[0]['n']:,} usage rows, owned by the server")
    from roomleft.cli.ask import own_store

    with own_store(settings) as store:
        rows = store.select("SELECT count(*) AS n FROM ai_usage").to_pylist()
    return Finding("warehouse", True, f"{rows[0]['n']:,} usage rows in {settings.warehouse_url}")
