"""The packs' own test scripts pass, and a script that is wrong fails or is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics.packtest import Script, Wanted, load_scripts, rules_of, run_script
from analytics.packtest_rows import GAP, parse_series, parse_values
from jobs.measure import measure
from jobs.scripted import watch
from roomleft.errors import PackError
from roomleft.packs import Pack, PackFaults, load_pack, pack_files

PACKS = Path(__file__).parent.parent.parent / "packs"
FILES = list(pack_files(PACKS).values())
EVERY: dict[str, Pack] = {pack.slug: pack for pack in map(load_pack, FILES)}
SCRIBE = EVERY["scribe"]
SCRIPTS = load_scripts(PACKS / "scribe.test.yaml", SCRIBE)


def scripts() -> Iterator[object]:
    """Every script of every pack; a pack without a script file gives none, which the last test tells."""
    for slug, pack in EVERY.items():
        path = PACKS / f"{slug}.test.yaml"
        for script in load_scripts(path, pack) if path.exists() else ():
            yield pytest.param(pack, script, id=f"{slug}: {script.name}")


@pytest.mark.parametrize(("pack", "script"), scripts())
def test_scripts_pass(pack: Pack, script: Script) -> None:
    rules = rules_of(pack) if script.evaluations() else {}
    assert run_script(pack, script, measure, watch, rules).failures == ()


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"p_breach": {"above": "0.5"}}, "at 20m, scribe.database_pool: p_breach is None, not above 0.5"),
        ({"no_date": "stale"}, "at 20m, scribe.database_pool: no_date is no_data, not stale"),
        ({"order_by": "3d"}, "at 20m, scribe.database_pool: order_by is None, not within 12 h of 2026-11-23 00:00:00+00:00"),
    ],
)
def test_a_wrong_expectation_of_a_forecast_fails_in_words(wanted: dict[str, object], said: str) -> None:
    asked = Wanted.model_validate({"limit": "scribe.database_pool", **wanted})
    script = SCRIPTS[0].model_copy(update={"expect": [SCRIPTS[0].expect[1].model_copy(update={"headroom": asked})]})
    assert run_script(SCRIBE, script, measure).failures == (said,)


def test_a_wrong_expectation_fails_in_words() -> None:
    script = SCRIPTS[0]
    wanted = script.expect[0].headroom.model_copy(update={"state": "exhausted"})
    wrong = script.model_copy(update={"expect": [script.expect[0].model_copy(update={"headroom": wanted})]})
    assert run_script(SCRIBE, wrong, measure).failures == ("at 10m, scribe.database_pool: state is ok, not exhausted",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "- {name: a, load: {series: {frame_rate_fps: 1x2}}, expect: {at: 1m, headroom: {limit: scribe.frame_rat}}}",
            "did you mean 'scribe.frame_rate'",
        ),
        (
            "- {name: a, load: {series: {frame_rate: 1x2}}, expect: {at: 1m, headroom: {limit: scribe.frame_rate}}}",
            "did you mean 'frame_rate_fps'",
        ),
        (
            "- {name: a, load: {series: {frame_rate_fps: 1xx}}, expect: {at: 1m, headroom: {limit: scribe.frame_rate}}}",
            "'1xx' is not a value",
        ),
        ("- {name: a, laod: {}, expect: {at: 1m, headroom: {limit: scribe.frame_rate}}}", "did you mean 'load'"),
        (
            "- {name: a, load: {}, expect: {at: soon, headroom: {limit: scribe.frame_rate}}}",
            "'soon' is not a time since the start",
        ),
        ("- {name: a, load: {}, expect: {at: 1m, headroom: {limit: scribe.frame_rate, state: fine}}}", "unknown value 'fine'"),
        (
            "- {name: a, load: {}, expect: {at: 1m, alert: {name: ReplicaFallsBehnd, state: firing}}}",
            "did you mean 'ReplicaFallsBehind'",
        ),
        ("- {name: a, load: {}, expect: {at: 1m, alert: {name: ReplicaFallsBehind, state: red}}}", "unknown value 'red'"),
        ("- {name: a, load: {}, expect: {at: 1m}}", "give headroom, alert, or both"),
        (
            "- {name: a, load: {every: 15s}, expect: {at: 30d, alert: {name: ReplicaFallsBehind, state: firing}}}",
            "more than 3,000 evaluations",
        ),
        ("{}", "list"),
    ],
)
def test_a_script_that_is_wrong_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "scribe.test.yaml"
    path.write_text(text)
    with pytest.raises(PackFaults) as caught:
        load_scripts(path, SCRIBE)
    assert words in str(caught.value)


def test_lines_of_values() -> None:
    assert parse_values("0.5x2 _ 1+2x3 end -3") == [0.5, 0.5, GAP, 1.0, 3.0, 5.0, None, -3.0]
    assert parse_values("pass failx2", words=True) == ["pass", "fail", "fail"]


@pytest.mark.parametrize("line", ["", "x5", "1y2", "pass", "1x9999999", "1x-2"])
def test_lines_that_are_refused(line: str) -> None:
    with pytest.raises(PackError):
        parse_values(line)


def test_series_names() -> None:
    assert parse_series('a_total{b="c", d="e f"}').labels == (("b", "c"), ("d", "e f"))
    for bad in ("1a", "a{b}", 'a{b="c"', 'a{b="c" d="e"}'):
        with pytest.raises(PackError):
            parse_series(bad)


@pytest.mark.parametrize("slug", EVERY)
def test_every_pack_has_a_script_file_with_eight_scripts(slug: str) -> None:
    scripts = load_scripts(PACKS / f"{slug}.test.yaml", EVERY[slug])
    assert len(scripts) >= 8
    assert sum(bool(script.evaluations()) for script in scripts) >= 2
