"""Settings: the file, the environment, the option, and every way to get one wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from roomleft.errors import SettingsError
from roomleft.settings import ROOT, SETTINGS, Setting, load_settings


def write(folder: Path, text: str) -> Path:
    file = folder / "roomleft.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_nothing_said_gives_loopback_and_a_file_under_var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(env={})
    assert (settings.host, settings.port, settings.data_dir) == ("127.0.0.1", 8470, tmp_path / "var")
    assert settings.warehouse_url == f"duckdb:///{tmp_path}/var/warehouse.duckdb"
    assert load_settings(env={}, demo=True).data_dir == tmp_path / "var" / "demo"


def test_an_option_wins_over_a_variable_and_a_variable_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "port = 1111\nhost = '0.0.0.0'\n")
    assert load_settings(env={}, file=file).port == 1111
    assert load_settings(env={"ROOMLEFT_PORT": "2222"}, file=file).port == 2222
    assert load_settings(env={"ROOMLEFT_PORT": "2222"}, file=file, overrides={"port": 3333}).port == 3333
    assert load_settings(env={"ROOMLEFT_PORT": "2222"}, file=file, overrides={"port": None}).host == "0.0.0.0"


def test_a_source_from_the_file_or_the_environment(tmp_path: Path) -> None:
    file = write(tmp_path, "[sources.scribe]\nurl = 'http://a/'\ntoken_env = 'T'\n")
    (source,) = load_settings(env={"T": "secret"}, file=file).sources
    assert (source.platform, source.url, source.token) == ("scribe", "http://a", "secret")
    assert "secret" not in repr(source)
    (source,) = load_settings(env={"ROOMLEFT_SOURCE_SCRIBE_URL": "https://b", "ROOMLEFT_SOURCE_SCRIBE_TOKEN": "t"}).sources
    assert (source.url, source.token) == ("https://b", "t")


@pytest.mark.parametrize(
    ("text", "where", "hint"),
    [
        ("prot = 1", "prot", "did you mean port?"),
        ("port = 'x'", "port", "Port to listen on"),
        ("port = 70000", "port", "0 to 65535"),
        ("port = 1.5", "port", "Port to listen on"),
        ("port = true", "port", "Port to listen on"),
        ("collect_every_s = -1", "collect_every_s", "0.1 to 3600"),
        ("packs = [1]", "packs", "Which packs"),
        ("port = ", "roomleft.toml", "fix the line"),
        ("sources = 3", "sources", "[sources.PLATFORM]"),
        ("[sources.a]\nurl = 'nowhere'", "sources.a.url", "https://"),
        ("[sources.a]\nurl = 'http://x:99999'", "sources.a.url", "https://"),
        ("[sources.a]\nurl = 'http://x'\ntokn = 'y'", "sources.a.tokn", "did you mean token?"),
        ("[sources.a]\nurl = 'http://x'\ntoken_env = 'ABSENT'", "token_env", "export ABSENT"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, text: str, where: str, hint: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(env={}, file=write(tmp_path, text))
    assert where in refused.value.where
    assert hint in refused.value.hint


def test_a_misspelt_variable_is_refused_and_variables_of_others_are_left_alone() -> None:
    with pytest.raises(SettingsError, match="ROOMLEFT_PROT"):
        load_settings(env={"ROOMLEFT_PROT": "1"})
    load_settings(env={"PATH": "/bin", "ROOMLEFT_SHARED": "../x", "ROOMLEFT_TEST_POSTGRES": "y"})


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such settings file"):
        load_settings(env={}, file=tmp_path / "absent.toml")


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_documented(setting: Setting) -> None:
    assert f"| `{setting.name}` |" in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
