"""The body of an answer, unpacked as it comes, and never by more than one byte over what is allowed."""

from __future__ import annotations

import zlib

from roomleft.errors import CollectError


class Unpacked:
    """Gathers the raw chunks of a body that is plain or gzip. Raises CollectError for anything else, and for one that grows too large."""

    def __init__(self, encoding: str, limit: int, where: str, *, called: str, remedy: str) -> None:
        """`encoding` is the Content-Encoding header, `limit` in bytes; `called` and `remedy` are for the words of a body over it."""
        encoding = encoding.strip().lower()
        if encoding not in ("identity", "gzip", ""):
            raise CollectError(f"the body is encoded as {encoding[:40]!r}", where, "send gzip or nothing", retryable=False)
        self._inflate = zlib.decompressobj(31) if encoding == "gzip" else None
        self._limit, self._where, self._called, self._remedy = limit, where, called, remedy
        self._body = bytearray()

    def add(self, chunk: bytes) -> None:
        """Take the next chunk as it came over the wire."""
        if self._inflate is not None:
            try:
                # Asking for one byte over the limit is enough to know, and bounds what a bomb can make of one chunk.
                chunk = self._inflate.decompress(chunk, self._limit + 1 - len(self._body))
            except zlib.error as error:
                raise CollectError(f"the body is not gzip: {error}", self._where, "the answer was damaged on the way") from error
        self._body += chunk
        if len(self._body) > self._limit:
            words = f"the {self._called} is over {self._limit:,} bytes once unpacked"
            raise CollectError(words, self._where, self._remedy, retryable=False)

    @property
    def surplus(self) -> bool:
        """Whether something came after the end of the gzip body."""
        return self._inflate is not None and bool(self._inflate.unused_data)

    def whole(self) -> bytes:
        """All of it."""
        if self._inflate is not None and not self._inflate.eof:
            raise CollectError("the gzip body ends too soon", self._where, "the answer was damaged on the way")
        return bytes(self._body)
