"""Nothing committed names a place that only one machine or one network has."""

from __future__ import annotations

import re

import pytest

from tests.architecture.sources import ROOT, committed

# Written in pieces, so that this file keeps its own rule.
HOSTS = ["py" + "pi.org", "python" + "hosted.org", "registry." + "npmjs.org", "deb." + "debian.org", "security." + "debian.org"]
PATHS = ["work/(main|shared|\\.library)", "tmp/brief", "root/", "home/[a-z]+/"]
PRIVATE = re.compile("|".join([*map(re.escape, HOSTS), *(rf"(?<![\w.~*$}}])/{path}" for path in PATHS)]), re.IGNORECASE)


def test_no_file_names_a_registry_or_a_machine() -> None:
    found = []
    for path in committed():
        if b"\0" in (content := path.read_bytes())[:8000]:
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            if match := PRIVATE.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number} {match.group()}")
    assert found == []


@pytest.mark.parametrize(
    "text", ["see /" + "work/main/x", "cd /" + "tmp/brief", "--index Py" + "PI.org/simple", "/" + "home/ada/x"]
)
def test_the_rule_sees(text: str) -> None:
    assert PRIVATE.search(text)


@pytest.mark.parametrize("text", ["dashboards/work/main.js", "/var/lib/postgresql", "https://example.com/home", "$x/root/"])
def test_the_rule_lets_pass(text: str) -> None:
    assert not PRIVATE.search(text)
