"""Running a command of the command line inside a test."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from starlette.testclient import TestClient

from roomleft.cli import main
from roomleft.cli.client import Client
from roomleft.datadir import RunningServer


def run_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """The exit code of `roomleft WORDS…` and what it wrote to both outputs."""
    monkeypatch.setattr(sys, "argv", ["roomleft", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def speak_through(monkeypatch: pytest.MonkeyPatch, command: ModuleType, client: TestClient) -> None:
    """Lets a command's client speak to `client` instead of to a port."""

    def made(self: Client, server: RunningServer, timeout_s: float = 120.0) -> None:
        self.server, self.http = server, client  # type: ignore[assignment]

    monkeypatch.setattr(Client, "__init__", made)
    monkeypatch.setattr(command, "located", lambda: (None, RunningServer("http://testserver", "token", 1)))
