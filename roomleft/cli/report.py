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


def run_cost(platform: str | None, user: str | None, period: str | None, as_json: bool, out_dir: Path | None) -> int:
    """The cost report of a user, of a platform, or of each: text, and with `out_dir` files; or JSON. 1 if a part of the cost is unknown, else 0."""
    settings, server = located()
    if server is None:
        raise InputError("a report is made by a running server, and none runs", str(settings.data_dir), NEEDS_SERVER)
    reports: list[dict[str, Any]] = Client(server).get("/api/v1/reports/cost", platform=platform, user=user, period=period)
    if out_dir is not None:
        from dashboards.report_cost import text
        from dashboards.report_cost_html import cost_html
        from dashboards.report_cost_xlsx import cost_xlsx

        # Not the name that was asked for: it may be a person's.
        whose = f"{platform or 'all'}{'-' + reports[0]['user'] if user and reports else ''}"
        paths = [
            _file(out_dir, f"cost-{whose}", reports, "html", cost_html(reports, Clock().now())),
            _file(out_dir, f"cost-{whose}", reports, "txt", "\n".join(text(report) for report in reports)),
            _file(out_dir, f"cost-{whose}", reports, "xlsx", cost_xlsx(reports)),
        ]
    if as_json:
        print_json(reports)
    elif out_dir is not None:
        for path in paths:
            out.print(str(path), markup=False, soft_wrap=True)
    else:
        from dashboards.report_cost import text

        for number, report in enumerate(reports):
            out.print(("\n" if number else "") + text(report), markup=False, soft_wrap=True, end="")
    return 1 if any(report["total"]["lower_bound"] for report in reports) else 0


def _written(reports: list[dict[str, Any]], folder: Path, platform: str | None) -> Path:
    """The HTML file `health-PLATFORM-YYYY-MM-DD.html` in `folder`. Raises RoomleftError when it cannot be written."""
    from dashboards.report_html import health_html

    return _file(folder, f"health-{platform or 'all'}", reports, "html", health_html(reports, Clock().now()))


def _file(folder: Path, name: str, reports: list[dict[str, Any]], ending: str, content: str | bytes) -> Path:
    day = str(reports[0]["as_of"])[:10] if reports else Clock().now().date().isoformat()
    path = folder / f"{name}-{day}.{ending}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    except OSError as error:
        raise RoomleftError(
            f"the report cannot be written: {error.strerror}", str(path), "name another folder with --out"
        ) from error
    return path
