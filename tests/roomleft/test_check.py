"""`check PATH`: what a file is, what is told of it, and with which code it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from roomleft.cli.check_files import What, sort_files, what_is
from roomleft.errors import RoomleftError
from roomleft.openslo import check_openslo
from tests.roomleft.rule_shop import PACK, with_rule
from tests.roomleft.running import run_command

RULES = with_rule("when: {health: api}")
SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: web}
spec:
  service: shop
  budgetingMethod: Occurrences
  timeWindow: [{duration: 30d, isRolling: true}]
  indicator:
    metadata: {name: good}
    spec: {thresholdMetric: {metricSource: {type: Datadog, spec: {query: latency}}}}
  objectives: [{target: 0.99, op: lt, value: 200}]
"""
FILES = {
    "shop.yaml": (PACK, What.PACK),
    "shop.test.yaml": ("[]", What.TEST),
    "shop.rules.yaml": (RULES, What.RULES),
    "web.slo.yaml": (SLO, What.SLO),
    "mine.yaml": (f"platform: shop\n{RULES}", What.RULES),
    "objects.yaml": (SLO, What.SLO),
    "two.yaml": (SLO + "---\n" + SLO, What.SLO),
    "list.yaml": ("- apiVersion: openslo/v1\n", What.SLO),
    "object.json": ('{"apiVersion": "openslo/v1"}', What.SLO),
    "no-version.yml": ("kind: SLO\nmetadata: {name: a}\n", What.SLO),
    "sloth.yml": ("version: prometheus/v1\nservice: a\n", What.SLO),
    "promql.yaml": ("groups: [{name: a, rules: [{alert: A, expr: up == 0}]}]\n", What.SLO),
    "alerting.yaml": ("routes: []\n", What.ALERTING),
    "acme.yaml": ("provider: acme\nmodels: {}\n", What.PRICES),
    "no-slug.yaml": ("title: Shop\nlimits: []\n", What.PACK),
    "notes.yaml": ("hello: there\n", None),
    "broken.yaml": ("a: [", None),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_known_by_its_name_or_what_is_in_it(tmp_path: Path, name: str) -> None:
    text, what = FILES[name]
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert what_is(tmp_path / name) is what


def test_a_folder_is_sorted(tmp_path: Path) -> None:
    (tmp_path / "prices").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("shop.yaml", "shop.rules.yaml", "broken.yaml", "prices/acme.yaml", ".hidden/shop.yaml", "prices/notes.yaml"):
        (tmp_path / name).write_text(FILES[name.rpartition("/")[2]][0], encoding="utf-8")
    found = sort_files(tmp_path)
    assert {what: [path.name for path in paths] for what, paths in found.files.items()} == {
        What.PACK: ["broken.yaml", "shop.yaml"],
        What.RULES: ["shop.rules.yaml"],
        What.PRICES: ["acme.yaml"],
    }


def test_among_slos_what_cannot_be_read_is_one(tmp_path: Path) -> None:
    for name in ("objects.yaml", "broken.yaml"):
        (tmp_path / name).write_text(FILES[name][0], encoding="utf-8")
    assert {path.name for path in sort_files(tmp_path).of(What.SLO)} == {"objects.yaml", "broken.yaml"}


STRAYS = {"stray.yml": "a: [", "stray.json": '{"a": ', "STRAY.YAML": "a: [", "deep/empty.yml": "", "deep/words.json": '"words"'}


@pytest.mark.parametrize("stray", STRAYS)
def test_among_slos_nothing_is_passed_over(tmp_path: Path, stray: str) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "objects.yaml").write_text(SLO, encoding="utf-8")
    (tmp_path / stray).write_text(STRAYS[stray], encoding="utf-8")
    found = sort_files(tmp_path).of(What.SLO)
    assert [path.name for path in found if path.name != "objects.yaml"] == [Path(stray).name]
    assert [one.ok for one in check_openslo(found) if Path(stray).name in one.file] == [False]


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "objects.yaml").write_text(SLO, encoding="utf-8")
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    assert [one.words[:14] for one in check_openslo(sort_files(tmp_path).of(What.SLO)) if not one.ok] == ["cannot be read"]


def test_among_packs_a_broken_file_is_told_whatever_its_suffix(tmp_path: Path) -> None:
    for name, text in (("shop.yaml", PACK), ("broken.yml", "a: ["), ("rows.json", "[1, 2")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert [path.name for path in sort_files(tmp_path).of(What.PACK)] == ["broken.yml", "shop.yaml"]


def test_a_path_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RoomleftError, match="there is no such file or folder"):
        sort_files(tmp_path / "nowhere")


def test_a_folder_of_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n")
    with pytest.raises(RoomleftError, match="no pack here"):
        sort_files(tmp_path)


