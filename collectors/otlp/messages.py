"""OTLP/HTTP on the wire: requests in protobuf or JSON, and the answers in the same encoding.

JSON follows OTLP's own mapping: ids of traces and spans are hex, enumerations are numbers, 64-bit integers may be texts, names may be in
lowerCamelCase or snake_case, and what is not known is skipped.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, TypeVar

import orjson
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest, ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from roomleft.errors import InputError

PROTOBUF, JSON = "application/x-protobuf", "application/json"
HEX_IDS = frozenset({"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"})
MOST_WORDS = 1000
"""How long an answer's message may be, in characters."""
INVALID, EXHAUSTED, UNAVAILABLE, INTERNAL = 3, 8, 14, 13
"""Codes of google.rpc.Status."""

Request = TypeVar("Request", ExportTraceServiceRequest, ExportMetricsServiceRequest)


def encoding_of(content_type: str) -> str:
    """PROTOBUF or JSON; protobuf when nothing is said. Raises InputError for anything else."""
    said = content_type.partition(";")[0].strip().lower()
    if said in (JSON, PROTOBUF):
        return said
    if said in ("", "application/protobuf", "application/octet-stream"):
        return PROTOBUF
    raise InputError(f"content type {said[:60]!r} is not OTLP", "Content-Type", f"send {PROTOBUF} or {JSON}")


def read(body: bytes, encoding: str, kind: type[Request]) -> Request:
    """A request. Raises InputError when `body` is not one."""
    message = kind()
    if encoding == PROTOBUF:
        try:
            message.ParseFromString(body)
        except DecodeError as error:
            raise InputError("the body is not an OTLP request in protobuf", "body", "send it again as it was encoded") from error
        return message
    try:
        json_format.ParseDict(_with_binary_ids(orjson.loads(body)), message, ignore_unknown_fields=True)
    except (orjson.JSONDecodeError, json_format.ParseError, binascii.Error, RecursionError, ValueError, TypeError) as error:
        # What the parser says may repeat a text out of the body, so only its kind is told.
        kept = str(error) if isinstance(error, orjson.JSONDecodeError) else type(error).__name__
        raise InputError(f"the body is not an OTLP request in JSON: {kept[:200]}", "body", "see OTLP's JSON mapping") from error
    return message


def _with_binary_ids(tree: Any) -> Any:
    """JSON with its hex ids in base64, which is what protobuf's own JSON reader wants."""
    if not isinstance(tree, dict):
        raise ValueError("a request is an object")
    waiting: list[Any] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
            continue
        if not isinstance(node, dict):
            continue
        for name, value in node.items():
            if name in HEX_IDS and isinstance(value, str):
                node[name] = base64.b64encode(binascii.unhexlify(value)).decode()
            elif isinstance(value, dict | list):
                waiting.append(value)
    return tree


def traces_answer(encoding: str, refused: int, words: str) -> bytes:
    """The answer to spans. `partial_success` is set only where something was refused or is to be said."""
    answer = ExportTraceServiceResponse()
    if refused or words:
        answer.partial_success.rejected_spans = refused
        answer.partial_success.error_message = words[:MOST_WORDS]
    return _written(answer, encoding)


def metrics_answer(encoding: str, refused: int, words: str) -> bytes:
    """The answer to metrics."""
    answer = ExportMetricsServiceResponse()
    if refused or words:
        answer.partial_success.rejected_data_points = refused
        answer.partial_success.error_message = words[:MOST_WORDS]
    return _written(answer, encoding)


def _written(message: Message, encoding: str) -> bytes:
    if encoding == PROTOBUF:
        return message.SerializeToString()
    return json_format.MessageToJson(message, indent=None).encode()


def status_body(encoding: str, code: int, words: str) -> bytes:
    """A google.rpc.Status: what a refused request is answered with."""
    words = words[:MOST_WORDS]
    if encoding == JSON:
        return orjson.dumps({"code": code, "message": words})
    # Two fields of a message whose own package is not needed for anything else: `code` is number 1, `message` number 2.
    text = words.encode()
    return bytes([0x08, code, 0x12]) + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
