"""Sources: whether each is read, how far behind it is, what was last wrong and what fixes it; and the rows that were refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode

from dash import Dash, Input, Output, State, html

from dashboards import wording
from dashboards.api.quarantine import STREAMS
from dashboards.block import Pages
from dashboards.components import states
from dashboards.components.marks import age, glyph, link
from dashboards.components.term import glossed
from dashboards.filters import Filters, parse
from dashboards.parts import SourceStatus
from dashboards.shell import Id as Shell
from roomleft.packs import Pack
from warehouse.quarantine import quarantine_counts

PATH = "/sources"
CONNECT = "bin/roomleft connect --help"
STATE_GLYPH = {"ok": "ok", "failing": "exhausted", "silent": "tight", "unknown": "unknown", "waiting": "unknown"}
STATE_WORDS = {
    "ok": "Read",
    "failing": "Failing",
    "silent": "Silent",
    "unknown": "Unknown",
    "waiting": "Not read yet",
}
ORDER = ("failing", "silent", "unknown", "waiting", "ok")
LATE_INTERVALS = 3
HEADS = ("State", "Source", "Kind", "Last success", "Lag", "Rows in 24 h", "Last error and its fix", "")


class Id(StrEnum):
    """Ids of this page."""

    LIST = "sources-list"
    QUARANTINE = "sources-quarantine"


def layout() -> list[Any]:
    """Skeletons."""
    return [
        html.H1("Sources", className="page-title"),
        html.Div(states.skeleton(240), id=Id.LIST),
        html.H2("Refused rows", className="section-title"),
        html.Div(states.skeleton(80), id=Id.QUARANTINE),
    ]


def sentence(sources: Sequence[SourceStatus]) -> str:
    """The page in one sentence."""
    bad = [each for each in sources if each.state in ("failing", "silent")]
    unknown = [each for each in sources if each.state == "unknown"]
    if not sources:
        return "Nothing is connected yet."
    if not bad and not unknown:
        return f"All {len(sources)} sources are read." if len(sources) > 1 else "The source is read."
    parts = []
    if bad:
        parts.append(f"{len(bad)} of {wording.plural(len(sources), 'source')} {'is' if len(bad) == 1 else 'are'} not read")
    if unknown:
        parts.append(f"{len(unknown)} cannot be judged from here")
    words = "; ".join(parts)
    return f"{words[0].upper()}{words[1:]}."


def source_table(sources: Sequence[SourceStatus], packs: Mapping[str, Pack], filters: Filters, now: datetime) -> html.Div:
    """One row a source, worst first."""
    ranked = sorted(sources, key=lambda each: (ORDER.index(each.state), each.platform, each.source, each.kind))
    rows = [_row(each, packs, filters, now) for each in ranked]
    heads = [html.Th(name, scope="col", className="num" if name in ("Lag", "Rows in 24 h") else None) for name in HEADS]
    return html.Div(
        html.Table([html.Thead(html.Tr(heads)), html.Tbody(rows)], className="plain-table cards sources"),
        className="card flush table-scroll",
    )


def _row(each: SourceStatus, packs: Mapping[str, Pack], filters: Filters, now: datetime) -> html.Tr:
    old = LATE_INTERVALS * each.interval
    pack = packs.get(each.platform)
    home = link(pack.title if pack else each.platform, filters.href(f"/platforms/{each.platform}"))
    lag: Any = "–"
    if each.read_to is not None:
        lag = age(each.read_to, now, old=max(old, timedelta(minutes=5)))
    if not each.caught_up and each.state == "ok":
        lag = html.Span([lag, " reading history"], className="dim")
    rows = f"{each.rows_24h:,}" if each.rows_24h is not None else "–"
    if each.series is not None:
        rows = f"{rows} ({each.series:,} series)"
    fault = (
        [html.Div(each.words), html.Div(f"Fix: {each.hint}.", className="source-fix") if each.hint else None]
        if each.words
        else ""
    )
    test = html.Button(
        "Test now",
        className="button",
        **{"data-act": "test-source", "data-url": f"/api/v1/sources/{quote(each.source, safe='')}/test"},
    )
    cells = [
        html.Span([glyph(STATE_GLYPH[each.state], labelled=False), STATE_WORDS[each.state]], className="status"),
        [html.Div([home, html.Span(f" · {each.source}", className="dim")]), html.Div(each.address, className="dim mono")],
        [each.kind, html.Div(f"every {wording.age(each.interval)}", className="dim")],
        age(each.last_success_at, now, old=old) if each.last_success_at else "never",
        lag,
        rows,
        fault,
        test,
    ]
    classes = {4: "num", 5: "num", 6: "source-words"}
    return html.Tr(
        [html.Td(cell, className=classes.get(number), **{"data-label": HEADS[number]}) for number, cell in enumerate(cells)]
    )


def refused(counts: Sequence[Mapping[str, Any]], now: datetime) -> Any:
    """The refused rows by source and stream, to download, correct and send again."""
    if not counts:
        return states.empty("No row was refused in the last 90 days.", then="Nothing to do.")
    rows = []
    for each in counts:
        query = urlencode({"source": each["source"], "stream": each["stream"]})
        again = each["stream"] in STREAMS
        rows.append(
            html.Tr(
                [
                    html.Td([each["source"], html.Span(f" · {each['stream']}", className="dim")]),
                    html.Td(f"{each['refused_rows']:,}", className="num"),
                    html.Td(age(each["last_at"], now, old=timedelta(days=36_500)), className="num"),
                    html.Td(each["usual_reason"], className="source-words"),
                    html.Td(
                        html.A(
                            "Download", href=f"/export/rejected.ndjson?{query}", className="button", download="rejected.ndjson"
                        )
                        if again
                        else html.Span("its source still has them", className="dim")
                    ),
                ]
            )
        )
    heads = [html.Th(name, scope="col", className="num" if name in ("Rows", "Newest") else None) for name in REFUSED_HEADS]
    total = sum(each["refused_rows"] for each in counts)
    return [
        html.P(
            f"{wording.plural(total, 'row')} did not fit and {'is' if total == 1 else 'are'} kept here for 90 days. Download them, correct "
            "what the reason names, and send the file again: each row goes where it first belonged, and none is counted twice.",
            className="page-sub",
        ),
        html.Div(
            html.Table([html.Thead(html.Tr(heads)), html.Tbody(rows)], className="plain-table"),
            className="card flush table-scroll",
        ),
        html.Div(
            html.Button("Send corrected rows", className="button", **{"data-act": "choose-rejected"}), style={"marginTop": 8}
        ),
    ]


REFUSED_HEADS = ("Source", "Rows", "Newest", "Most frequent reason", "")


def register(app: Dash, pages: Pages) -> None:
    """Connects the page."""
    parts = pages.parts

    @app.callback(
        Output(Id.LIST, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            sources = [each for each in await pages.read("sources", parts.sources) if filters.platform in (None, each.platform)]
            if not sources:
                how = html.Code(CONNECT, className="mono")
                return states.empty("Nothing is connected yet. To see what can be, run:", [how])
            note = "Lag is how far behind now the newest complete reading is."
            return [
                html.P([sentence(sources), " ", html.Span(glossed(note), className="dim")], className="page-sub"),
                source_table(sources, parts.packs, filters, now),
            ]

        return await pages.guard(make)

    @app.callback(Output(Id.QUARANTINE, "children"), Input(Shell.TICK, "data"))
    async def show_refused(_tick: int | None) -> Any:
        async def make() -> Any:
            counts = await pages.read("quarantine", lambda: quarantine_counts(parts.store))
            return refused(counts, parts.clock.now())

        return await pages.guard(make)
