"""A report as a mail: text and HTML, both complete; pictures inside the HTML by their content id; the workbook attached."""

from __future__ import annotations

from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr

from alerts.channels.mail import MAIL, as_it_stands
from warehouse.state.archive import Report

LONGEST_SUBJECT = 200


def report_message(
    report: Report, address: str, sender: str, message_id: str, now: datetime, unsubscribe_url: str = ""
) -> EmailMessage:
    """The message. `unsubscribe_url` answers a POST by ending the recipient's mail (RFC 8058); empty for none."""
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
    mail.set_content(report.text, cte="quoted-printable")
    mail.add_alternative(report.html, subtype="html", cte="quoted-printable")
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
