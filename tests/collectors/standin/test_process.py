"""The real process: it says where it listens, answers over the network, and ends when its input does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[3]
TOKEN = "over-the-pipe"
ARGUMENTS = [
    "--packs", "scribe", "--days", "2", "--seed", "7", "--speed", "60",
    "--clock-real", "2026-11-20T12:00:00Z", "--clock-virtual", "2026-11-20T12:00:00Z",
]  # fmt: skip


def start(*more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "collectors.standin", *ARGUMENTS, *more]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    with start("--fault", "replica_lag") as process:
        assert process.stdin is not None
        process.stdin.write(TOKEN + "\n")
        process.stdin.flush()
        yield process
        process.kill()


@pytest.mark.parametrize("how", ["its input closes", "SIGTERM"])
def test_it_serves_on_loopback_until_it_is_told_to_stop(process: subprocess.Popen[str], how: str):
    assert process.stdin is not None
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    assert url.startswith("http://127.0.0.1:")
    with httpx.Client(base_url=f"{url}/scribe", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as client:
        page = client.get("/usage", params={"limit": 10_000}).json()
        assert page["more"] is True or len(page["records"]) > 5000
        assert [f["name"] for f in client.get("/faults").json() if f["on"]] == ["replica_lag"]
        client.put("/faults/hang", json={"on": True})
        with pytest.raises(httpx.ReadTimeout):
            client.get("/usage", timeout=0.3)
        client.put("/faults/hang", json={"on": False})
        assert client.get("/usage", params={"limit": 1}).status_code == 200
    if how == "SIGTERM":
        process.terminate()
    else:
        process.stdin.close()
    process.wait(10)
    assert process.returncode in (0, -15)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--fault", "nonsense"], "replica_lag"),
        (["--packs", "nonsense"], "nonsense"),
        (["--days", "0"], "--days"),
        (["--clock-real", "2026-11-20T12:00:00"], "no time zone"),
    ],
    ids=["fault", "pack", "days", "time without an offset"],
)
def test_wrong_arguments_are_told_and_end_it(more: list[str], words: str):
    with start("--token", TOKEN, *more) as process:
        _, told = process.communicate(timeout=60)
    assert process.returncode == 2
    assert words in told
