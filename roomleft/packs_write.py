"""Writing a pack as YAML that a person will read and edit, and adding to one without touching what they wrote.

`pack_text` writes a whole pack. `extended` adds entries to the text of an existing one: its comments, order and amounts stay as they are.
Both take plain data in the form a pack is written in: maps, lists, texts, whole numbers, true and false; Decimal and timedelta are spelt out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from roomleft.packs_yaml import Document, read_yaml_text

Data = dict[str, Any]
HEAD = (
    "# {slug}: written by `bin/roomleft connect`, and yours to edit. `bin/roomleft check` says whether an edit is right,",
    "# `bin/roomleft reload` puts it in force. docs/packs.md explains every section.",
)
SECTIONS: Mapping[str, str] = {
    "slug": "",
    "title": "",
    "summary": "",
    "zone": "",
    "source": "Its platform API. The token is not in this file; token_env is the name that it is kept under.",
    "sources": "What is read. Passwords and tokens are not in this file; password_env and token_env are the names that they are kept under.",
    "states": "What figures speak of.",
    "components": "The parts whose health is shown; `critical: true` ones take the platform down with them.",
    "thresholds": "Named lines that limits and charts refer to.",
    "signals": "The charts of each part's page. Remove what nobody looks at; any series that is read may be added.",
    "meters": "Questions to what was read. Limits are made of them.",
    "limits": "What can run out. Every amount is a proposal: put in your own, and who owns each.",
    "targets": "",
    "prices": "",
    "costs": "",
}
"""The sections that lead, in their order, and what each says of itself. Others follow in the order they come."""
LINES = frozenset({"components", "signals", "sources", "targets"})
"""Lists whose entries take a line each."""
PLAIN = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_ .%/()+<>=≥≤−–’-]*[A-Za-z0-9_.%/)+’-])?")
SPAN = re.compile(r"[0-9]+(?:ms|s|m|h|d|w)")
RESERVED = frozenset({"true", "false", "null"})
IN_QUOTES = re.compile(r"[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Extended:
    """The new text of a pack. `kept`: everything a person wrote is still in it, comments too; otherwise it had to be written anew."""

    text: str
    kept: bool


def pack_text(data: Mapping[str, Any]) -> str:
    """A whole pack as YAML, section by section, each with a line that says what it is."""
    order = [*(name for name in SECTIONS if name in data), *(name for name in data if name not in SECTIONS)]
    lines = [line.format(slug=data.get("slug", "pack")) for line in HEAD]
    for name in order:
        value = data[name]
        if value is None or (isinstance(value, (list, dict)) and not value):
            continue
        lines += _section(name, value)
    return "\n".join(lines) + "\n"


def merged(data: Mapping[str, Any], add: Mapping[str, Any]) -> Data:
    """`data` with the entries of `add`: lists grow at their end (a source of a known name is replaced), maps take what they lack, texts stay."""
    whole: Data = dict(data)
    for name, value in add.items():
        before = whole.get(name)
        if isinstance(value, list):
            kept = list(before or [])
            for item in value:
                place = _place_of(kept, item) if name == "sources" else None
                if place is None:
                    kept.append(_plain(item))
                else:
                    kept[place] = _plain(item)
            whole[name] = kept
        elif isinstance(value, dict):
            whole[name] = {**(before or {}), **{key: _plain(each) for key, each in value.items() if key not in (before or {})}}
        elif before is None:
            whole[name] = _plain(value)
    return whole


def extended(text: str, add: Mapping[str, Any], file: str = "pack") -> Extended:
    """The text of a pack with the entries of `add` in it. Raises PackError if the text is not YAML.

    Where a section is written in a form that lines cannot be added to, the whole pack is written anew, without its comments.
    """
    document = read_yaml_text(text, file)
    document.refuse()
    data: Data = document.data if isinstance(document.data, dict) else {}
    wanted = merged(data, add)
    tried = _inserted(text, document, data, add)
    if tried is not None and _same(tried, wanted):
        return Extended(tried, True)
    return Extended(pack_text(wanted), False)


def scalar(value: object) -> str:
    """One value as YAML in flow or block: quoted wherever a reader could take it for something else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, date)):
        return str(value)
    if isinstance(value, Decimal):
        return f'"{value:f}"'
    if isinstance(value, timedelta):
        return span_text(value)
    if isinstance(value, str):
        if (PLAIN.fullmatch(value) and value not in RESERVED) or SPAN.fullmatch(value):
            return value
        return IN_QUOTES.sub(_escaped, json.dumps(value, ensure_ascii=False))
    raise TypeError(f"a pack holds no {type(value).__name__}")


