"""`connect` as a newcomer runs it: real commands, a real server, real sources; and the pack it writes, edited and put in force again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from roomleft import datadir
from roomleft.packs import load_pack
from roomleft.settings import ROOT
from tests.chaos.server import JOBS_ALL_THE_TIME, Server
from tests.fixtures.pages import METRICS, Pages

pytestmark = pytest.mark.peers
EXPORTER = """# TYPE node_filesystem_size_bytes gauge
node_filesystem_size_bytes{mountpoint="/",fstype="ext4"} 1e11
# TYPE node_filesystem_avail_bytes gauge
node_filesystem_avail_bytes{mountpoint="/",fstype="ext4"} 4e10
"""
DEADLINE_S = 40.0


class Newcomer:
    """A person in an empty folder. `run` is a command of theirs, `start` one that goes on until they stop it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "var"
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("ROOMLEFT_")}
        self.env |= {"ROOMLEFT_DATA_DIR": str(self.data), "ROOMLEFT_PORT": "0", **JOBS_ALL_THE_TIME}

    def run(self, *words: object, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ROOT / "bin" / "roomleft", *map(str, words)],
            cwd=self.folder,
            env=self.env,
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self, *words: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [ROOT / "bin" / "roomleft", *map(str, words)], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def connect(self, *words: object, given: str = "") -> dict[str, Any]:
        """What `connect … --json` says, after it ended well."""
        done = self.run("connect", *words, "--json", given=given)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def status(self) -> dict[str, dict[str, Any]]:
        """Every limit in force at the running server."""
        with self.server() as http:
            return {row["limit_id"]: row for row in http.get("/api/v1/headroom").json()}

    def server(self) -> httpx.Client:
        note = datadir.running(self.data)
        assert note is not None
        return httpx.Client(base_url=note.url, headers={"Authorization": f"Bearer {note.token}"}, timeout=30, trust_env=False)


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    """Somebody whose server runs, with nothing connected at first. The module's tests connect platforms of their own names."""
    person = Newcomer(tmp_path_factory.mktemp("newcomer"))
    person.data.mkdir()
    server = Server(person.data)
    server.start()
    yield person
    server.stop()


