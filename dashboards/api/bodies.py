"""Request bodies, read without letting one sender take the memory: counted before and after decompression."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

import orjson
from fastapi import Request

from roomleft.errors import InputError, TooLarge

READ_TIMEOUT_S = 60.0
OBJECT_LIMIT = 2**16
GZIP = 31
"""zlib's window code for a gzip stream."""


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """The request's body, gunzipped if it says so.

    Raises TooLarge as soon as the declared, received or decompressed size passes `limit_bytes`, and InputError for an
    unknown encoding, a damaged gzip stream, or a sender that stops sending.
    """
    where = request.url.path
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit_bytes:
        raise too_large(where, limit_bytes)
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise InputError(f"content encoding {encoding!r} is not understood", where, "send gzip, or no encoding")
    received = bytearray()
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            async for chunk in request.stream():
                received += chunk
                if len(received) > limit_bytes:
                    raise too_large(where, limit_bytes)
    except TimeoutError as error:
        raise InputError(f"the body did not arrive within {READ_TIMEOUT_S:g} s", where, "send smaller bodies") from error
    if encoding == "identity":
        return bytes(received)
    return await asyncio.to_thread(gunzip, bytes(received), limit_bytes, where)


async def read_object(request: Request, example: str = "") -> dict[str, Any]:
    """The request's body as a JSON object; {} for none. Raises InputError, which shows the `example`."""
    body = await read_body(request, OBJECT_LIMIT)
    try:
        found = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise InputError(f"the body is not JSON: {error}", request.url.path, "send a JSON object") from error
    if not isinstance(found, dict):
        raise InputError("the body is not a JSON object", request.url.path, example or "send a JSON object")
    return found


def gunzip(data: bytes, limit_bytes: int, where: str) -> bytes:
    """`data` decompressed, all gzip members of it. Stops at `limit_bytes`, so that a bomb costs no more than the limit."""
    out = bytearray()
    while data:
        member = zlib.decompressobj(GZIP)
        try:
            out += member.decompress(data, limit_bytes - len(out) + 1)
        except zlib.error as error:
            raise InputError(f"the gzip stream is damaged: {error}", where, "compress it again") from error
        if len(out) > limit_bytes:
            raise too_large(where, limit_bytes)
        if not member.eof:
            raise InputError("the gzip stream ends in the middle", where, "send the whole of it")
        data = member.unused_data
    return bytes(out)


def too_large(where: str, limit_bytes: int) -> TooLarge:
    """The error for a body over the limit."""
    return TooLarge(
        f"the body is larger than {limit_bytes / 2**20:g} MB after decompression",
        where,
        "split it, or raise body_limit_mb in the settings",
    )
