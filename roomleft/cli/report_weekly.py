"""`report weekly`: the weekly report now, as text, as files, as JSON, or by mail."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from urllib.parse import quote

from roomleft.cli.ask import located
from roomleft.cli.client import Client
from roomleft.cli.output import out, print_json, print_table
from roomleft.cli.report import NEEDS_SERVER
from roomleft.errors import InputError, RoomleftError


def run_weekly(platforms: list[str], zone: str, as_json: bool, out_dir: Path | None, email: bool, addresses: list[str]) -> int:
    """Print the report, write it to files, or send it. 1 if a part of it is missing or a copy was not sent, else 0."""
    if addresses and not email:
        raise InputError("addresses are for --email", "report weekly", "add --email, or leave them out")
    settings, server = located()
    if server is None:
        raise InputError("a report is made by a running server, and none runs", str(settings.data_dir), NEEDS_SERVER)
    client = Client(server)
    asked: dict[str, Any] = {"platforms": platforms or None, "zone": zone}
    if email:
        return _sent(client, asked | ({"to": addresses} if addresses else {}), as_json, out_dir)
    made: dict[str, Any] = client.post("/api/v1/reports/preview", json=asked | {"with_files": out_dir is not None})
    paths = _written(made, out_dir) if out_dir is not None else []
    if as_json:
        print_json(made["content"])
    elif paths:
        out.print(made["subject"], markup=False)
        for path in paths:
            out.print(str(path), markup=False, soft_wrap=True)
    else:
        out.print(made["text"], markup=False, soft_wrap=True, end="")
    return 1 if made["missing"] else 0


def _sent(client: Client, asked: dict[str, Any], as_json: bool, out_dir: Path | None) -> int:
    told: dict[str, Any] = client.post("/api/v1/reports/send", json=asked)
    if out_dir is not None:
        for key in told["reports"]:
            report: dict[str, Any] = client.get(f"/api/v1/reports/{quote(key)}", with_files="true")
            for path in _written(report, out_dir):
                out.print(str(path), markup=False, soft_wrap=True)
    if as_json:
        print_json(told)
    else:
        rows = [[each["address"], each["state"].replace("_", " "), each["answer"] or each["status"]] for each in told["mailings"]]
        print_table(("address", "is", "answer"), rows)
    return 0 if all(each["state"] == "sent" for each in told["mailings"]) else 1


def _written(report: dict[str, Any], folder: Path) -> list[Path]:
    """The report's HTML, text and other files in a folder. Raises RoomleftError."""
    name = f"weekly-{str(report['made_at'])[:10]}"
    files = {f"{name}.html": report["html"].encode(), f"{name}.txt": report["text"].encode()}
    files |= {each["name"]: base64.b64decode(each["base64"]) for each in report["files"] if each["name"].endswith(".xlsx")}
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each, content in files.items():
            path = folder / each
            path.write_bytes(content)
            paths.append(path)
    except OSError as error:
        raise RoomleftError(
            f"the report cannot be written: {error.strerror}", str(folder), "name another folder with --out"
        ) from error
    return paths
