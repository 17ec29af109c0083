"""Every block of every page, made over Dash's own HTTP route from a real warehouse in memory."""

import asyncio
import csv
import inspect
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from dashboards.pages import platform_deploys, platform_health, platform_home, platform_limits
from dashboards.parts import Parts
from dashboards.snapshot import Snapshots
from roomleft.errors import QueryTimeout
from tests.dashboards.conftest import Driven, found, texts
from tests.dashboards.sample_rows import NOW, SampleJob, sample_parts

MakePages = Callable[[Parts], Driven]


def test_every_http_callback_is_a_coroutine(pages: Driven) -> None:
    """A plain function would run on the event loop and stall ingest, metrics and every other reader."""
    plain = [
        output
        for output, spec in pages.app.callback_map.items()
        if "callback" in spec and not inspect.iscoroutinefunction(inspect.unwrap(spec["callback"]))
    ]
    assert plain == []


def test_the_page_is_english_and_carries_no_script_of_its_own(pages: Driven) -> None:
    page = pages.client.get("/").text
    assert '<html lang="en">' in page
    inline = [part for part in page.split("<script")[1:] if "src=" not in part.partition(">")[0]]
    assert len(inline) == 2, "Dash's configuration, which is data, and its one line that starts the renderer"


@pytest.mark.parametrize(
    ("path", "marker"),
    [("/", "overview-limits"), ("/cost", "cost-total"), ("/platforms", "platform-list"), ("/platforms/scribe", "health-components"),
     ("/platforms/scribe/live", "live-body"), ("/platforms/scribe/limits", "platform-limits"), ("/platforms/scribe/deploys", "platform-deploys")],
)  # fmt: skip
def test_every_address_has_its_page(pages: Driven, path: str, marker: str) -> None:
    assert "_dash-config" in pages.client.get(path).text, "a page opened by its address, in a server without lifespan"
    assert f'"{marker}"' in json.dumps(pages.call("page.children", path))


@pytest.mark.parametrize("path", ["/nowhere", "/platforms/nobody", "/platforms/scribe/nothing"])
def test_an_address_that_names_nothing_says_so(pages: Driven, path: str) -> None:
    assert f"There is no page {path}." in texts(pages.call("page.children", path))


def test_the_overview_lists_every_limit_worst_first(pages: Driven) -> None:
    block = pages.call("overview-limits.children")
    names = [texts(each) for each in found(block, className="limit-link")]
    assert len(names) == 21
    assert names[:2] == ["Availability 99.99 %, 30 d", "Free images, busiest user"]
    assert "All 21" in texts(block)
    assert "5 tight" in texts(block)
    assert "not measured" not in texts(block)


def test_chips_filter_and_count_what_they_would_show(pages: Driven) -> None:
    block = pages.call("overview-limits.children", search="?state=tight&kind=capacity")
    assert len(found(block, className="limit-link")) == 2
    chips = {texts(each) for each in found(block, className="chip")}
    assert {"All 21", "2 tight", "Capacity 2", "Budgets 1"} <= chips


def test_a_platform_filter_reaches_table_verdict_and_facts(pages: Driven) -> None:
    block = pages.call("overview-limits.children", search="?platform=arena")
    assert {texts(each) for each in found(block, className="platform")} == {"arena"}
    top = texts(pages.call("overview-top.children", search="?platform=arena"))
    assert "4 of 4" in top
    assert "no cost recorded this month" in top


def test_the_verdict_comes_first(pages: Driven) -> None:
    top = pages.call("overview-top.children")
    headline = texts(found(top, className="verdict")[0]["props"]["children"][0])
    assert headline.startswith("Scribe is down. One limit has run out")
    assert "Scribe: AI services is down since 11:59" in texts(top)
    assert "unpriced" in texts(top)


def test_filters_that_fit_nothing_say_so(pages: Driven) -> None:
    assert "No limit passes these filters." in texts(pages.call("overview-limits.children", search="?kind=ratio&state=tight"))


