"""Judging a page: taken, or the reason it is refused."""

from __future__ import annotations

from collectors.prometheus.exposition import Format, Page, PageRefused, Reader, read_page


def verdict(text: str | bytes, kind: Format, reader: Reader | None = None) -> Page | PageRefused:
    """What becomes of a page, read by a reader that may have read others before, or by a new one."""
    body = text if isinstance(text, bytes) else text.encode()
    try:
        return (reader or Reader()).read(body, kind)
    except PageRefused as refused:
        return refused


def taken(text: str | bytes, kind: Format) -> dict[str, float]:
    """Every series of a page that must be taken, as `name{label="value"}`, and its value."""
    page = read_page(text if isinstance(text, bytes) else text.encode(), kind)
    return {
        name + ("{" + ",".join(f'{key}="{said}"' for key, said in labels) + "}" if labels else ""): value
        for (name, labels), value in zip(page.structure.series, page.values.tolist(), strict=True)
    }
