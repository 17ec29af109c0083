"""A report of the archive as programs and pages get it: its HTML with the pictures in it, its files by name."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from warehouse.state.archive import Report
from warehouse.state.mailings import Mailing

TOLD = ("report_key", "report", "platform", "zone", "period_from", "period_to", "made_at", "subject", "missing")


def with_pictures(report: Report) -> str:
    """The HTML as a browser shows it alone: pictures stand in it instead of beside it."""
    html = report.html
    for file in report.files:
        if file.content_id:
            data = f"data:{file.media_type};base64,{base64.b64encode(file.content).decode()}"
            html = html.replace(f'src="cid:{file.content_id}"', f'src="{data}"')
    return html


def document(report: Report, mailings: Sequence[Mailing] = (), *, with_files: bool = False) -> Mapping[str, Any]:
    """The whole report: what it says of itself, `content`, `text`, `html` (pictures in it), `files` (their content in `base64` if wanted) and
    `mailings`."""
    return {
        **{name: getattr(report, name) for name in TOLD},
        "content": orjson.loads(report.content),
        "text": report.text,
        "html": with_pictures(report),
        "files": [
            {"name": each.name, "media_type": each.media_type, "bytes": len(each.content)}
            | ({"base64": base64.b64encode(each.content).decode()} if with_files else {})
            for each in report.files
        ],
        "mailings": [mailing_document(each) for each in mailings],
    }


def mailing_document(mailing: Mailing) -> Mapping[str, Any]:
    """One copy on its way. `state`: waiting, sending, sent, unknown, refused, given_up or called_off; `answer`: the mail server's words, or ours."""
    return {
        "address": mailing.address, "state": mailing.state, "status": mailing.status, "answer": mailing.answer, "attempts": mailing.attempts,
        "due_at": mailing.due_at, "next_at": None if mailing.done_at else mailing.next_at, "done_at": mailing.done_at, "message_id": mailing.message_id,
        "report_key": mailing.report_key,
    }  # fmt: skip
