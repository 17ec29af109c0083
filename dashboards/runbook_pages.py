"""Runbooks as pages: the Markdown files below docs/runbooks, as simple HTML in which nothing can run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response

from dashboards.plain_pages import NAV, html_answer, keeping, plain_page
from roomleft.packs_yaml import nearest
from roomleft.settings import ROOT

FOLDER = ROOT / "docs" / "runbooks"
PREFIX = "docs/runbooks/"
INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\(([^()\s]+)\)|(?<![\w*])\*([^*\s](?:[^*]*[^*\s])?)\*(?![\w*])")
ITEM = re.compile(r"^\s*(?:[-*]|(\d+)\.)\s+(.*)$")
MOST_BYTES = 200_000


def runbook_href(named: str) -> str:
    """Where a runbook that a rule names is read: a page of this server, or the address it gives; empty for none."""
    if not named or named.startswith(("http://", "https://")):
        return named
    plain = named.removeprefix("../").removeprefix(PREFIX).removeprefix("runbooks/")
    return f"/runbooks/{escape(plain, quote=True)}"


def make_runbook_pages(folder: Path = FOLDER) -> APIRouter:
    """GET /runbooks/<path>."""
    router = APIRouter()

    @router.get("/runbooks/{path:path}", include_in_schema=False)
    def runbook(path: str, request: Request) -> Response:
        found = _file(folder, path)
        if found is None:
            near = nearest(path[:200].removesuffix(".md"), named(folder), "one of")
            body = (
                f"<h1>There is no runbook {escape(path[:200])}</h1><p>Runbooks are the Markdown files below docs/runbooks "
                f'({escape(near)}).</p><p><a href="/on-call">On call</a> leads from each alert to its own.</p>'
            )
            return html_answer(keeping(plain_page("No such runbook", body, nav=NAV), request.url.query), 404)
        text = found.read_text(encoding="utf-8", errors="replace")[:MOST_BYTES]
        title = next((line.lstrip("# ").strip() for line in text.splitlines() if line.startswith("#")), found.stem)
        page = plain_page(title, f'<article class="card">{html_of(text)}</article>', nav=NAV, end="Runbook")
        return html_answer(keeping(page, request.url.query))

    return router


def named(folder: Path) -> list[str]:
    """The names of all runbooks, as an address says them."""
    return sorted(each.relative_to(folder).with_suffix("").as_posix() for each in folder.rglob("*.md"))


def _file(folder: Path, path: str) -> Path | None:
    """The file that a path names, never one outside the folder."""
    if "\0" in path or PurePosixPath(path).suffix not in ("", ".md"):
        return None
    named = folder / (path if path.endswith(".md") else f"{path}.md")
    resolved = named.resolve()
    return resolved if resolved.is_relative_to(folder.resolve()) and resolved.is_file() else None


def html_of(text: str) -> str:
    """Headings, paragraphs, lists, tables, code, bold, emphasis and links. Everything else stays text; nothing of the file becomes a tag by itself."""
    return "".join(_blocks(text.replace("\r\n", "\n").split("\n")))


def _blocks(lines: list[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("```"):
            end = next((n for n in range(at + 1, len(lines)) if lines[n].startswith("```")), len(lines))
            yield f"<pre><code>{escape(chr(10).join(lines[at + 1 : end]))}</code></pre>"
            at = end + 1
        elif match := re.match(r"^(#{1,4})\s+(.*)$", line):
            level = len(match[1])
            yield f'<h{level} id="{anchor(match[2])}">{_inline(match[2])}</h{level}>'
            at += 1
        elif ITEM.match(line):
            end = _until(lines, at, lambda each: bool(ITEM.match(each)) or (each.startswith((" ", "\t")) and bool(each.strip())))
            yield _list(lines[at:end])
            at = end
        elif line.startswith("|") and at + 1 < len(lines) and re.match(r"^\|[\s:|-]+\|?$", lines[at + 1]):
            end = _until(lines, at, lambda each: each.startswith("|"))
            yield _table(lines[at:end])
            at = end
        elif not line.strip():
            at += 1
        else:
            end = _until(
                lines, at, lambda each: bool(each.strip()) and not each.startswith(("#", "```", "|")) and not ITEM.match(each)
            )
            yield f"<p>{_inline(' '.join(each.strip() for each in lines[at:end]))}</p>"
            at = max(end, at + 1)


def _until(lines: list[str], at: int, fits: object) -> int:
    end = at
    while end < len(lines) and fits(lines[end]):  # type: ignore[operator]
        end += 1
    return end


def _list(lines: list[str]) -> str:
    items: list[str] = []
    for line in lines:
        match = ITEM.match(line)
        if match:
            items.append(match[2])
        elif items:
            items[-1] += f" {line.strip()}"
    first = ITEM.match(lines[0])
    kind = "ol" if first and first[1] else "ul"
    return f"<{kind}>{''.join(f'<li>{_inline(item)}</li>' for item in items)}</{kind}>"


def _table(lines: list[str]) -> str:
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if not re.match(r"^\|[\s:|-]+\|?$", line)
    ]
    head = "".join(f"<th>{_inline(cell)}</th>" for cell in rows[0])
    body = "".join(f"<tr>{''.join(f'<td>{_inline(cell)}</td>' for cell in row)}</tr>" for row in rows[1:])
    return f"<table><tr>{head}</tr>{body}</table>"


def _inline(text: str) -> str:
    found, last = [], 0
    for match in INLINE.finditer(text):
        found.append(escape(text[last : match.start()]))
        code, bold, words, href, leaning = match.groups()
        if code is not None:
            found.append(f"<code>{escape(code)}</code>")
        elif bold is not None:
            found.append(f"<strong>{_inline(bold)}</strong>")
        elif leaning is not None:
            found.append(f"<em>{_inline(leaning)}</em>")
        else:
            found.append(_link(words, href))
        last = match.end()
    return "".join(found) + escape(text[last:])


def _link(words: str, href: str) -> str:
    """Links to web pages, to places of this page, and to other files of ours; others stay text."""
    try:
        scheme = urlsplit(href).scheme
    except ValueError:
        scheme = "?"
    if scheme in ("http", "https") or (not scheme and not href.startswith("//")):
        return f'<a href="{escape(href, quote=True)}" rel="noreferrer">{escape(words)}</a>'
    return escape(words)


def anchor(heading: str) -> str:
    """A heading's place in its page, as code forges name it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
