"""OTLP on the wire: protobuf and JSON say the same, in every spelling, and garbage is refused."""

from __future__ import annotations

import gzip

import orjson
import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from collectors.otlp import messages
from roomleft.errors import InputError
from tests.collectors.otlp.sent import CALL, request_of

SENT = request_of([{"attributes": CALL, "number": 7, "parent": 3, "trace": 2**100}])
JSON_SPAN = {
    "traceId": "00000010000000000000000000000000", "spanId": "0000000000000007", "parentSpanId": "0000000000000003", "name": "chat",
    "startTimeUnixNano": str(SENT.resource_spans[0].scope_spans[0].spans[0].start_time_unix_nano),
    "endTimeUnixNano": SENT.resource_spans[0].scope_spans[0].spans[0].end_time_unix_nano, "somethingNew": {"traceId": 1},
    "attributes": [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}} for key, value in CALL.items()
    ],
}  # fmt: skip


def as_json(span: dict[str, object]) -> bytes:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "tiny"}}]}
    return orjson.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]})


def test_json_and_protobuf_say_the_same() -> None:
    from_json = messages.read(as_json(JSON_SPAN), messages.JSON, ExportTraceServiceRequest)
    assert from_json == messages.read(SENT.SerializeToString(), messages.PROTOBUF, ExportTraceServiceRequest) == SENT


def test_json_in_snake_case_and_capital_hex() -> None:
    body = as_json(JSON_SPAN | {"traceId": "000000AB000000000000000000000000"})
    snake = (
        body.replace(b"resourceSpans", b"resource_spans")
        .replace(b"scopeSpans", b"scope_spans")
        .replace(b"parentSpanId", b"parent_span_id")
    )
    (span,) = messages.read(snake, messages.JSON, ExportTraceServiceRequest).resource_spans[0].scope_spans[0].spans
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == ("000000ab000000000000000000000000", "0000000000000003")


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"\xff\xff\xff", messages.PROTOBUF),
        (b"{", messages.JSON),
        (b"[]", messages.JSON),
        (b"null", messages.JSON),
        (b'{"resourceSpans": {}}', messages.JSON),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}', messages.JSON),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": -1}]}]}]}', messages.JSON),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, messages.JSON),
        (gzip.compress(b"x" * 50), messages.PROTOBUF),
    ],
    ids=["bytes", "cut", "list", "null", "no list", "no hex", "negative time", "deep", "gzip unsaid"],
)
def test_garbage_is_refused(body: bytes, encoding: str) -> None:
    with pytest.raises(InputError) as raised:
        messages.read(body, encoding, ExportTraceServiceRequest)
    assert len(raised.value.what) < 300


def test_a_refusal_repeats_no_text_of_the_body() -> None:
    body = as_json(JSON_SPAN | {"startTimeUnixNano": "a secret in the wrong place"})
    with pytest.raises(InputError) as raised:
        messages.read(body, messages.JSON, ExportTraceServiceRequest)
    assert "secret" not in str(raised.value)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for encoding in (messages.PROTOBUF, messages.JSON):
        try:
            messages.read(body, encoding, ExportTraceServiceRequest)
        except InputError:
            continue


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("application/x-protobuf", messages.PROTOBUF),
        ("application/json; charset=utf-8", messages.JSON),
        ("Application/JSON", messages.JSON),
        ("", messages.PROTOBUF),
        ("text/plain", None),
        ("application/grpc", None),
    ],
)
def test_content_types(said: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(InputError):
            messages.encoding_of(said)
    else:
        assert messages.encoding_of(said) == expected


def test_an_answer_is_empty_when_all_was_taken() -> None:
    assert messages.traces_answer(messages.PROTOBUF, 0, "") == b""
    assert orjson.loads(messages.traces_answer(messages.JSON, 0, "")) == {}


def test_an_answer_says_how_many_were_refused() -> None:
    answer = ExportTraceServiceResponse.FromString(messages.traces_answer(messages.PROTOBUF, 3, "why"))
    assert (answer.partial_success.rejected_spans, answer.partial_success.error_message) == (3, "why")
    same = json_format.Parse(messages.traces_answer(messages.JSON, 3, "why"), ExportTraceServiceResponse())
    assert same == answer


@pytest.mark.parametrize("words", ["no", "é" * 300, "x" * 5000])
def test_a_status_is_what_protobuf_makes_of_it(words: str) -> None:
    body = messages.status_body(messages.PROTOBUF, messages.INVALID, words)
    # google.rpc.Status begins with the same two fields as a span's events have of other numbers: read it field by field.
    assert body[:3] == bytes([0x08, 3, 0x12])
    length, shift, at = 0, 0, 3
    while True:
        length |= (body[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not body[at - 1] & 0x80:
            break
    assert body[at:].decode() == words[:1000]
    assert length == len(body) - at
