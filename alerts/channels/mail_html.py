"""A notice as an HTML mail: tables and inline styles, because mail programs drop the rest; no images, no scripts, nothing fetched."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from alerts.channels.words import HEADS, SHOWN, about_of, changed_of, facts_of, is_named_by, lasted, links_of, name_of
from alerts.notice import Kind, Notice, NoticeAlert

COLOURS = {Kind.RESOLVED: "#1a7f4b", Kind.ACKNOWLEDGED: "#2f6f9f", Kind.TEST: "#5b6470", Kind.CHANGE: "#5b6470"}
SEVERITIES = {"critical": "#b3261e", "warning": "#9a6700", "info": "#2f6f9f"}
FONT = "font-family:-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif"


def as_html(notice: Notice) -> str:
    """The whole notice. Every text that comes from elsewhere is escaped."""
    colour = COLOURS.get(notice.kind) or SEVERITIES.get(notice.severity, "#5b6470")
    about = about_of(notice)
    longest = max((alert.lasted_s or 0.0 for alert in notice.alerts), default=0.0)
    if notice.kind is Kind.RESOLVED and longest:
        about.insert(0, ("Lasted", lasted(longest)))
    body = "".join(_alert(alert, notice) for alert in notice.alerts[:SHOWN])
    if notice.count > len(notice.alerts[:SHOWN]):
        body += f'<p style="margin:8px 0">and {notice.count - len(notice.alerts[:SHOWN])} more</p>'
    if said := changed_of(notice):
        changed = "".join(f"<li>{escape(words)}</li>" for words in said)
        body += (
            f'<p style="margin:12px 0 4px"><b>Changed shortly before</b></p><ul style="margin:0;padding-left:20px">{changed}</ul>'
        )
    if notice.demo:
        body += '<p style="margin:12px 0">This comes from a demo: the platform is a stand-in.</p>'
    told = _rows(about)
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"></head>'
        f'<body style="margin:0;padding:16px;background:#ffffff;color:#1c2128;font-size:15px;line-height:1.45;{FONT}">'
        f'<table role="presentation" width="100%" style="max-width:640px;border-collapse:collapse"><tr>'
        f'<td style="border-left:4px solid {colour};padding:2px 0 2px 12px">'
        f'<div style="color:{colour};font-weight:700;letter-spacing:.04em">{HEADS[notice.kind]}</div>'
        f'<h1 style="font-size:19px;margin:2px 0 4px">{escape(name_of(notice))}</h1>'
        f'{told}</td></tr><tr><td style="padding-top:12px">{body}</td></tr></table></body></html>'
    )


def _rows(facts: Sequence[tuple[str, str]]) -> str:
    rows = "".join(
        f'<tr><td style="padding:2px 12px 2px 0;color:#57606a;vertical-align:top;white-space:nowrap">{escape(name)}</td>'
        f'<td style="padding:2px 0">{escape(words)}</td></tr>'
        for name, words in facts
    )
    return f'<table role="presentation" style="border-collapse:collapse;font-size:14px">{rows}</table>'


def _alert(alert: NoticeAlert, notice: Notice) -> str:
    labels = ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()))
    links = " &nbsp; ".join(
        f'<a href="{escape(address, quote=True)}" style="color:#0b57d0">{escape(words)}</a>' for words, address in links_of(alert)
    )
    summary = f'<div style="margin:2px 0 6px">{escape(alert.summary)}</div>' if alert.summary != alert.title else ""
    head = (
        ""
        if is_named_by(notice, alert)
        else f'<div style="font-weight:600">{escape(alert.state.upper())}: {escape(alert.title)}</div>'
    )
    return (
        '<div style="border-top:1px solid #d0d7de;padding:10px 0">'
        f"{head}{summary}{_rows(facts_of(alert, notice.zone))}"
        f'<div style="color:#57606a;font-size:13px;margin-top:4px">{escape(labels)}</div>'
        f'<div style="margin-top:6px">{links}</div></div>'
    )
