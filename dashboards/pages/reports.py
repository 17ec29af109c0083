"""Reports: what was made and sent, as mailed; who gets the next and when; a report made now; reports of a platform as files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from dash import Dash, Input, Output, State, html

from dashboards import report_words, wording
from dashboards.addresses import rows_told
from dashboards.archive_rows import Archived, Post, kept_report, post, post_told, shown_safely
from dashboards.block import Pages, calm
from dashboards.components import states
from dashboards.components.marks import age, link
from dashboards.components.tables import table_card
from dashboards.components.term import glossed
from dashboards.exports_reports import ENDINGS
from dashboards.exports_reports import PATH as EXPORT
from dashboards.filters import Filters, parse
from dashboards.shell import Id as Shell
from roomleft.packs import Pack
from warehouse.state import Scope
from warehouse.state.archive import Report
from warehouse.state.mailings import Mailing

PATH = "/reports"
API = "/api/v1/reports"
RECIPIENTS_API = "/api/v1/recipients"
WEEK = timedelta(days=8)
"""A weekly report older than this should have been followed by another."""
EVER = timedelta(days=36_500)
WEEKLY = "weekly"
MADE_NOW = {"capacity": f"{API}/capacity", "cost": f"{EXPORT}/cost"}
"""Reports of a platform that are made when they are asked for: where, without the ending."""


class Id(StrEnum):
    """Ids of this page."""

    TOP = "reports-top"
    OPEN = "reports-open"
    RECIPIENTS = "reports-recipients"
    ARCHIVE = "reports-archive"
    FILES = "reports-files"


def layout() -> list[Any]:
    """Skeletons of the final heights."""
    return [
        html.Div(states.skeleton(56), id=Id.TOP, className="top oncall-top"),
        html.Div(states.coming(), id=Id.OPEN),
        html.Div(states.skeleton(160), id=Id.RECIPIENTS),
        html.Div(states.skeleton(220), id=Id.ARCHIVE),
        html.Div(states.skeleton(160), id=Id.FILES),
    ]


def top(found: Post, filters: Filters, packs: Mapping[str, Pack], wall: datetime) -> list[Any]:
    """The sentence, why nothing can be sent, and what can be done."""
    newest = max((each.row["made_at"] for each in found.archived), default=None)
    said: list[Any] = ["The newest was made ", age(newest, wall, old=WEEK), " ago."] if newest else ["None has been made yet."]
    problems = sum(len(each.problems) for each in found.archived[:1])
    if problems:
        said.append(html.Span(f" {wording.plural(problems, 'copy', 'copies')} of it did not arrive.", className="bad"))
    if undelivered := report_words.undelivered_words(found):
        said.append(html.Span(f" {undelivered}", className="bad"))
    notes = []
    if found.unready:
        notes.append(states.note(f"No mail can be sent: {found.unready}. Reports are made all the same and kept here."))
    told = json.dumps(
        {"zone": filters.zone.key, "platforms": [filters.platform] if filters.platform else [], "known": list(packs)}
    )
    acts = [
        link("Preview this week's", filters.href(preview=WEEKLY, report=None), "button"),
        html.Button("Send now", className="button primary", **{"data-act": "send-report", "data-told": told}),
    ]
    return [
        html.Div([html.H1(glossed(report_words.sentence(found, wall))), html.P(glossed(said)), *notes], className="verdict"),
        html.Div(acts, className="budget-acts"),
    ]


def recipients_block(found: Post, packs: Mapping[str, Pack], filters: Filters, wall: datetime) -> list[Any]:
    """Who gets it, and the form."""
    told = json.dumps({"zone": filters.zone.key, "known": list(packs)})
    add = html.Button("Add a recipient", className="button", **{"data-act": "add-recipient", "data-told": told})
    head = html.Div([html.H2("Recipients"), add], className="reports-head")
    if not found.recipients:
        return [
            head,
            *_ended(found, filters, wall),
            states.empty(
                "Nobody gets the weekly report.", then="Add an address above: it comes on Monday at 08:00 of the zone you choose."
            ),
        ]
    rows = [_recipient(each, filters, wall) for each in found.recipients]
    heads = ("Address", "When", "Next", "Of", "The last copy", "Added", "")
    return [
        head,
        table_card("The weekly report goes to", heads, rows, name="recipients", cards=True),
        *_ended(found, filters, wall),
    ]


def _ended(found: Post, filters: Filters, wall: datetime) -> list[Any]:
    """Those who ended, or were ended, in the last 30 days: nobody leaves without a trace."""
    return [
        html.P(
            [
                html.Span(each["address"], className="mono wrap"),
                f" was ended on {wording.moment(each['ended_at'], wall, filters.zone)} by {each['ended_by']}.",
            ],
            className="dim recipient-ended",
        )
        for each in found.ended
    ]


def _recipient(each: Mapping[str, Any], filters: Filters, wall: datetime) -> list[Any]:
    told = json.dumps({"id": each["id"], "address": each["address"]})
    last = each["last"]
    failed = last is not None and last["state"] in ("refused", "given_up", "unknown")
    return [
        html.Span(each["address"], className="mono wrap"),
        report_words.terms_words(each),
        report_words.next_words(each, wall),
        html.Span(", ".join(each["platforms"]) or "all platforms", className="wrap"),
        html.Span(report_words.last_words(last, wall, filters.zone), className="wrap bad" if failed else "wrap"),
        html.Span([f"by {each['made_by']}, ", age(each["made_at"], wall, old=EVER), " ago"], className="dim wrap"),
        html.Div(html.Button("End", className="button", **{"data-act": "end-recipient", "data-told": told}), className="a-acts"),
    ]


def archive_block(archived: Sequence[Archived], filters: Filters, wall: datetime) -> list[Any]:
    """What was made, newest first."""
    head = html.H2("Archive", className="section-title")
    if not archived:
        of = f" of {filters.platform}" if filters.platform else ""
        acts = [link("Preview this week's", filters.href(preview=WEEKLY, report=None), "button")]
        return [
            head,
            states.empty(f"No report{of} has been made yet. One is made for each recipient's Monday, or now by Send now.", acts),
        ]
    heads = ("Subject", "Made", "Copies", "Missing", "Files")
    return [
        head,
        table_card("Newest first", heads, [_archived(each, filters, wall) for each in archived], name="archive", cards=True),
    ]


def _archived(each: Archived, filters: Filters, wall: datetime) -> list[Any]:
    row = each.row
    opened = filters.get("report") == row["report_key"]
    what = [report_words.REPORT_WORDS.get(row["report"], row["report"]), row["platform"], report_words.period_words(row, wall)]
    files = [
        html.A(file["name"], href=file_href(row["report_key"], file["name"]), download=file["name"])
        for file in row["files"]
        if not _picture(file)
    ]
    return [
        html.Div(
            [
                link(row["subject"], filters.href(report=None if opened else row["report_key"], preview=None), "row-link"),
                html.Div(" · ".join(part for part in what if part), className="dim small"),
            ],
            className="wrap",
        ),
        html.Span(
            [wording.when(row["made_at"], wall, filters.zone), " · ", age(row["made_at"], wall, old=EVER), " ago"],
            className="nowrap",
        ),
        html.Span(report_words.sent_words(each), className="bad wrap" if each.problems else "wrap"),
        html.Span(row["missing"], className="wrap") if row["missing"] else html.Span("nothing", className="dim"),
        html.Div([*files, html.Div(report_words.files_total(row["files"]), className="dim small")], className="said"),
    ]


def _picture(file: Mapping[str, Any]) -> bool:
    return str(file["media_type"]).startswith("image/")


def file_href(key: str, name: str) -> str:
    """Where a file of a report is read."""
    return f"{API}/{quote(key, safe='/')}/files/{quote(name, safe='')}"


def opened(report: Report, mailings: Sequence[Mailing], filters: Filters, wall: datetime, *, kept: bool) -> html.Section:
    """A report as it is mailed: in a frame in which nothing runs; its text; its files; its copies."""
    narrow = filters.get("as") == "phone"
    views = [
        link("Wide", filters.href(**{"as": None}), "chip", current=not narrow and filters.get("as") != "text"),
        link("Phone", filters.href(**{"as": "phone"}), "chip", current=narrow),
        link("Text part", filters.href(**{"as": "text"}), "chip", current=filters.get("as") == "text"),
    ]
    if filters.get("as") == "text":
        shown: Any = html.Pre(report.text, className="mail-text", tabIndex=0)
    else:
        shown = html.Iframe(
            srcDoc=shown_safely(report), sandbox="", title=f"The report as mailed: {report.subject}", className="mail-frame phone" if narrow else "mail-frame",
        )  # fmt: skip
    files = [
        html.A(
            f"{each.name} ({wording.size_bytes(len(each.content))})",
            href=file_href(report.report_key, each.name),
            download=each.name,
            className="chip",
        )
        for each in report.files
        if kept and not each.media_type.startswith("image/")
    ]
    head = (
        "Preview: made just now, kept nowhere, sent to nobody"
        if not kept
        else f"Made {wording.moment(report.made_at, wall, filters.zone)}"
    )
    copies = [
        html.Li([html.Span(each.address, className="mono"), f" {report_words.copy_words(each, wall, filters.zone)}"])
        for each in mailings
    ]
    return html.Section(
        [
            html.Div(
                [html.H2(report.subject), link("Close", filters.href(report=None, preview=None, **{"as": None}), "button")],
                className="card-head",
            ),
            html.Div(
                [
                    head,
                    ", ",
                    report_words.period_words(
                        {"zone": report.zone, "period_from": report.period_from, "period_to": report.period_to}, wall
                    ),
                ],
                className="card-context",
            ),
            states.note(f"Missing in it: {report.missing}.") if report.missing else None,
            html.Div(
                [html.Div(views, className="chip-group"), html.Div(files, className="chip-group")], className="chips mail-views"
            ),
            shown,
            html.Ul(copies, className="mail-copies") if copies else None,
        ],
        className="card report-open",
        **{"aria-label": report.subject, "data-report": report.report_key},
    )


def files_block(packs: Mapping[str, Pack], filters: Filters) -> list[Any]:
    """Capacity and cost reports of each platform, made when they are asked for."""
    head = html.H2("Reports of a platform, made now", className="section-title")
    slugs = [slug for slug in packs if filters.platform in (None, slug)]
    if not slugs:
        return [head, states.empty("No platform is connected.", [link("Sources", filters.href("/sources"), "button")])]
    rows = [[html.Strong(packs[slug].title), *[_downloads(kind, at, slug) for kind, at in MADE_NOW.items()]] for slug in slugs]
    heads = ("Platform", *[report_words.REPORT_WORDS[kind] for kind in MADE_NOW])
    note = "made from the newest rows when the link is followed"
    return [head, table_card("As files", heads, rows, name="report-files", note=note, cards=True)]


def _downloads(kind: str, at: str, slug: str) -> html.Span:
    links: list[Any] = []
    for ending, words in ENDINGS.items():
        links += [html.A(words, href=f"{at}.{ending}?platform={quote(slug)}", download=f"{kind}-{slug}.{ending}"), " · "]
    return html.Span(links[:-1], className="report-links")


def register(app: Dash, pages: Pages) -> None:
    """Connects the page."""
    parts = pages.parts

    async def read(filters: Filters) -> Post:
        found: Post = await pages.read(("post", filters.platform), lambda: post(parts, filters.platform))
        return post_told(found)

    @app.callback(Output(Id.TOP, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname"))
    async def show_top(search: str | None, tick: int | None, path: str | None) -> Any:
        calm(tick)
        filters = parse(path, search)

        async def make() -> Any:
            return top(await read(filters), filters, parts.packs, parts.state.clock.now())

        return await pages.guard(make)

    @app.callback(
        Output(Id.RECIPIENTS, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_recipients(search: str | None, tick: int | None, path: str | None) -> Any:
        calm(tick)
        filters = parse(path, search)

        async def make() -> Any:
            return recipients_block(await read(filters), parts.packs, filters, parts.state.clock.now())

        return await pages.guard(make)

    @app.callback(
        Output(Id.ARCHIVE, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_archive(search: str | None, tick: int | None, path: str | None) -> Any:
        calm(tick)
        filters = parse(path, search)

        async def make() -> Any:
            return archive_block((await read(filters)).archived, filters, parts.state.clock.now())

        return await pages.guard(make)

    @app.callback(Output(Id.FILES, "children"), Input(Shell.URL, "search"), State(Shell.URL, "pathname"))
    async def show_files(search: str | None, path: str | None) -> Any:
        filters = parse(path, search)

        async def make() -> Any:
            return files_block(parts.packs, filters)

        return await pages.guard(make)

    # Not with every tick: a preview takes a moment to draw, and whoever reads a mail must not have it taken away.
    @app.callback(Output(Id.OPEN, "children"), Input(Shell.URL, "search"), State(Shell.URL, "pathname"))
    async def show_open(search: str | None, path: str | None) -> Any:
        filters = parse(path, search)
        key, preview = filters.get("report"), filters.get("preview")
        if not key and not preview:
            return None

        async def make() -> Any:
            wall = parts.state.clock.now()
            if preview:
                only = [filters.platform] if filters.platform else []
                made = await pages.read(
                    ("preview", filters.platform, filters.zone.key), lambda: parts.mailer.preview(only, filters.zone.key)
                )
                return opened(made, (), filters, wall, kept=False)
            found = await pages.read(("report", key), lambda: kept_report(parts, key))
            if found is None:
                return states.empty(f"There is no report {key[:100]}.", [link("Close", filters.href(report=None), "button")])
            report, mailings = found
            return opened(report, rows_told(mailings, Scope.ADMIN, "address", "answer"), filters, wall, kept=True)

        return await pages.guard(make)