def until(look: Callable[[], Any]) -> Any:
    """What `look` gives as soon as it gives something."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def test_a_new_server_is_empty_and_says_what_to_do(newcomer: Newcomer) -> None:
    with newcomer.server() as http:
        assert http.get("/api/v1/headroom").json() == []
        assert http.get("/api/v1/sources").json() == []
    assert newcomer.run("status").returncode == 2


def test_a_page_of_metrics_gives_an_own_figure_at_a_running_server(newcomer: Newcomer, web_pages: Pages) -> None:
    web_pages.at = {"/metrics": (METRICS, EXPORTER)}
    said = newcomer.connect("prometheus", web_pages.url, "--platform", "hosts", "--interval", "1s")
    (row,) = (row for row in said["limits"] if row["unit"] == "percent")
    assert (row["platform"], row["state"], float(row["used"])) == ("hosts", "ok", 60.0)
    told = {each["limit_id"]: each["state"] for each in json.loads(newcomer.run("status", "--json").stdout)}
    assert told[row["limit_id"]] == "ok"
    with newcomer.server() as http:
        (source,) = (each for each in http.get("/api/v1/sources").json() if each["platform"] == "hosts")
        assert (source["source"], source["state"], source["words"]) == ("hosts.metrics", "ok", "")
        test = http.post("/api/v1/sources/hosts.metrics/test").json()
        assert (test["ok"], test["words"]) == (True, "2 samples")
        web_pages.at = {}
        test = http.post("/api/v1/sources/hosts.metrics/test").json()
        assert (test["ok"], "404" in test["words"]) == (False, True)
        assert http.post("/api/v1/sources/hosts.metrix/test").status_code == 422


def test_an_edit_comes_into_force_without_a_restart_and_a_faulty_one_does_not(newcomer: Newcomer, web_pages: Pages) -> None:
    web_pages.at = {"/metrics": (METRICS, EXPORTER)}
    newcomer.connect("prometheus", web_pages.url, "--platform", "edited", "--interval", "1s")
    pack = newcomer.data / "packs" / "edited.yaml"
    written = pack.read_text()
    pack.write_text(written.replace('amount: "90"', "amount: 61"))
    done = newcomer.run("reload")
    assert (done.returncode, done.stdout) == (0, "changed: edited\n"), done.stderr
    limit = until(lambda: next((row for row in newcomer.status().values() if float(row["amount"]) == 61), None))["limit_id"]
    until(lambda: newcomer.status()[limit]["state"] == "tight")

    pack.write_text(written.replace('amount: "90"', "amuont: 62").replace("unit: percent", "unit: percents"))
    done = newcomer.run("reload")
    assert done.returncode == 1
    assert "amuont" in done.stderr
    assert "did you mean 'percent'" in done.stderr
    assert float(newcomer.status()[limit]["amount"]) == 61
    # Without a path `check` looks at one's own packs too; the shipped ones' tests would take their time.
    newcomer.env["ROOMLEFT_PACKS_DIR"] = str(newcomer.folder)
    try:
        done = newcomer.run("check")
    finally:
        del newcomer.env["ROOMLEFT_PACKS_DIR"]
    assert (done.returncode, "amuont" in done.stderr) == (1, True)

    pack.unlink()
    assert newcomer.run("reload").stdout == "removed: edited\n"
    assert limit not in newcomer.status()
    with newcomer.server() as http:
        assert "edited" not in {each["platform"] for each in http.get("/api/v1/sources").json()}
        until(lambda: 'platform="edited"' not in http.get("/metrics").text)


def test_a_second_source_joins_the_platform_and_a_persons_words_stay(newcomer: Newcomer, web_pages: Pages) -> None:
    web_pages.at = {"/metrics": (METRICS, EXPORTER), "/more": (METRICS, EXPORTER.replace("4e10", "1e10"))}
    first = newcomer.connect("prometheus", f"{web_pages.url}/metrics", "--platform", "joined", "--interval", "1s")
    pack = newcomer.data / "packs" / "joined.yaml"
    pack.write_text(pack.read_text().replace('amount: "90"', 'amount: "95"  # we decided'))
    second = newcomer.connect("prometheus", f"{web_pages.url}/more", "--platform", "joined", "--interval", "1s")
    assert (first["created"], second["created"]) == (True, False)
    assert (first["source"], second["source"]) == ("joined.metrics", "joined.metrics-2")
    used = {float(row["used"]): float(row["amount"]) for row in second["limits"]}
    assert used == {60.0: 95.0, 90.0: 90.0}
    assert "# we decided" in pack.read_text()
    again = newcomer.connect("prometheus", f"{web_pages.url}/more", "--platform", "joined")
    assert again["source"] == second["source"]
    assert len(load_pack(pack).sources) == 2
    assert len(load_pack(pack).limits) == 2


def test_a_platform_that_pushes_gets_lines_that_work_as_they_stand(newcomer: Newcomer) -> None:
    done = newcomer.run("connect", "push", "--platform", "pushed", "--budget-usd", "500", "--yes")
    assert done.returncode == 0, done.stderr
    token = re.match(r"TOKEN=(\S+)", done.stdout)
    assert token is not None
    for line in done.stdout.splitlines()[1:]:
        answer = subprocess.run(["sh", "-c", f"TOKEN={token[1]}; {line}"], capture_output=True, text=True, timeout=30)
        assert json.loads(answer.stdout)["rows_added"] == 1, answer.stdout + answer.stderr
    until(lambda: [row for row in newcomer.status().values() if row["platform"] == "pushed" and row["state"] != "unknown"])
    budget = until(lambda: [row for row in newcomer.status().values() if row["limit_id"] == "pushed.ai_budget" and row["used"]])[
        0
    ]
    assert (float(budget["amount"]), budget["state"]) == (500, "ok")
    assert Decimal(budget["used"]) == Decimal("0.006"), (
        "1 200 tokens at $2.50 and 300 at $10 a million: nobody had to write a price"
    )
    assert newcomer.run("connect", "push", "--platform", "pushed", "--yes").returncode == 0, "another token, the same pack"


def test_a_file_is_imported_and_watched(newcomer: Newcomer, tmp_path: Path) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    file = tmp_path / "calls.csv"
    file.write_text(f"id,occurred_at,provider,model,output_tokens\na,{now},openai,m,5\nb,{now},openai,m,7\n")
    said = newcomer.run("connect", "file", file, "--platform", "brought")
    assert said.returncode == 0, said.stderr
    assert "2 read, 2 added" in said.stdout
    until(lambda: float(newcomer.status()["brought.ai_calls_a_day"]["used"] or 0) == 2)


def test_a_platform_api_is_read_with_its_token(newcomer: Newcomer, web_pages: Pages) -> None:
    health = {
        "status": "pass",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "checks": {"db:answer": [{"status": "pass"}]},
    }
    web_pages.at, web_pages.token = {"/api/health": ("application/health+json", json.dumps(health))}, "hunter2"
    said = newcomer.run(
        "connect",
        "platform-api",
        f"{web_pages.url}/api",
        "--platform",
        "spoken",
        "--token-stdin",
        "--no-start",
        given="hunter2\n",
    )
    assert said.returncode == 0, said.stderr
    pack = (newcomer.data / "packs" / "spoken.yaml").read_text()
    assert "hunter2" not in pack + said.stdout + said.stderr
    assert "SPOKEN_TOKEN" in pack
    assert json.loads((newcomer.data / "credentials.json").read_text())["SPOKEN_TOKEN"] == "hunter2"
    assert "usage is not read" in said.stderr


def test_a_dry_run_prints_the_pack_and_writes_nothing(newcomer: Newcomer, web_pages: Pages, tmp_path: Path) -> None:
    web_pages.at = {"/metrics": (METRICS, EXPORTER)}
    done = newcomer.run("connect", "prometheus", web_pages.url, "--platform", "tried", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert not (newcomer.data / "packs" / "tried.yaml").exists()
    (tmp_path / "tried.yaml").write_text(done.stdout)
    assert load_pack(tmp_path / "tried.yaml").limits


def test_a_shipped_pack_comes_into_force_with_its_first_data(newcomer: Newcomer) -> None:
    with newcomer.server() as http:
        assert not any(row["platform"] == "scribe" for row in http.get("/api/v1/headroom").json())
        row = {"id": "first", "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "platform": "scribe", "provider": "gemini",
               "model": "flash", "input_tokens": 1000}  # fmt: skip
        assert http.post("/api/v1/usage", json=[row]).json()["rows_added"] == 1
        assert any(row["platform"] == "scribe" for row in http.get("/api/v1/headroom").json())
        cost = http.post("/api/v1/sql", json={"query": "SELECT cost_state FROM cost_entries WHERE event_id = 'first'"}).json()[
            "rows"
        ]
        assert cost == [{"cost_state": "priced"}]
        # It stays so when the packs are read again.
        assert "scribe" not in http.post("/api/v1/packs/reload").json()["removed"]
