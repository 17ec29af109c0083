"""`report`: what the pages show, as a file to keep, to send or to print, and as JSON for programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from roomleft.cli.ask import located
from roomleft.cli.client import Client
from roomleft.cli.output import out, print_json
from roomleft.clock import Clock
from roomleft.errors import InputError, RoomleftError

NEEDS_SERVER = "start one: `bin/roomleft serve` or `bin/roomleft demo`"


def run_health(platform: str | None, as_json: bool, out_dir: Path | None) -> int:
    """The health report of one platform or of all: JSON, or an HTML file. 2 if any platform is unknown, else 1 if any is not healthy, else 0."""
    settings, server = located()
    if server is None:
        raise InputError("a report is made by a running server, and none runs", str(settings.data_dir), NEEDS_SERVER)
    reports: list[dict[str, Any]] = Client(server).get("/api/v1/reports/health", platform=platform)
    if out_dir is not None or not as_json:
        path = _written(reports, out_dir or Path("."), platform)
        if not as_json:
            for report in reports:
                out.print(f"{report['title']}: {report['sentence']}", markup=False)
            out.print(str(path), markup=False, soft_wrap=True)
    if as_json:
        print_json(reports)
    states = {report["status"] for report in reports}
    if "unknown" in states or not reports:
        return 2
    return 1 if states & {"warn", "fail"} else 0


def _written(reports: list[dict[str, Any]], folder: Path, platform: str | None) -> Path:
    """The HTML file `health-PLATFORM-YYYY-MM-DD.html` in `folder`. Raises RoomleftError when it cannot be written."""
    from dashboards.report_html import health_html

    now = Clock().now()
    day = str(reports[0]["as_of"])[:10] if reports else now.date().isoformat()
    path = folder / f"health-{platform or 'all'}-{day}.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(health_html(reports, now), encoding="utf-8")
    except OSError as error:
        raise RoomleftError(
            f"the report cannot be written: {error.strerror}", str(path), "name another folder with --out"
        ) from error
    return path
