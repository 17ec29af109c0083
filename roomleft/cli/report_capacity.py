"""`report capacity`: what runs out and when, as text, as files, as JSON, or by mail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from roomleft.cli.ask import located
from roomleft.cli.client import Client
from roomleft.cli.output import err, out, print_json, print_table
from roomleft.cli.report import NEEDS_SERVER
from roomleft.errors import InputError, RoomleftError


def run_capacity(platform: str | None, as_json: bool, out_dir: Path | None, email: bool, addresses: list[str]) -> int:
    """Print the report of a platform or of each, write it to files, or send it. 2 if of a platform nothing is known or a copy was not sent, else 1 if
    something is called for, else 0."""
    if addresses and not email:
        raise InputError("addresses are for --email", "report capacity", "add --email, or leave them out")
    settings, server = located()
    if server is None:
        raise InputError("a report is made by a running server, and none runs", str(settings.data_dir), NEEDS_SERVER)
    client = Client(server)
    reports: list[dict[str, Any]] = client.get("/api/v1/reports/capacity", platform=platform)
    if out_dir is not None:
        for report in reports:
            for path in _written(report, out_dir):
                out.print(str(path), markup=False, soft_wrap=True) if not as_json else None
    if email:
        return _sent(client, [report["platform"] for report in reports], addresses, as_json)
    if as_json:
        print_json(reports)
    elif out_dir is None:
        from dashboards.reports.capacity_text import capacity_text

        for number, report in enumerate(reports):
            out.print(("\n" if number else "") + capacity_text(report), markup=False, soft_wrap=True, end="")
    return max((outcome(report) for report in reports), default=2)


def outcome(report: dict[str, Any]) -> int:
    """2 if nothing is known of the platform's future, else 1 if somebody has to decide something, else 0."""
    known = any(each["p50"] is not None for each in report["forecasts"]) or any(
        each["p_breach"] is not None for each in report["limits"]
    )
    if not known:
        return 2
    return 1 if report["decisions"] or any(each["holds"] for each in report["recommendations"]) else 0


def _written(report: dict[str, Any], folder: Path) -> list[Path]:
    """`capacity-PLATFORM-DAY` as .html, .txt and .xlsx in a folder. Raises RoomleftError when they cannot be written."""
    from dashboards.reports.capacity_made import capacity_made

    made = capacity_made(report)
    for words in made.content["missing"]:
        err.print(f"{report['title']}: the report lacks {words}", markup=False, soft_wrap=True)
    name = f"capacity-{report['platform']}-{str(report['as_of'])[:10]}"
    files = {f"{name}.html": made.html.encode(), f"{name}.txt": made.text.encode(), f"{name}.xlsx": made.xlsx}
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each, content in files.items():
            if content:
                (folder / each).write_bytes(content)
                paths.append(folder / each)
    except OSError as error:
        raise RoomleftError(
            f"the report cannot be written: {error.strerror}", str(folder), "name another folder with --out"
        ) from error
    return paths


def _sent(client: Client, platforms: list[str], addresses: list[str], as_json: bool) -> int:
    asked: dict[str, Any] = {"report": "capacity", "platforms": platforms} | ({"to": addresses} if addresses else {})
    told: dict[str, Any] = client.post("/api/v1/reports/send", json=asked)
    if as_json:
        print_json(told)
    else:
        rows = [[each["address"], each["state"].replace("_", " "), each["answer"] or each["status"]] for each in told["mailings"]]
        print_table(("address", "is", "answer"), rows)
    return 0 if all(each["state"] == "sent" for each in told["mailings"]) else 2
