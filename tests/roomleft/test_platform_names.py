"""One wording for a platform that nobody knows."""

import re
from pathlib import Path

import pytest

from roomleft.errors import InputError
from roomleft.platform_names import known_platform, unknown_platform, unknown_platform_words

ROOT = Path(__file__).parents[2]
KNOWN = {"shop": 1, "mill": 2}


@pytest.mark.parametrize(
    ("platform", "known", "what", "hint"),
    [
        ("shp", KNOWN, "unknown platform 'shp'", "did you mean 'shop'?"),
        ("zzz", KNOWN, "unknown platform 'zzz'", "platforms here: mill, shop"),
        ("<b>" * 50, KNOWN, f"unknown platform '{'<b>' * 20}…'", "platforms here: mill, shop"),
        ("a\n'b", KNOWN, 'unknown platform "a\\n\'b"', "platforms here: mill, shop"),
        ("shop", {}, "unknown platform 'shop'", "there are no platforms yet: bin/roomleft connect adds one (docs/connect.md)"),
    ],
)
def test_an_unknown_platform_is_told_with_what_to_do(platform: str, known: dict[str, int], what: str, hint: str) -> None:
    error = unknown_platform(platform, known)
    assert (error.what, error.where, error.hint) == (what, "the parameter platform", hint)
    sentence = unknown_platform_words(platform, known)
    assert sentence == f"U{what[1:]}: {hint}{'' if hint.endswith('?') else '.'}"
    with pytest.raises(InputError, match="unknown platform"):
        known_platform(platform, known, "platform")


@pytest.mark.parametrize("platform", [None, "shop"])
def test_a_known_platform_and_all_of_them_pass(platform: str | None) -> None:
    known_platform(platform, KNOWN)


def test_nobody_words_it_otherwise() -> None:
    """Records that come in name their own field and line: `collectors/records` and the push say it beside each."""
    own = re.compile(r"(unknown platform|no platform (called|\{)|[Pp]latform \{[^}]*\} is (not|un)known)")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("dashboards", "jobs", "alerts", "roomleft/cli", "collectors/files", "collectors/platform_api")
        for path in (ROOT / folder).rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if own.search(line) and "unknown_platform" not in line
    ]
    assert found == []