CASES = {
    "a pack and its rules": ({"shop.yaml": PACK, "shop.rules.yaml": RULES}, ".", 0, ["shop.rules.yaml: valid, 1 rule\n"]),
    "rules of a pack beside them": ({"shop.yaml": PACK, "shop.rules.yaml": RULES}, "shop.rules.yaml", 0, ["valid, 1 rule\n"]),
    "rules with a fault": (
        {"shop.yaml": PACK, "shop.rules.yaml": RULES.replace("health: api", "health: apii")},
        ".",
        1,
        ["error: unknown component 'apii'", "shop.rules.yaml: groups[0].rules[0].when.health, line 8", "did you mean 'api'?"],
    ),
    "two files with one alert": (
        {"shop.yaml": PACK, "shop.rules.yaml": RULES, "zz.yaml": f"platform: shop\n{RULES}"},
        ".",
        1,
        ["alert 'TooSlow' of shop is taken", "zz.yaml: groups[0].rules[0].alert, line 5"],
    ),
    "rules of a pack with faults": (
        {"shop.yaml": PACK.replace("owner: web", "ownr: web"), "shop.rules.yaml": RULES},
        ".",
        1,
        ["unknown key 'ownr'", "the pack beside it has faults"],
    ),
    "a query that writes": (
        {
            "shop.yaml": PACK,
            "shop.rules.yaml": with_rule("when: {sql: ask.sql, above: 1}"),
            "shop/ask.sql": "DROP TABLE ai_usage",
        },
        ".",
        1,
        ["ask.sql may not be asked: only SELECT may be asked", "when.sql, line 8"],
    ),
    "a query with a column twice": (
        {
            "shop.yaml": PACK,
            "shop.rules.yaml": with_rule("when: {sql: ask.sql, above: 1}"),
            "shop/ask.sql": "SELECT platform AS a, 'x' AS A, count(*) AS value FROM ai_usage GROUP BY 1",
        },
        ".",
        1,
        ["ask.sql may not be asked: it returns column 'a' twice", "when.sql, line 8"],
    ),
    "alerting": (
        {"alerting.yaml": "routes: [{receiver: nobody}]\n"},
        ".",
        1,
        ["unknown receiver 'nobody'", "routes[0].receiver, line 1"],
    ),
    "alerting that is right": ({"a.yaml": "receivers: []\n"}, "a.yaml", 0, ["valid, 0 receivers, 0 routes"]),
    "an SLO": ({"web.slo.yaml": SLO}, ".", 0, ["SLO web: valid; not evaluable here"]),
    "an SLO with a field too many": (
        {"web.yaml": SLO.replace("  service: shop", "  service: shop\n  servce: x")},
        "web.yaml",
        1,
        ["unknown key 'servce'", "web.yaml: line 6"],
    ),
    "another version": ({"web.yaml": SLO.replace("openslo/v1", "openslo/v1alpha")}, ".", 1, ["openslo/v1alpha"]),
    "PromQL": ({"up.yaml": FILES["promql.yaml"][0]}, ".", 1, ["a Prometheus rules file"]),
    "price lists": ({"shop.yaml": PACK, "prices/acme.yaml": "provider: acme\nmodels: {}\n"}, ".", 1, ["prices/acme.yaml"]),
}


@pytest.mark.parametrize(("files", "path", "code", "words"), CASES.values(), ids=CASES)
def test_what_is_told_of_a_path(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    files: dict[str, str],
    path: str,
    code: int,
    words: list[str],
) -> None:
    packs = tmp_path / "packs"
    packs.mkdir()
    monkeypatch.setenv("ROOMLEFT_PACKS_DIR", str(packs))
    monkeypatch.setenv("ROOMLEFT_DATA_DIR", str(tmp_path / "data"))
    folder = tmp_path / "asked"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(folder)
    found, out, err = run_command(monkeypatch, capsys, "check", path)
    assert (found, out) == (code, "")
    assert [each for each in words if each not in err] == []
    assert ("error: " in err) == bool(code)


def test_without_a_path_what_is_in_force_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    packs, own = tmp_path / "packs", tmp_path / "data" / "rules"
    packs.mkdir()
    own.mkdir(parents=True)
    (packs / "shop.yaml").write_text(PACK, encoding="utf-8")
    (packs / "shop.rules.yaml").write_text(RULES, encoding="utf-8")
    (own / "mine.yaml").write_text("platform: shop\n" + with_rule("when: {health: store}", "alert: Other"), encoding="utf-8")
    (own / "web.slo.yaml").write_text(SLO, encoding="utf-8")
    (tmp_path / "alerting.yaml").write_text("receivers: []\n", encoding="utf-8")
    monkeypatch.setenv("ROOMLEFT_PACKS_DIR", str(packs))
    monkeypatch.setenv("ROOMLEFT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    code, _, err = run_command(monkeypatch, capsys, "check")
    assert code == 0, err
    told = [line.partition(": ")[0] for line in err.splitlines()]
    assert {"shop.yaml", "shop.rules.yaml", "mine.yaml", "own.rules.yaml", "rules/web.slo.yaml"} <= set(told)
    assert "alerting.yaml: valid" in err
    (own / "mine.yaml").write_text("platform: shpo\n" + RULES, encoding="utf-8")
    (tmp_path / "alerting.yaml").write_text("recievers: []\n", encoding="utf-8")
    code, _, err = run_command(monkeypatch, capsys, "check")
    assert (code, "did you mean 'shop'?" in err, "did you mean 'receivers'?" in err) == (1, True, True)
