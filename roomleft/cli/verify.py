"""`doctor`: whether this installation can run what people wrote."""

from __future__ import annotations

import importlib
import importlib.metadata
import shutil
import stat
import sys
from collections.abc import Callable

from pydantic import BaseModel

from roomleft.cli.ask import located
from roomleft.cli.client import Client
from roomleft.cli.doctor import Finding, look_at_alerting
from roomleft.cli.output import print_json, print_table
from roomleft.credentials import OTHERS, Credentials
from roomleft.errors import RoomleftError
from roomleft.packs import Pack, load_pack
from roomleft.packs_shelf import load_each, own_folder, pack_files
from roomleft.settings import ROOT, load_settings

LOW_DISK_BYTES = 2 * 2**30
DRIVERS = ("psycopg", "redis", "duckdb_extension_ducklake", "duckdb_extension_postgres_scanner")
"""What reading sources, and a warehouse in a lake, need beyond Python itself: each brings a library of its own."""
LACKING = """
SELECT platform, check_name, arg_max(words, observed_at) AS words
FROM health_checks WHERE ends_with(check_name, '.statistics')
GROUP BY platform, check_name HAVING arg_max(status, observed_at) <> 'pass' ORDER BY platform, check_name
"""
"""The checks by which a database's reader tells that it lacks a right or an extension, and the statement that gives it."""


def run_doctor(as_json: bool) -> int:
    """Look at everything, print what was found; 1 if something is wrong."""
    looks: tuple[Callable[[], Finding], ...] = (
        _python, _packages, _drivers, _settings, _folder, _packs, _own_packs, _credentials, _server, _warehouse, _sources,
    )  # fmt: skip
    findings = []
    for look in looks:
        try:
            findings.append(look())
        except RoomleftError as error:
            subject = look.__name__.strip("_")
            findings.append(Finding(subject, False, f"{error.where}: {error.what}" if error.where else error.what, error.hint))
    findings += look_at_alerting(located()[0])
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
    packs = [load_pack(file) for file in pack_files(settings.packs_dir).values()]
    return Finding("packs", True, ", ".join(_counted(pack) for pack in packs))


def _own_packs() -> Finding:
    settings, _ = located()
    folder = own_folder(settings.data_dir)
    files = pack_files(folder)
    shipped = pack_files(settings.packs_dir)
    packs, refused = load_each(files)
    words = ", ".join(
        _counted(pack) + (" in place of the shipped one" if slug in shipped else "") for slug, pack in packs.items()
    )
    if refused:
        return Finding("own packs", False, f"with faults: {', '.join(refused)}", f"bin/roomleft check {folder} tells them")
    return Finding("own packs", True, f"{words or 'none'} in {folder}")


def _counted(pack: Pack) -> str:
    limits = len(pack.limit_list())
    return f"{pack.slug} ({limits} limit{'s' if limits != 1 else ''})"


def _credentials() -> Finding:
    settings, _ = located()
    credentials = Credentials(settings.data_dir)
    path = credentials.path
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        mode = None
    except OSError as error:
        return Finding("secrets", False, f"{path}: {error.strerror}", "check the owner of the data folder")
    if mode is not None and mode & OTHERS:
        # Said before anything reads the file: reading it closes it, and others have had it open.
        return Finding(
            "secrets", False, f"others may read {path} (mode {mode:o})", f"chmod 600 {path}; then change those secrets"
        )
    packs, _ = load_each(pack_files(own_folder(settings.data_dir)))
    wanted = {name for pack in packs.values() for source in pack.sources for name in _variables(source)}
    absent = sorted(name for name in wanted if credentials.get(name) is None)
    if absent:
        return Finding("secrets", False, f"not given: {', '.join(absent)}", f"set the variables, or keep them in {path}")
    return Finding("secrets", True, f"{path}, mode {mode:o}" if mode is not None else "none kept; none missing")


def _variables(source: BaseModel) -> set[str]:
    """The variables that a source's entry names for its secrets, its replicas' included."""
    named = {value for name, value in source if name.endswith("_env") and value}
    return named.union(*(_variables(each) for each in getattr(source, "replicas", ())))


def _drivers() -> Finding:
    absent = []
    for name in DRIVERS:
        try:
            importlib.import_module(name)
        except (ImportError, OSError) as error:
            absent.append(f"{name}: {str(error).splitlines()[0]}")
    return Finding(
        "drivers", not absent, "; ".join(absent) or "PostgreSQL, Redis, DuckLake", "run `make install`" if absent else ""
    )


def _sources() -> Finding:
    """The sources that cannot be read, and the rights or extensions that those which can are missing."""
    _, server = located()
    if server is None:
        return Finding("sources", True, "told while a server runs")
    client = Client(server, timeout_s=10)
    found = client.get("/api/v1/sources")
    wrong = [f"{row['source']}: {row['words']}" for row in found if row["state"] in ("failing", "silent")]
    to_do = [row["hint"] for row in found if row["state"] in ("failing", "silent") and row["hint"]]
    lacking = client.post("/api/v1/sql", json={"query": LACKING})["rows"]
    here = {row["source"] for row in found}
    for row in lacking:
        source = f"{row['platform']}.{row['check_name'].removesuffix('.statistics')}"
        wrong += [f"{source}: {row['words']}"] if source in here else []
    return Finding("sources", not wrong, "; ".join(wrong) or f"{len(found)} read", "; ".join(to_do))


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
