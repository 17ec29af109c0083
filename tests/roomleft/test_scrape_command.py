"""`scrape`: what a page gives, or the line and the reason it is refused."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.collectors.prometheus.metrics_page import OPENMETRICS, Target, serving
from tests.roomleft.running import run_command

Told = tuple[int, str, str]
OPEN_PAGE = "# TYPE a counter\na_total 1\n# EOF\n"


@pytest.fixture
def scrape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """Runs the command in this process; its exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Told:
        return run_command(monkeypatch, capsys, "scrape", *words)

    return run


def test_files_and_urls_are_told_in_the_order_asked(scrape: Callable[..., Told], tmp_path: Path) -> None:
    (tmp_path / "good.prom").write_text("# TYPE a gauge\na 1\nb 2\n")
    (tmp_path / "packed.gz").write_bytes(gzip.compress(b"# TYPE a counter\n") + gzip.compress(b"a_total 1\n# EOF\n"))
    (tmp_path / "bad.txt").write_text("a 1\nb x\n")
    with serving(Target(OPEN_PAGE.encode(), OPENMETRICS)) as server:
        code, out, err = scrape("good.prom", server.url, "bad.txt", "packed.gz", "absent", "--json")
    assert (code, err) == (1, "")
    good, url, bad, packed, absent = json.loads(out)
    assert good == {"target": "good.prom", "ok": True, "families": 2, "samples": 2, "error": None}
    assert url == {"target": server.url, "ok": True, "families": 1, "samples": 1, "error": None}
    assert (bad["target"], bad["ok"], bad["families"], bad["samples"]) == ("bad.txt", False, 0, 0)
    assert bad["error"] == "bad.txt: line 2: 'x' is not a number"
    assert packed["ok"] is True
    assert "cannot be read" in absent["error"]


def test_a_person_sees_sizes_types_and_the_biggest_families(scrape: Callable[..., Told], tmp_path: Path) -> None:
    (tmp_path / "page").write_text('# HELP big Many of them.\n# TYPE big gauge\nbig{x="1"} 1\nbig{x="2"} 2\nsmall 1\n')
    code, out, err = scrape("page")
    assert (code, err) == (0, "")
    assert "page\t2\t3\t1 gauge, 1 unknown" in out
    assert "big\tgauge\t2\tMany of them." in out


def test_a_refusal_is_three_lines_and_the_rest_is_told(scrape: Callable[..., Told], tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("a 1")
    (tmp_path / "good").write_text("a 1\n")
    code, out, err = scrape("bad", "good")
    assert code == 1
    assert err.splitlines()[:2] == ["error: the last line has no end: the page was cut short", "  where: bad: line 1"]
    assert "good\t1\t1" in out


@pytest.mark.parametrize(
    ("name", "words", "code"),
    [
        ("page", (), 1), ("page.om.txt", (), 1), ("page.prom", (), 0), ("page", ("--format", "text"), 0), ("page", ("--format", "openmetrics"), 1),
        ("page.prom", ("--format", "openmetrics"), 1), ("page", ("--format", "xml"), 1),
    ],
)  # fmt: skip
def test_the_format_is_told_by_the_option_the_name_or_the_end(
    scrape: Callable[..., Told], tmp_path: Path, name: str, words: tuple[str, ...], code: int
) -> None:
    """The page is a good one in the classic format, whose last line is a comment there."""
    (tmp_path / name).write_text("# TYPE a_total counter\na_total 1\n# EOF\n")
    assert scrape(name, *words)[0] == code


@pytest.mark.parametrize(
    "target",
    ["http://", "http://[::1", "http://127.0.0.1:1/metrics", "https://127.0.0.1:99999/", "", "/", "no-gzip.gz", "cut.gz"],
)
def test_what_is_no_page_is_refused_in_words(scrape: Callable[..., Told], tmp_path: Path, target: str) -> None:
    (tmp_path / "no-gzip.gz").write_bytes(b"a 1\n")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"a 1\n" * 99)[:-9])
    code, out, _ = scrape(target, "--json")
    (told,) = json.loads(out)
    assert (code, told["ok"]) == (1, False)
    assert told["error"]
