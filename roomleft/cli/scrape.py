"""`scrape`: what pages give, or the line and the reason they are refused. Needs no server and stores nothing."""

from __future__ import annotations

import os
import sys
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from roomleft.cli.output import fail, print_json, print_table
from roomleft.errors import InputError, RoomleftError, TooLarge

if TYPE_CHECKING:
    from collectors.prometheus.exposition import Format, Page

FILE_BYTES = 1_000_000_000
BIGGEST = 10


@dataclass(frozen=True, slots=True)
class Look:
    """One target, looked at: its page, or why it has none."""

    target: str
    page: Page | None = None
    error: RoomleftError | None = None

    def as_dict(self) -> dict[str, object]:
        return {
            "target": self.target,
            "ok": self.error is None,
            "families": len(self.page.structure.families) if self.page else 0,
            "samples": len(self.page.values) if self.page else 0,
            "error": str(self.error) if self.error else None,
        }


def run_scrape(targets: list[str], format_name: str | None, as_json: bool, token_env: str | None = None) -> int:
    """Look at each URL or file and tell. 1 if any was refused. `token_env` names the variable whose bearer token is sent to URLs."""
    from collectors.prometheus.exposition import Format

    try:
        forced = Format(format_name) if format_name is not None else None
    except ValueError:
        raise InputError(f"{format_name!r} is no format", "--format", f"one of {', '.join(Format)}") from None
    token = os.environ.get(token_env) if token_env is not None else None
    if token_env is not None and not token:
        raise InputError(f"the variable {token_env} is not set", "--token-env", f"export {token_env}=TOKEN")
    looks = [_look(target, forced, token) for target in targets]
    if as_json:
        print_json([look.as_dict() for look in looks])
    else:
        for look in looks:
            _tell(look)
    return int(any(look.error is not None for look in looks))


def _look(target: str, forced: Format | None, token: str | None) -> Look:
    try:
        return Look(
            target, _of_url(target, forced, token) if target.startswith(("http://", "https://")) else _of_file(target, forced)
        )
    except RoomleftError as error:
        return Look(target, error=error)


def _of_url(url: str, forced: Format | None, token: str | None) -> Page:
    from collectors.prometheus.scrape_once import scrape_once
    from collectors.prometheus.scrape_target import ScrapeTarget

    try:
        target = ScrapeTarget("scrape", "page", "page", url, token=token)
        if not target.instance.strip(":"):
            raise ValueError("no host")
    except ValueError as error:
        raise InputError(f"not an address: {error}", url, "for example http://127.0.0.1:9100/metrics") from None
    return scrape_once(target, forced)


def _of_file(name: str, forced: Format | None) -> Page:
    from collectors.prometheus.exposition import PageRefused, read_page

    try:
        body = Path(name).read_bytes() if name != "-" else sys.stdin.buffer.read(FILE_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"the file cannot be read: {error.strerror}", name, "name a file, or a URL with http:// in front"
        ) from None
    if name.endswith(".gz"):
        body = _unpacked(body, name)
    if len(body) > FILE_BYTES:
        raise TooLarge(f"the page is over {FILE_BYTES:,} bytes", name)
    kind = forced or _told_format(name, body)
    try:
        return read_page(body, kind)
    except PageRefused as refused:
        raise InputError(refused.reason, f"{name}: {refused.where}", refused.hint) from None


def _told_format(name: str, body: bytes) -> Format:
    """The format a file is in: by its name (`.om`, `.prom`), or else by how it ends. A classic page may end in '# EOF' too: a comment there."""
    from collectors.prometheus.exposition import Format

    parts = Path(name).name.lower().split(".")[1:]
    if {"om", "openmetrics"} & set(parts):
        return Format.OPENMETRICS
    ends = body.rstrip(b"\n").rpartition(b"\n")[2] == b"# EOF"
    return Format.OPENMETRICS if ends and "prom" not in parts else Format.TEXT


def _unpacked(packed: bytes, name: str) -> bytes:
    """A gzip file's content, of all its members, and no more than one byte over the limit."""
    body = bytearray()
    while packed and len(body) <= FILE_BYTES:
        inflate = zlib.decompressobj(31)
        try:
            body += inflate.decompress(packed, FILE_BYTES + 1 - len(body))
        except zlib.error as error:
            raise InputError(f"the file is not gzip: {error}", name) from None
        if not inflate.eof and len(body) <= FILE_BYTES:
            raise InputError("the gzip file ends too soon", name)
        packed = inflate.unused_data.lstrip(b"\0")
    return bytes(body)


def _tell(look: Look) -> None:
    if look.error is not None or look.page is None:
        fail(look.error or RoomleftError("no page", look.target))
        return
    families = look.page.structure.families
    types = Counter(family.type for family in families)
    print_table(
        ("target", "families", "samples", "types"),
        [
            (
                look.target,
                f"{len(families):,}",
                f"{len(look.page.values):,}",
                ", ".join(f"{count:,} {kind}" for kind, count in types.most_common()),
            )
        ],
        right=("families", "samples"),
    )
    biggest = sorted(families, key=lambda family: (-family.samples, family.name))[:BIGGEST]
    print_table(
        ("biggest families", "type", "samples", "help"),
        [(family.name, family.type, f"{family.samples:,}", (family.help or "")[:80]) for family in biggest],
        right=("samples",),
    )