def test_the_drawer_opens_by_address(pages: Driven) -> None:
    words = texts(pages.call("drawer.children", search="?limit=arena.worlds_us"))
    assert "at most 5,010 worlds" in words
    assert "none: it never refills" in words
    assert "Room left, last 7 days" in words
    assert pages.call("drawer.children", search="") is None
    assert "No pack has a limit no.such." in texts(pages.call("drawer.children", search="?limit=no.such"))


def test_the_csv_holds_what_the_page_shows(pages: Driven) -> None:
    block = pages.call("overview-limits.children", search="?state=tight&sort=left")
    (href,) = {each["props"]["href"] for each in found(block, className="chip") if texts(each) == "CSV"}
    answer = pages.client.get(href)
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["title"] for row in rows] == [texts(each) for each in found(block, className="limit-link")]
    assert {row["state"] for row in rows} == {"tight"}
    assert rows[0]["as_of"] == NOW.isoformat()


def test_unpriced_calls_make_the_total_a_lower_bound(pages: Driven) -> None:
    assert "unpriced" in texts(pages.call("cost-total.children", "/cost", "?platform=coach"))
    assert "unpriced" not in texts(pages.call("cost-total.children", "/cost", "?platform=scribe"))


def test_a_range_without_usage_says_where_there_is_some(pages: Driven) -> None:
    words = texts(pages.call("cost-total.children", "/cost", "?platform=arena"))
    assert "No AI usage of arena has arrived yet" in words
    words = texts(pages.call("cost-total.children", "/cost", "?range=2026-01-01..2026-01-02"))
    assert "There is some of any platform from" in words


def test_colours_follow_the_theme(pages: Driven) -> None:
    light, dark = (json.dumps(pages.call("cost-total.children", "/cost", theme=theme)) for theme in ("light", "dark"))
    assert "#0072B2" in light
    assert "#56B4E9" in dark
    assert "#0072B2" not in dark


def test_health_says_status_and_reasons(pages: Driven) -> None:
    head = texts(pages.call("platform-head.children", "/platforms/scribe"))
    assert "Down" in head
    assert "AI services is down" in head
    words = texts(pages.call("health-components.children", "/platforms/scribe"))
    assert "quota exceeded on gemini, 429 for 4 min" in words
    assert texts(pages.call("platform-head.children", "/platforms/coach")).count("Unknown") == 1


def test_signals_carry_threshold_value_and_emptiness(pages: Driven) -> None:
    words = texts(pages.call("health-signals.children", "/platforms/scribe", "?component=database"))
    assert "is past slow query 100\u202fms" in words
    assert "of 80" in words
    assert "2 deploys marked" in words
    assert "No samples in this range." in texts(pages.call("health-signals.children", "/platforms/scribe", "?component=ai"))


def test_live_counts_the_last_five_minutes(pages: Driven) -> None:
    words = texts(pages.call("live-body.children", "/platforms/scribe/live"))
    assert "199 calls over the last" in words or "200 calls over the last" in words
    assert "p95" in words
    assert "No AI call of arena" in texts(pages.call("live-body.children", "/platforms/arena/live"))


@pytest.mark.parametrize("path", ["/", "/cost", "/platforms", "/platforms/", "/platforms/gone/limits", "/people/ada"])
@pytest.mark.parametrize("block", [*platform_health.Id, *platform_limits.Id, *platform_deploys.Id, platform_home.Id.HEAD])
def test_a_block_of_a_platform_that_is_being_left_says_nothing(
    pages: Driven, caplog: pytest.LogCaptureFixture, block: str, path: str
) -> None:
    assert pages.asked(f"{block}.children", path).status_code == 204
    assert caplog.records == []


def test_live_shows_the_live_signals_above_the_calls(pages: Driven) -> None:
    body = pages.call("live-body.children", "/platforms/scribe/live")
    cards = found(body, className="card")
    assert [texts(found(card, className="card-head")[0]["props"]["children"][0]) for card in cards] == [
        "Query time ms", "AI calls per minute", "Latency of AI calls ms", "Failed AI calls share",
    ]  # fmt: skip
    words = texts(cards[0])
    assert "120\u202fms" in words
    assert "is past slow query 100\u202fms" in words
    (shape,) = found_figure(cards[0])["layout"]["shapes"]
    assert shape["y0"] == 100.0
    (line,) = found_figure(cards[0])["data"]
    assert (len(line["y"]), line["y"][-1]) == (60, 120.0), "an hour of raw readings, not of the minutes rolled up"


