"""`connect` given what it cannot use: what, where, what to do; no secret in any word; nothing left behind."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures.pages import METRICS, Pages
from tests.roomleft.running import run_command

Told = tuple[int, str]
Tell = Callable[..., Told]
EXPORTER = "# TYPE process_open_fds gauge\nprocess_open_fds 10\n# TYPE process_max_fds gauge\nprocess_max_fds 1024\n"
SERVER = '{"status":"success","data":{"version":"3.5.0"}}'
PACK = """slug: shop
title: Shop
summary: Mine
states: {today: {title: Today, summary: Now}}
components: [{id: ai, title: AI, summary: Calls}]
meters: {calls: {kind: count, unit: requests, of: requests}}
limits: [{id: calls, kind: quota, title: Calls, amount: 10, unit: requests, meter: calls, window: day, owner: you}]
"""


@pytest.fixture
def tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tell:
    """Runs `connect …` in this process on the data folder `tmp_path/data`; its exit code and all it said."""
    for name in [name for name in os.environ if name.startswith("ROOMLEFT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ROOMLEFT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Told:
        code, out, err = run_command(monkeypatch, capsys, "connect", *words, "--yes", "--no-start")
        return code, out + err

    return run


def refused(told: Told, *named: str, code: int = 1) -> None:
    """An error of three lines, which holds these words."""
    assert told[0] == code, told
    marks = [line.split(":", 1)[0].strip() for line in told[1].splitlines()[-3:]]
    assert marks == ["error", "where", "to do"], told
    for words in named:
        assert words in told[1], told


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("postgres", "redis://h"), "connect redis"),
        (("redis", "postgresql://h/db"), "connect postgres"),
        (("redis", "http://h"), "redis://host:6379"),
        (("postgres", "http://h"), "postgresql://user@host/database"),
        (("probe", "ftp://h"), "tls://host:443"),
        (("prometheus", "http://"), "names no host"),
        (("prometheus", "http://h:99999"), "host or port"),
        (("prometheus", "http://h/a b"), "no spaces"),
        (("prometheus", "http://u:hunter2@h/metrics"), "--token-stdin"),
        (("prometheus", "http://h/metrics?token=hunter2"), "looks like a secret"),
        (("postgres", "postgresql://u:hunter2/x@h/db"), "%2F"),
        (("postgres", "postgresql://u:hunter2@x/y@h/db"), "%2F"),
        (("postgres", "postgresql://h/db", "--replica", "second"), "NAME=URL"),
        (("postgres", "postgresql://u:hunter2@h/db", "--replica", "r=postgresql://u:other@h2/db"), "--replica"),
        (("postgres", "h/db", "--platform", "My Shop"), "my-shop"),
        (("postgres", "h/db", "--platform", "scribe"), "comes with the program"),
        (("postgres", "h/db", "--zone", "Mars/X"), "--zone"),
        (("postgres", "h/db", "--password-env", "ABSENT_PASSWORD"), "ABSENT_PASSWORD is not set"),
        (("prometheus", "h/metrics", "--label", "region"), "NAME=VALUE"),
        (("probe", "https://h", "--name", "Not A Slug"), "--name"),
        (("probe", "https://h", "--interval", "often"), "--interval"),
        (("push", "--budget-usd", "much"), "--budget-usd"),
        (("push", "--budget-usd", "-5"), "--budget-usd"),
        (("push", "--budget-usd", "NaN"), "--budget-usd"),
        (("file", "absent.csv"), "no such file"),
        (("platform-api", "h", "--budget-usd", "x"), "--budget-usd"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_meant_is_told_and_nothing_is_made(tell: Tell, tmp_path: Path, words: tuple[str, ...], named: str) -> None:
    told = tell(*words)
    refused(told, named)
    assert "hunter2" not in told[1]
    assert list(tmp_path.iterdir()) == []


def test_nothing_listens_there(tell: Tell, tmp_path: Path) -> None:
    port = closed_port()
    for words in (
        ("prometheus", f"127.0.0.1:{port}/metrics"),
        ("prometheus-server", f"127.0.0.1:{port}"),
        ("platform-api", f"127.0.0.1:{port}"),
    ):
        refused(tell(*words), str(port))
    assert list(tmp_path.iterdir()) == []


def test_a_source_of_another_kind_is_named(tell: Tell, web_pages: Pages, tmp_path: Path) -> None:
    web_pages.at = {"/metrics": (METRICS, EXPORTER), "/": ("text/html", "<html><p>Exporter")}
    refused(tell("prometheus-server", web_pages.url), "a page of metrics", f"connect prometheus {web_pages.url}/metrics")
    refused(tell("prometheus-server", f"{web_pages.url}/metrics"), f"connect prometheus {web_pages.url}/metrics")
    refused(tell("platform-api", web_pages.url), "a page of metrics")
    web_pages.at = {"/api/v1/status/buildinfo": ("application/json", SERVER), "/": ("text/html", "<html>Prometheus")}
    refused(tell("prometheus", web_pages.url), "a Prometheus server", f"connect prometheus-server {web_pages.url}")
    refused(tell("prometheus", f"{web_pages.url}/graph"), f"connect prometheus-server {web_pages.url}")
    web_pages.at = {"/": ("text/html", "<html>Welcome")}
    refused(tell("platform-api", f"{web_pages.url}/"), "a web page", "connect probe")
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_wants_a_token_says_how_to_give_one(
    tell: Tell, web_pages: Pages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web_pages.at, web_pages.token = {"/metrics": (METRICS, EXPORTER)}, "hunter2"
    refused(tell("prometheus", f"{web_pages.url}/metrics"), "401", "--token-stdin", "--token-env")
    monkeypatch.setenv("PAGE_TOKEN", "wrong-hunter2")
    told = tell("prometheus", f"{web_pages.url}/metrics", "--token-env", "PAGE_TOKEN")
    refused(told, "401")
    assert "hunter2" not in told[1]
    assert list(tmp_path.iterdir()) == []


def test_https_where_only_http_is_spoken(tell: Tell, web_pages: Pages) -> None:
    refused(tell("prometheus", web_pages.url.replace("http:", "https:") + "/metrics"), "https://127.0.0.1")


def test_a_pack_with_a_fault_is_left_for_its_writer_to_mend(tell: Tell, web_pages: Pages, tmp_path: Path) -> None:
    web_pages.at = {"/metrics": (METRICS, EXPORTER)}
    pack = tmp_path / "data" / "packs" / "shop.yaml"
    pack.parent.mkdir(parents=True)
    pack.write_text(PACK.replace("amount: 10", "amuont: 10"))
    refused(tell("prometheus", web_pages.url, "--platform", "shop"), "amuont", "line 7")
    assert pack.read_text() == PACK.replace("amount: 10", "amuont: 10")
    assert sorted(path.name for path in (tmp_path / "data").rglob("*")) == ["packs", "shop.yaml"]


def test_a_demos_folder_is_not_written_to(tell: Tell, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "kind").write_text("demo\n")
    refused(tell("push"), "demo", "ROOMLEFT_DATA_DIR")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["kind"]


def test_a_folder_that_is_a_file(tell: Tell, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    refused(tell("push"), "data")


@pytest.mark.parametrize("left", ["credentials.json", "packs"])
def test_what_cannot_be_written_leaves_nothing_half_done(tell: Tell, web_pages: Pages, tmp_path: Path, left: str) -> None:
    web_pages.at, web_pages.token = {"/metrics": (METRICS, EXPORTER)}, "hunter2"
    os.environ["PAGE_TOKEN"] = "hunter2"
    data = tmp_path / "data"
    data.mkdir()
    if left == "packs":  # a file where the folder must be
        (data / "packs").write_text("x")
    else:
        (data / "credentials.json").mkdir()
    try:
        told = tell("prometheus", web_pages.url, "--token-env", "PAGE_TOKEN", "--platform", "shop")
    finally:
        del os.environ["PAGE_TOKEN"]
    refused(told, left)
    assert "hunter2" not in told[1]
    assert not (data / "packs" / "shop.yaml").exists()
    assert not (data / "credentials.json").is_file() or "hunter2" not in (data / "credentials.json").read_text()


def test_an_interrupted_write_keeps_the_old_pack_and_the_old_secret(
    tell: Tell, web_pages: Pages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web_pages.at, web_pages.token = {"/metrics": (METRICS, EXPORTER)}, "hunter2"
    monkeypatch.setenv("SHOP_METRICS_TOKEN", "hunter2")
    pack = tmp_path / "data" / "packs" / "shop.yaml"
    pack.parent.mkdir(parents=True)
    pack.write_text(PACK)

    def interrupted(self: Path, target: Path) -> Path:
        if target.name == "shop.yaml":
            raise KeyboardInterrupt
        os.replace(self, target)
        return target

    monkeypatch.setattr(Path, "replace", interrupted)
    assert tell("prometheus", web_pages.url, "--token-env", "SHOP_METRICS_TOKEN")[0] == 130
    assert pack.read_text() == PACK
    assert [path.name for path in pack.parent.iterdir()] == ["shop.yaml"]
    kept = tmp_path / "data" / "credentials.json"
    assert not kept.exists() or "hunter2" not in kept.read_text()
