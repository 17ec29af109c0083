"""Pages that need no script and no other file: the frame around an alert's page, a runbook, a status page. Light or dark as the reader's system is."""

from __future__ import annotations

import re
from html import escape

from fastapi.responses import HTMLResponse

from dashboards.filters import parse

STYLE = """
:root{color-scheme:light dark;--page:#F4F5F7;--surface:#FFFFFF;--text:#15181E;--dim:#565F6D;--line:#DFE3E8;--track:#E9ECF0;--accent:#0A62A8;
--ok:#6E87A4;--tight:#CC6E00;--tight-text:#985000;--exhausted:#A8123E;--unknown:#6F7885}
@media (prefers-color-scheme:dark){:root{--page:#0E1116;--surface:#151A21;--text:#E8EBEF;--dim:#9BA6B4;--line:#2A313B;--track:#2A323D;--accent:#6DB5F2;
--ok:#7089A8;--tight:#F2A93B;--tight-text:#F2A93B;--exhausted:#FF5470;--unknown:#8D97A5}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);font:400 14px/21px Inter,system-ui,sans-serif;overflow-wrap:anywhere}
header{display:flex;gap:14px;align-items:center;height:44px;padding:0 16px;background:var(--surface);border-bottom:1px solid var(--line);white-space:nowrap;overflow:hidden}
header a:first-child{color:var(--text);font-weight:600}
header .end{margin-left:auto;color:var(--dim);font-size:12px}
main{max-width:860px;margin:0 auto;padding:12px 16px 40px}
h1{font-size:20px;line-height:26px;font-weight:600;margin:4px 0 4px;letter-spacing:-.01em}
h2{font-size:14px;line-height:20px;font-weight:600;margin:22px 0 6px}
h3{font-size:14px;line-height:20px;margin:14px 0 4px}
p{margin:0 0 8px}
a{color:var(--accent);text-decoration:none}a:hover,p a{text-decoration:underline}
.dim{color:var(--dim)}.small{font-size:12px;line-height:18px}.strong{font-weight:600}
.num,dd,td{font-variant-numeric:tabular-nums}
.card{background:var(--surface);border:1px solid var(--line);border-radius:8px;padding:10px 14px}
dl{display:grid;grid-template-columns:84px minmax(0,1fr);gap:2px 10px;margin:8px 0}
dt{color:var(--dim)}dd{margin:0}
ul,ol{margin:0 0 8px;padding-left:20px}
ul.plain{list-style:none;padding:0}ul.plain.card{padding:4px 14px}ul.plain li{padding:4px 0;border-top:1px solid var(--line)}ul.plain li:first-child{border-top:0}
table{width:100%;border-collapse:collapse}th{font-size:12px;font-weight:500;color:var(--dim);text-align:left;padding:4px 8px 4px 0}
td{border-top:1px solid var(--line);padding:5px 8px 5px 0;vertical-align:top}
pre{overflow-x:auto;background:var(--page);border:1px solid var(--line);border-radius:6px;padding:8px 10px;font:12px/18px ui-monospace,monospace;margin:0 0 8px;overflow-wrap:normal}
code{font:12px/18px ui-monospace,monospace}
.button,button{display:inline-flex;align-items:center;justify-content:center;min-height:44px;padding:0 12px;border:1px solid var(--line);border-radius:6px;background:var(--surface);color:var(--text);font:inherit;font-weight:500;cursor:pointer;text-align:center}
button.first{background:var(--accent);border-color:var(--accent);color:var(--page);font-weight:600}
input[type=text]{width:100%;min-height:40px;padding:0 10px;border:1px solid var(--line);border-radius:6px;background:var(--page);color:inherit;font:inherit;font-size:16px}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.badge{display:inline-block;border:1px solid var(--line);border-radius:10px;padding:0 7px;font-size:11px;line-height:16px;color:var(--dim);font-weight:500;white-space:nowrap}
.glyph{display:inline-block;width:12px;height:12px;vertical-align:-1px;flex:none}
.glyph.exhausted{background:var(--exhausted);border-radius:1px}.glyph.tight{background:var(--tight);clip-path:polygon(50% 4%,100% 96%,0 96%)}
.glyph.ok{border:2px solid var(--ok);border-radius:50%;width:10px;height:10px;margin:1px}
.glyph.unknown{border:1px dashed var(--unknown);background:repeating-linear-gradient(135deg,var(--unknown) 0 1px,transparent 1px 3px)}
.said{border-left:3px solid var(--accent);padding:6px 12px;background:var(--surface);margin:0 0 8px}.said.bad{border-left-color:var(--exhausted)}
"""


def plain_page(title: str, body: str, *, style: str = "", nav: str = "", end: str = "", refresh_s: int = 0) -> str:
    """A whole page. `title` and `end` are text, `nav` and `body` HTML that was escaped by whoever made it; `refresh_s`: loads itself anew so often."""
    refresh = f'<meta http-equiv="refresh" content="{refresh_s}">' if refresh_s else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="robots" content="noindex">{refresh}<link rel="icon" href="data:,"><title>{escape(title)} · Roomleft</title>'
        f'<style>{STYLE}{style}</style></head><body><header>{nav}<span class="end">{escape(end)}</span></header><main>{body}</main></body></html>'
    )


def html_answer(text: str, status: int = 200, *, cache: str = "no-store") -> HTMLResponse:
    """The page as an answer."""
    return HTMLResponse(text, status, {"cache-control": cache})


def glyph(state: str) -> str:
    """The shape of a state; the word stands beside it."""
    return f'<span class="glyph {state}" aria-hidden="true"></span>'


NAV = '<a href="/">Roomleft</a><a href="/on-call">On call</a>'
"""The head of pages for those who are signed in."""
KEEPS_ALL = "/alerts"
"""A page that has no filters of its own."""
_PAGE_LINK = re.compile(r'(href|action|formaction)="(/(?!/|api/|assets/|s/|export/)[^"?#]*)(#[^"]*)?"')


def keeping(text: str, query: str) -> str:
    """The page with its links to other pages, and its forms, carrying what the address asks for: range, platform, zone, comparison."""
    kept = escape(kept_query(query))
    return _PAGE_LINK.sub(lambda link: f'{link[1]}="{link[2]}?{kept}{link[3] or ""}"', text) if kept else text


def kept_query(query: str) -> str:
    """What of an address's query its links carry on; empty for nothing."""
    return parse(KEEPS_ALL, query).href("/").partition("?")[2]
