"""Reading a stream again, all of it: for a platform that was rebuilt, whose cursors mean nothing any more."""

from __future__ import annotations

from collections.abc import Collection

from collectors.platform_api.source import STREAMS
from collectors.records.fields import nearest
from roomleft.errors import InputError
from roomleft.platform_names import known_platform
from warehouse.writer import Batch, Cursor, Writer


def start_over(writer: Writer, platform: str, stream: str, known_platforms: Collection[str]) -> None:
    """Forget how far a stream was read: the next run begins anew, as at the first contact. What is stored already is not doubled.

    Raises InputError for a platform or stream that there is not.
    """
    known_platform(platform, known_platforms, "platform")
    if stream not in STREAMS:
        raise InputError(f"unknown stream {stream!r}{nearest(stream, STREAMS)}", "stream", f"one of {', '.join(STREAMS)}")
    writer.write(Batch(platform, cursor=Cursor(platform, stream, "", None, None, None, False)))
