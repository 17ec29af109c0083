"""The capacity report as plain text that reads well at 78 columns: a mail's text part, a file, and what the command prints."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import chain

from dashboards.reports import capacity_facts as facts
from dashboards.reports.capacity_facts import Content, Item

WIDTH, INDENT = 78, "  "
HELD = str.maketrans({"\u202f": "\ue000", "\u00a0": "\ue001"})
BACK = str.maketrans({"\ue000": "\u202f", "\ue001": "\u00a0"})
"""Spaces that keep a number and its unit together: the wrapping would break lines at them."""


def capacity_text(content: Content) -> str:
    """The whole report, each line at most 78 characters but for words that are longer themselves."""
    title = facts.heading(content)
    out = [title, "=" * min(len(title), WIDTH), "", *_wrapped(content["verdict"])]
    if content["first"]:
        out += _wrapped(content["first"])
    for words in facts.intro(content):
        out += ["", *_wrapped(words)]
    for section in facts.sections(content):
        out += ["", section.title.upper(), "-" * len(section.title)]
        out += _wrapped(section.note) if section.note else []
        out += chain.from_iterable(_item(item) for item in section.items)
        if not section.items and section.empty:
            out += _wrapped(section.empty)
    return "\n".join([*out, "", *_wrapped(facts.foot(content)), ""])


def _item(item: Item) -> Iterator[str]:
    right = f"  [{item.right}]" if item.right else ""
    yield ""
    yield from _wrapped(f"{item.name}{right}")
    for line in item.lines:
        yield from _wrapped(line, INDENT)


def _wrapped(text: str, indent: str = "") -> list[str]:
    lines = textwrap.wrap(
        text.translate(HELD),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.translate(BACK) for line in lines]
