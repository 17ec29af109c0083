"""The command line given wrong words, files and folders: three lines (what, where, what to do), never a traceback, nothing left behind."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from roomleft.cli import main
from tests.roomleft.running import run_command

Told = tuple[int, list[str]]
ROW = "id,occurred_at,model\na1,2026-11-20T00:00:00Z,flash\n"
USAGE = ("--as", "usage", "--platform", "scribe")


@pytest.fixture
def tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """Runs a command in this process, on the data folder `tmp_path/data`; its exit code and what it said on standard error."""
    for name in [name for name in os.environ if name.startswith("ROOMLEFT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ROOMLEFT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Told:
        monkeypatch.setattr(sys, "argv", ["roomleft", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        return (0 if code is None else int(code)), capsys.readouterr().err.splitlines()

    return run


def three_lines(told: Told, *, code: int = 1) -> str:
    """The error's three lines as one text, after checking that there are exactly those."""
    assert told[0] == code, told
    marks = [line.split(":", 1)[0].strip() for line in told[1]]
    assert marks == ["error", "where", "to do"], told
    return "\n".join(told[1])


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("frobnicate",), "frobnicate"),
        (("serve", "--prot", "1"), "--port"),
        (("demo", "--days", "0"), "--days"),
        (("demo", "--speed", "0"), "--speed"),
        (("demo", "--port", "x"), "--port"),
        (("token", "add", "x"), "--scope"),
        (("import",), "file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_words_the_command_line_does_not_know(tell: Callable[..., Told], words: tuple[str, ...], named: str) -> None:
    assert named in three_lines(tell(*words), code=2)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("demo", "--packs", "scrib"), "did you mean 'scribe'?"),
        (("demo", "--fault", "hangs"), "did you mean 'hang'?"),
        (("demo", "--fault", "other:hang"), "other:hang"),
        (("demo", "--port", "99999"), "0 to 65535"),
        (("serve", "--settings", "."), "cannot be read"),
        (("serve", "--settings", "absent.toml"), "no such settings file"),
        (("serve", "--port", "0", "--host", "192.0.2.1"), "--host"),
        (("token", "add", "x", "--scope", "superuser"), "superuser"),
        (("token", "add", "", "--scope", "read"), "name"),
        (("token", "revoke", "absent"), "absent"),
        (("token", "link"), "no server"),
        (("status",), "no warehouse yet"),
        (("sql", "SELECT 1"), "no warehouse yet"),
        (("start-over", "scribe", "usage"), "no warehouse yet"),
        (("check", "absent"), "no such file or folder"),
        (("check", "."), "no pack here"),
        (("import", "absent.csv", *USAGE), "no such file"),
        (("import", ".", *USAGE), "a folder"),
        (("import", "rows.csv", "--as", "nope"), "--as"),
        (("import", "rows.csv", "--as", "usage"), "--platform"),
        (("import", "rows.csv", "--as", "usage", "--platform", "scrib"), "did you mean 'scribe'?"),
        (("import", "rows.csv", *USAGE, "--map", "id=idd"), "did you mean 'id'?"),
        (("import", "rows.csv", *USAGE, "--zone", "Mars/X"), "--zone"),
        (("import", "rows.csv", *USAGE, "--start", "yesterday"), "--start"),
        (("import", "garbage.csv", *USAGE), "UTF-8"),
        (("import", "garbage.parquet", *USAGE), "not a Parquet file"),
        (("import", "garbage.ndjson", *USAGE), "no rows that can be read"),
        (("import", "garbage.csv.gz", *USAGE), "gzip"),
        (("import", "damaged.csv.gz", *USAGE), "gzip"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_is_told_and_nothing_is_made(
    tell: Callable[..., Told], tmp_path: Path, words: tuple[str, ...], named: str
) -> None:
    (tmp_path / "rows.csv").write_text(ROW)
    for ending in ("csv", "parquet", "ndjson", "csv.gz"):
        (tmp_path / f"garbage.{ending}").write_bytes(bytes(range(255, 0, -1)) * 20)
    whole = bytearray(gzip.compress(ROW.encode() * 50))
    whole[20:40] = b"\xff" * 20
    (tmp_path / "damaged.csv.gz").write_bytes(whole)
    assert named in three_lines(tell(*words))
    assert not (tmp_path / "data" / "warehouse.duckdb").exists()
    assert not (tmp_path / "data" / "demo.json").exists()


@pytest.mark.parametrize(
    "words", [("serve", "--port", "0"), ("demo", "--port", "0"), ("status",), ("token", "list")], ids=" ".join
)
def test_a_data_folder_that_is_a_file(tell: Callable[..., Told], tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "data").write_text("x")
    assert "not a folder" in three_lines(tell(*words))


@pytest.mark.parametrize(
    ("file", "words", "named"),
    [
        ("state.db", ("serve", "--port", "0"), "not a Roomleft state database"),
        ("state.db", ("token", "list"), "not a Roomleft state database"),
        ("warehouse.duckdb", ("serve", "--port", "0"), "not a warehouse"),
        ("warehouse.duckdb", ("sql", "SELECT 1"), "not a warehouse"),
        ("server.json", ("serve", "--port", "0"), "server.json"),
        ("kind", ("serve", "--port", "0"), "neither demo nor serve"),
        ("demo.json", ("demo", "--days", "1", "--port", "0"), "damaged"),
    ],
)
def test_a_damaged_file_in_the_data_folder_is_named_and_left_alone(
    tell: Callable[..., Told], tmp_path: Path, file: str, words: tuple[str, ...], named: str
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "kind").write_text(f"{words[0]}\n")
    garbage = bytes(range(255, 0, -1)) * 100
    (data / file).write_bytes(garbage)
    said = tell(*words)
    assert named in three_lines((said[0], said[1][-3:]))
    assert (data / file).read_bytes() == garbage


def test_every_fault_of_a_pack_is_told_not_only_the_first(tell: Callable[..., Told]) -> None:
    code, lines = tell("check", Path(__file__).parent.parent / "packs" / "bad" / "three-faults.yaml")
    assert code == 1
    assert len([line for line in lines if line.startswith("error: ")]) == 4


def test_a_wrong_question_does_not_hinder_the_next(tell: Callable[..., Told], tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(ROW)
    assert tell("import", "rows.csv", *USAGE)[0] == 0
    for question in ("DROP TABLE ai_usage", "SELECT", "", "SELECT 1; SELECT 2", "SELECT 'x'::INT", "SELECT 1e400"):
        assert "your question" in three_lines(tell("sql", question))
    assert tell("sql", "SELECT count(*) FROM ai_usage")[0] == 0


@pytest.mark.parametrize(
    ("more", "said"), [((), "packed\tmany\n<3 bytes>\t"), (("--json",), '[{"packed": "<3 bytes>", "many": ["<1 byte>"]}]')]
)
def test_bytes_are_told_by_their_number(
    tell: Callable[..., Told],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    said: str,
) -> None:
    (tmp_path / "rows.csv").write_text(ROW)
    assert tell("import", "rows.csv", *USAGE)[0] == 0
    code, out, _ = run_command(monkeypatch, capsys, "sql", "SELECT 'abc'::BLOB AS packed, ['a'::BLOB] AS many", *more)
    assert (code, out[: len(said)]) == (0, said)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_one_may_not_read(tell: Callable[..., Told], tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(ROW)
    (tmp_path / "rows.csv").chmod(0)
    assert "permissions" in three_lines(tell("import", "rows.csv", *USAGE))