def flow(value: object) -> str:
    """Any value on one line: `{id: cache, title: Cache}`."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(each)}" for key, each in value.items() if each is not None) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(each) for each in value) + "]"
    return scalar(value)


def span_text(span: timedelta) -> str:
    """A length of time in the largest unit that it is a whole number of, at least a second: `90s`, `5m`, `30d`."""
    seconds = max(1, round(span.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _section(name: str, value: Any) -> list[str]:
    said = SECTIONS.get(name, "")
    head = ["", f"# {said}"] if said else ([""] if isinstance(value, (list, dict)) else [])
    if name == "source" or not isinstance(value, (list, dict)):
        return [*head, f"{name}: {flow(value)}"]
    return [*head, f"{name}:", *_entries(name, value, "  ")]


def _entries(name: str, value: Any, indent: str) -> list[str]:
    """The lines of a section's entries."""
    if isinstance(value, list):
        return [line for item in value for line in _item(item, indent, name in LINES)]
    return [f"{indent}{scalar(key)}: {flow(each)}" for key, each in value.items()]


def _item(item: Any, indent: str, one_line: bool) -> list[str]:
    if one_line or not isinstance(item, Mapping):
        return [f"{indent}- {flow(item)}"]
    keys = [f"{scalar(key)}: {flow(value)}" for key, value in item.items() if value is not None]
    return [f"{indent}{'- ' if place == 0 else '  '}{line}" for place, line in enumerate(keys)]


def _plain(value: Any) -> Any:
    """A value as it will be read back."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items() if each is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, Decimal):
        return f"{value:f}"
    return span_text(value) if isinstance(value, timedelta) else value


def _place_of(items: Sequence[Any], item: Any) -> int | None:
    """Where a list has the entry of the same name."""
    name = item.get("name") if isinstance(item, Mapping) else None
    return next((n for n, each in enumerate(items) if isinstance(each, Mapping) and name and each.get("name") == name), None)


def _same(text: str, wanted: Data) -> bool:
    found = read_yaml_text(text, "pack")
    return not found.problems and found.data == wanted


def _inserted(text: str, document: Document, data: Data, add: Mapping[str, Any]) -> str | None:
    """`text` with lines put in; None where a section's form does not allow that."""
    lines = text.removesuffix("\n").split("\n")
    order = [*SECTIONS, *add]
    edits: list[tuple[int, int, int, list[str]]] = []
    for name, value in add.items():
        rank = order.index(name)
        if name not in data:
            at = _before_later(lines, document, data, name)
            edits.append((at, at, rank, _section(name, value) + ([""] if at < len(lines) and lines[at].strip() else [])))
            continue
        if not isinstance(value, (list, dict)):
            continue
        fresh, replaced = _news(name, value, data[name])
        begin, end = _span(lines, document, data, name)
        if not re.fullmatch(rf"{name}:\s*(#.*)?", lines[begin]):
            if data[name] or not re.match(rf"{name}:", lines[begin]):
                return None
            edits.append((begin, begin + 1, rank, [f"{name}:"]))
        indent = next(
            (
                " " * (len(line) - len(line.lstrip()))
                for line in lines[begin + 1 : end]
                if line.strip() and not line.lstrip().startswith("#")
            ),
            "  ",
        )
        for place, item in replaced:
            first = document.lines[name, place] - 1
            last = document.lines.get((name, place + 1), end + 1) - 1
            edits.append((first, last, rank, _item(item, indent, True)))
        if fresh:
            edits.append((end, end, rank, _entries(name, fresh, indent)))
    # From the end, so that line numbers hold; what goes to the same line keeps the order of the sections.
    for first, last, _, put in sorted(edits, key=lambda edit: edit[:3], reverse=True):
        lines[first:last] = put
    return "\n".join(lines) + "\n"


def _news(name: str, value: Any, before: Any) -> tuple[Any, list[tuple[int, Any]]]:
    """What of a section is to be added, and which entries take the place of which."""
    if isinstance(value, dict):
        return {key: each for key, each in value.items() if key not in (before or {})}, []
    placed = [(_place_of(before or [], item) if name == "sources" else None, item) for item in value]
    return [item for place, item in placed if place is None], [(place, item) for place, item in placed if place is not None]


def _span(lines: Sequence[str], document: Document, data: Data, name: str) -> tuple[int, int]:
    """The section's first line, and the one after its last entry. Comments and empty lines before the next section are that one's."""
    begin = document.lines[name,] - 1
    later = [document.lines[other,] - 1 for other in data if document.lines[other,] - 1 > begin]
    end = min(later, default=len(lines))
    while end > begin + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    return begin, end


def _before_later(lines: Sequence[str], document: Document, data: Data, name: str) -> int:
    """Where a new section goes: before the first that comes after it in order, and before that one's comments."""
    order = list(SECTIONS)
    after = order[order.index(name) + 1 :] if name in order else []
    later = [document.lines[other,] - 1 for other in data if other in after]
    if not later:
        return len(lines)
    at = min(later)
    while at > 0 and (lines[at - 1].startswith("#") or not lines[at - 1].strip()):
        at -= 1
    return at
