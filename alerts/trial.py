"""A notice that tells of nothing: what `alerts test` sends."""

from __future__ import annotations

from datetime import datetime

from alerts.notice import Kind, Notice, Why


def trial_notice(receiver: str, now: datetime) -> Notice:
    """A test for a receiver. Its id and thread are of its instant, so that each is a message of its own."""
    name = f"test-{receiver}-{now.strftime('%Y%m%dT%H%M%S%f')}"
    return Notice(
        notice_id=name, receiver=receiver, kind=Kind.TEST, why=Why.BY_HAND, thread=name, group_labels={"alertname": "RoomleftTest"},
        platform="", platform_title="Roomleft", severity="info", title="this is a test, and nothing is wrong", zone="UTC",
        made_at=now, alerts=(), firing=0, resolved=0, count=0,
    )  # fmt: skip
