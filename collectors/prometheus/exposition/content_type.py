"""Which format a page is in, told by its Content-Type."""

from __future__ import annotations

from email.message import Message
from enum import StrEnum

from collectors.prometheus.exposition.refusal import PageRefused, shown


class Format(StrEnum):
    """The two families of formats."""

    TEXT = "text"
    OPENMETRICS = "openmetrics"


VERSIONS = {
    "text/plain": (Format.TEXT, ("0.0.4", "1.0.0")),
    "application/openmetrics-text": (Format.OPENMETRICS, ("1.0.0", "0.0.1")),
}
CHARSETS = ("utf-8", "utf8", "us-ascii", "ascii")


def format_of(content_type: str | None) -> Format:
    """The format a Content-Type names; without one it is taken for plain text. Raises PageRefused for any other type, version or charset."""
    if content_type is None or not content_type.strip():
        return Format.TEXT
    header = Message()
    header["content-type"] = content_type
    media = content_type.split(";")[0].strip().lower()
    if media not in VERSIONS:
        hint = (
            "is this the address of a metrics page?"
            if "html" in media or "json" in media
            else "text/plain or OpenMetrics is read"
        )
        raise PageRefused(0, f"the content type is {shown(content_type)}, which is no metrics format", hint)
    kind, versions = VERSIONS[media]
    version = header.get_param("version")
    if isinstance(version, str) and version not in versions:
        raise PageRefused(0, f"version {shown(version)} of {media} is not known", f"known versions: {', '.join(versions)}")
    charset = header.get_param("charset")
    if isinstance(charset, str) and charset.lower() not in CHARSETS:
        raise PageRefused(0, f"the page is in {shown(charset)}", "both formats are UTF-8")
    return kind
