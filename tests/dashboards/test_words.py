"""Keys, glossary and places: one table each, complete and true."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pytest
from dash import html

from dashboards import glossary, keys
from dashboards.components.still import markup
from dashboards.components.term import glossed, term
from dashboards.filters import parse
from dashboards.pages import glossary as glossary_page
from dashboards.places import PLACES
from dashboards.shell import NAVIGATION

ROOT = Path(__file__).parents[2]
SOURCES = "\n".join(
    path.read_text()
    for folder in ("dashboards", "analytics", "alerts", "roomleft")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.name not in ("glossary.py", "places.py")
).casefold()


def test_g_and_a_letter_leads_to_every_page_in_the_navigations_order() -> None:
    assert [(key.href, key.does) for key in keys.PAGES] == [tuple(each[:2]) for each in NAVIGATION]
    assert "".join(key.keys[1] for key in keys.PAGES) == "opascbyr"


def test_no_key_means_two_things() -> None:
    pressed = [key.keys for _, group in keys.TABLE for key in group]
    assert len(set(pressed)) == len(pressed)
    leaders = {each[0] for each in pressed if len(each) > 1}
    assert leaders == {"g"}
    assert not leaders & {each[0] for each in pressed if len(each) == 1}


def test_the_documentation_repeats_the_table_of_keys() -> None:
    assert keys.as_markdown() in (ROOT / "docs" / "screens.md").read_text()


def test_every_place_of_the_search_has_a_name_and_an_address_of_its_own() -> None:
    assert len({place.href for place in PLACES}) == len(PLACES) == len({place.name for place in PLACES})
    assert {path for path, *_ in NAVIGATION} <= {place.href for place in PLACES}


@pytest.mark.parametrize("each", glossary.TERMS, ids=lambda each: each.anchor)
def test_every_term_is_one_plain_sentence_and_is_used_somewhere(each: glossary.Term) -> None:
    assert each.means.endswith(".")
    assert 20 < len(each.means) <= 170
    assert "\n" not in each.means
    assert each.seen.split("?")[0] in {place.href for place in PLACES}
    words = [glossary.spelled(word).strip("* ,") for word in (each.name, *each.also)]
    assert any(word in SOURCES.replace("\\u202f", " ").replace("\\u00a0", " ").replace("\u202f", " ") for word in words)


def test_no_heading_stands_for_two_terms() -> None:
    seen: dict[str, str] = {}
    for each in glossary.TERMS:
        for word in {glossary.spelled(word) for word in (each.name, *each.also)}:
            assert seen.setdefault(word, each.name) == each.name, word
    assert len({each.anchor for each in glossary.TERMS}) == len(glossary.TERMS)


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("Chance", "Chance"),
        ("runs\u202fout", "Runs out"),
        ("Likely, 80\u202f% range", "p10, p50, p90"),
        ("November so far", "Cost"),
        ("November so far, AI + infrastructure", "AI usage"),
        ("November, expected in all", "p10, p50, p90"),
        ("Against 1–30 Oct", "Change"),
        ("Nonsense", None),
        ("", None),
    ],
)
def test_a_heading_finds_its_term(heading: str, name: str | None) -> None:
    found = glossary.meaning(heading)
    assert (found.name if found else None) == name


def test_a_term_in_a_sentence_can_be_reached_and_an_unknown_one_is_refused() -> None:
    props = term("Chance", "the chance").to_plotly_json()["props"]
    assert (props["children"], props["data-term"], props["tabIndex"]) == ("the chance", "Chance", 0)
    with pytest.raises(KeyError):
        term("Hocus")


def test_the_glossary_page_has_every_term_once() -> None:
    words = markup(glossary_page.layout(parse("/glossary", "")))
    assert parse("/glossary", "").path == glossary_page.PATH
    for each in glossary.TERMS:
        assert words.count(f">{escape(each.means, quote=False)}") == 1


@pytest.mark.parametrize(
    ("words", "explained"),
    [
        ("Two error budgets are used up; one SLO is unknown.", ["error budgets", "SLO"]),
        ("At least $5: 3 calls unpriced, 2 unpriced tokens", ["unpriced"]),
        ("p50 and p95 of the day", ["p50"]),
        ("Burn rate 2×, SLOs", ["Burn rate", "SLOs"]),
        ("of 80\u202f% ranges", []),
        ("slobber, packaged, repacks, p951", []),
        ("<b>SLO</b>", ["SLO"]),
    ],
)
def test_a_sentence_explains_each_word_where_it_first_comes(words: str, explained: list[str]) -> None:
    made = glossed(words)
    spans = [each for each in made if not isinstance(each, str)] if isinstance(made, list) else []
    assert [each.children for each in spans] == explained
    assert (
        "".join(each if isinstance(each, str) else each.children for each in (made if isinstance(made, list) else [made]))
        == words
    )


def test_the_sentences_of_a_list_explain_a_word_once() -> None:
    link = html.A("SLO", href="/slos")
    made = glossed(["An SLO. ", link, " Another SLO."])
    assert [each.children for each in made if not isinstance(each, str)] == ["SLO", "SLO"]
    assert made[3] is link
    assert glossed(link) is link
    assert glossed(None) is None


def test_no_word_of_prose_means_two_terms_and_each_is_known_as_a_word_too() -> None:
    seen: dict[str, str] = {}
    for each in glossary.TERMS:
        for word in each.prose:
            assert seen.setdefault(glossary.spelled(word), each.name) == each.name
            assert glossary.in_prose(word.upper()) == each.name
