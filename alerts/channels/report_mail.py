"""A report as a mail: text and HTML, both complete; pictures inside the HTML by their content id; the workbook attached."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from html import escape

from alerts.channels.mail import MAIL, as_it_stands
from warehouse.state.archive import Report

LONGEST_SUBJECT = 200
WIDTH = 78
FOOT_STYLE = "margin:4px 0;color:#5a6372;font-size:13px;line-height:19px"
END = re.compile(r"</td>\s*</tr>\s*(</tbody>\s*)?</table>\s*</body>")
"""Where the sheet of a report's HTML ends."""


def report_message(
    report: Report, address: str, sender: str, message_id: str, now: datetime, unsubscribe_url: str = "", foot: Sequence[str] = ()
) -> EmailMessage:
    """The message. `unsubscribe_url` answers a POST by ending the recipient's mail (RFC 8058); empty for none. `foot` stands below both parts: lines
    that are this recipient's alone, an address alone on a line as a link."""
    mail = EmailMessage(policy=MAIL)
    mail["From"] = formataddr(("Roomleft", sender))
    mail["To"] = address
    # A line end in a title would be refused by the header, and the report would never go.
    mail["Subject"] = as_it_stands(" ".join(report.subject.split()))[:LONGEST_SUBJECT]
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = message_id
    domain = sender.rpartition("@")[2]
    mail["List-Id"] = f"Roomleft {report.report} report <{report.report}.reports.roomleft.{domain}>"
    if unsubscribe_url:
        mail["List-Unsubscribe"] = f"<{unsubscribe_url}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(_text(report.text, foot), cte="quoted-printable")
    mail.add_alternative(_html(report.html, foot), subtype="html", cte="quoted-printable")
    html = mail.get_body(("html",))
    assert html is not None, "the HTML was added above"
    for picture in (each for each in report.files if each.content_id):
        # The first one turns the part into a multipart/related, which the others join.
        kind, _, subtype = picture.media_type.partition("/")
        cid = f"<{picture.content_id}>"
        html.add_related(picture.content, maintype=kind, subtype=subtype, cid=cid, disposition="inline", filename=picture.name)
    for file in (each for each in report.files if not each.content_id):
        kind, _, subtype = file.media_type.partition("/")
        mail.add_attachment(file.content, maintype=kind, subtype=subtype, filename=file.name)
    return mail


def _text(text: str, foot: Sequence[str]) -> str:
    lines = [part for line in foot for part in textwrap.wrap(line, WIDTH, break_long_words=False, break_on_hyphens=False)]
    return "\n".join([text.rstrip("\n"), "", *lines, ""]) if lines else text


def _html(html: str, foot: Sequence[str]) -> str:
    told = "".join(f'<p class="dim" style="{FOOT_STYLE}">{_linked(line)}</p>' for line in foot)
    ends = END.search(html)
    at = ends.start() if ends is not None else html.rfind("</body>")
    return f"{html[:at]}{told}{html[at:]}" if at >= 0 else html + told


def _linked(line: str) -> str:
    """A line as HTML; an address at its end as a link."""
    words, _, last = line.rpartition(" ")
    if not last.startswith(("https://", "http://")):
        return escape(line)
    return f'{escape(words)} <a style="color:#0a62a8" href="{escape(last)}">{escape(last)}</a>'