def found_figure(card: Any) -> Any:
    """The figure of a card's chart."""
    return card["props"]["children"][-1]["props"]["children"][1]["props"]["children"]["props"]["figure"]


@pytest.mark.parametrize("calls_only", [True, False])
def test_many_viewers_of_live_ask_the_warehouse_once(
    make_pages: MakePages, monkeypatch: pytest.MonkeyPatch, calls_only: bool
) -> None:
    slug = "arena" if calls_only else "scribe"
    monkeypatch.setattr("dashboards.block.Snapshots", lambda: Snapshots(timer=lambda: 0.0))
    driven = make_pages(sample_parts())
    asked: list[str] = []
    rows = driven.parts.store.rows
    driven.parts.store.rows = lambda name, **given: (asked.append(name), rows(name, **given))[1]  # type: ignore[method-assign]
    for theme in ("light", "dark", "light"):
        driven.call("live-body.children", f"/platforms/{slug}/live", theme=theme)
    expected = (
        ["page_live_now", "page_live", "page_deploys"]
        if calls_only
        else ["page_live_now", "page_live", "page_deploys", "page_samples_raw"]
    )
    assert asked == expected


def test_a_failing_job_is_a_banner(make_pages: MakePages) -> None:
    quiet = make_pages(sample_parts(filled=False, jobs=[SampleJob("measure")]))
    assert quiet.call("notices.children") == []
    loud = make_pages(
        sample_parts(filled=False, jobs=[SampleJob("measure", "failed", "disk full"), SampleJob("retain", late=True)])
    )
    words = texts(loud.call("notices.children"))
    assert "2 jobs are not doing their work" in words
    assert "measure failed: disk full; retain is late" in words


def test_a_new_installation_is_unknown_not_fine(make_pages: MakePages) -> None:
    fresh = make_pages(sample_parts(filled=False))
    block = fresh.call("overview-limits.children")
    assert "21 unknown" in texts(block)
    assert "0 of 21" in texts(fresh.call("overview-top.children"))
    assert "No AI usage of any platform has arrived yet" in texts(fresh.call("cost-total.children", "/cost"))


def test_one_failing_block_leaves_the_others(make_pages: MakePages, monkeypatch: pytest.MonkeyPatch) -> None:
    driven = make_pages(sample_parts())

    def slow(*_: Any, **__: Any) -> Any:
        raise QueryTimeout("the query took longer than 10 s and was stopped", "warehouse", "ask for less")

    monkeypatch.setattr("dashboards.reads.cost", slow)
    words = texts(driven.call("cost-total.children", "/cost"))
    assert "The query took longer than 10 s and was stopped." in words
    assert "Copy error id" in words
    assert "Group by" in texts(driven.call("cost-filters.children", "/cost"))


def test_fifty_tabs_ask_the_store_once(make_pages: MakePages, monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboards import reads
    from dashboards.snapshot import Snapshots

    asked = []
    snapshots = Snapshots(keep_s=60)
    monkeypatch.setattr(reads, "limits", lambda *_: asked.append(1) or [])

    async def fifty() -> None:
        await asyncio.gather(*(snapshots.get("limits", lambda: reads.limits(None, {}, NOW)) for _ in range(50)))  # type: ignore[arg-type]

    asyncio.run(fifty())
    assert len(asked) == 1


def test_a_failed_answer_reaches_its_waiters_and_is_not_kept() -> None:
    from dashboards.snapshot import Snapshots

    snapshots = Snapshots(keep_s=60)
    answers = iter([RuntimeError("once"), "then"])

    def work() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def twice() -> str:
        with pytest.raises(RuntimeError, match="once"):
            await snapshots.get("key", work)
        return str(await snapshots.get("key", work))

    assert asyncio.run(twice()) == "then"


def test_files_travel_compressed_and_are_kept(pages: Driven) -> None:
    script = next(part.split('"')[0] for part in pages.client.get("/").text.split('src="')[1:] if "dash_renderer" in part)
    first, second = (pages.client.get(script, headers={"accept-encoding": "gzip"}) for _ in range(2))
    assert first.headers["content-encoding"] == "gzip"
    assert "max-age=31536000" in first.headers["cache-control"]
    assert int(first.headers["content-length"]) < len(first.content) / 2
    assert first.content == second.content
    plain = pages.client.get(script, headers={"accept-encoding": "identity"})
    assert plain.content == first.content
    assert "content-encoding" not in plain.headers


def test_a_file_without_a_version_is_not_kept(pages: Driven) -> None:
    answer = pages.client.get("/assets/roomleft.js", headers={"accept-encoding": "gzip"})
    assert "max-age" not in answer.headers.get("cache-control", "")
    assert "max-age=31536000" in pages.client.get("/assets/inter.woff2").headers["cache-control"]


def test_each_platform_is_a_chip_with_its_health_and_what_needs_somebody(pages: Driven) -> None:
    block = pages.call("overview-limits.children")
    (row,) = found(block, className="platform-chips")
    assert [texts(each).strip() for each in found(row, className="chip")] == [
        "All 5 platforms", "Scribe 3", "Creator 1", "Tabletop 2", "Arena 1", "Coach 1",
    ], "the worst of services, limits and alerts first"  # fmt: skip
    shapes = {
        texts(chip).strip().split(" ")[0]: chip["props"]["children"][0]["props"]["className"]
        for chip in found(row, className="chip")[1:]
    }
    assert {name: shape.split(" ")[-1] for name, shape in shapes.items()} == {
        "Scribe": "exhausted", "Creator": "exhausted", "Tabletop": "tight", "Arena": "tight", "Coach": "unknown",
    }, "a platform whose services are up is not fine while a limit has run out"  # fmt: skip
    (scribe,) = (each for each in found(row, className="chip") if texts(each).strip().startswith("Scribe"))
    assert scribe["props"]["href"] == "/?platform=scribe"
    assert "AI services is down since 11:59" in scribe["props"]["title"]


def test_many_limits_fold_those_that_are_ok(pages: Driven, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboards.pages.overview.FOLD_ABOVE", 20)
    monkeypatch.setattr("dashboards.pages.overview.AT_FIRST", 0)
    block = pages.call("overview-limits.children")
    assert len(found(block, className="limit-link")) == 8
    (fold,) = found(block, className="fold")
    assert texts(fold) == "13 limits are ok, folded: show them"
    assert fold["props"]["href"] == "/?ok=shown"
    monkeypatch.setattr("dashboards.pages.overview.AT_FIRST", 11)
    block = pages.call("overview-limits.children")
    assert len(found(block, className="limit-link")) == 11, "a screen is filled with what comes next"
    assert texts(found(block, className="fold")[0]) == "10 more limits are ok, folded: show them"
    monkeypatch.setattr("dashboards.pages.overview.AT_FIRST", 30)
    assert not found(pages.call("overview-limits.children"), className="fold")
    assert len(found(pages.call("overview-limits.children", search="?ok=shown"), className="limit-link")) == 21
    assert len(found(pages.call("overview-limits.children", search="?state=ok"), className="limit-link")) == 13, (
        "asked for is shown"
    )


@pytest.mark.parametrize(
    ("path", "title"),
    [("/", "Overview"), ("/cost", "Cost"), ("/platforms", "Platforms"), ("/platforms/scribe", "Scribe · Health"),
     ("/platforms/scribe/limits", "Scribe · Limits"), ("/platforms/scribe/live", "Scribe · Live")],
)  # fmt: skip
def test_every_page_names_itself(pages: Driven, path: str, title: str) -> None:
    from dashboards.filters import parse
    from dashboards.shell import page_title

    assert page_title(parse(path, ""), pages.parts.packs) == title


def test_a_limit_that_ran_out_says_since_when(make_pages: MakePages) -> None:
    parts = sample_parts()
    driven = make_pages(parts)
    words = texts(driven.call("drawer.children", search="?limit=scribe.pool"))
    assert "unknown since before 12:00" in words
    words = texts(driven.call("drawer.children", search="?limit=arena.worlds_us"))
    assert "tight since before 13 Nov 21:00" in words
