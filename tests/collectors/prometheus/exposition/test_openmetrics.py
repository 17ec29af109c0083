"""OpenMetrics pages: every rule has a page that breaks it and one that does not."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from collectors.prometheus.exposition import Format, Page, PageRefused, read_page
from tests.collectors.prometheus.exposition.pages import taken, verdict

GOOD = {
    "nothing at all": "",
    "only metadata": "# HELP a \n# TYPE a gauge\n# UNIT a \n",
    "unknown type, no metadata": "a 1\nb 2\n",
    "infinite and not a number": '# TYPE a gauge\na{b="1"} +Inf\na{b="2"} -Inf\na{b="3"} NaN\na{b="4"} infinity\na{b="5"} nan\n',
    "number forms": "a 1\nb -1.5\nc .5\nd 5.\ne 1e3\nf +2E-3\ng 0001\nh -0\n",
    "counter with its birth": "# TYPE a counter\na_total 1\na_created 1.5e9\n",
    "counter with unit": "# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1\n",
    "summary": '# TYPE a summary\na{quantile="0.5"} NaN\na{quantile="1"} 2\na_count 1\na_sum 2\na_created 3\n',
    "histogram without sum": '# TYPE a histogram\na_bucket{le="1"} 0\na_bucket{le="+Inf"} 3\n',
    "histogram with negative bounds": '# TYPE a histogram\na_bucket{le="-1"} 0\na_bucket{le="+Inf"} 3\n',
    "gauge histogram, negative sum": '# TYPE a gaugehistogram\na_bucket{le="-1"} 1\na_bucket{le="+Inf"} 3\na_gcount 3\na_gsum -5\n',
    "two histograms in turn": '# TYPE a histogram\na_bucket{x="1",le="+Inf"} 1\na_count{x="1"} 1\na_sum{x="1"} 1\na_bucket{x="2",le="+Inf"} 0\n',
    "stateset": '# TYPE a stateset\na{a="on"} 1\na{a="off"} 0\n',
    "info": '# TYPE a info\na_info{v="1"} 1\na_info{v="2"} 1\n',
    "info whose times run backwards": '# TYPE a info\na_info{v="1"} 1 2\na_info{v="2"} 1 1\n',
    "one series at several times": "# TYPE a gauge\na 1 1\na 2 2\na 2 2.5\n",
    "exemplar with its time": '# TYPE a counter\na_total 1 # {id="x"} 0.5 12.5\n',
    "exemplar of 128 characters": '# TYPE a counter\na_total 1 # {a="' + "x" * 127 + '"} 1\n',
    "hash in a label": 'a{b="c # d"} 1\n',
    "braces and commas in a label": 'a{b="{x},y=z",c="}"} 1\n',
    "help with escapes, quotes and a NUL": '# HELP a x\\n\\\\ "q" \\" \0\\z\na 1\n',
    "an empty label beside a full one": 'a{b=""} 1\na{b="c"} 2\n',
    "quoted names": '# TYPE "my.counter" counter\n{"my.counter_total","a b"="c"} 1\n',
    "letters of every script in a label": 'a{b="日本語 🎉 é"} 1\n',
}
BAD = {
    "blank line": ("a 1\n\n", 2, "blank line"),
    "comment": ("#a\n", 1, "neither HELP"),
    "blank before": (" a 1\n", 1, "begins with no metric name"),
    "two blanks": ("a  1\n", 1, "not a value"),
    "blank after": ("a 1 \n", 1, "not a value"),
    "tab": ("a\t1\n", 1, "not a value"),
    "carriage return": ("a 1\r\n", 1, "is not a number"),
    "no blank before the value": ('a{b="c"}1\n', 1, "not a value"),
    "blank in braces": ('a{ b="c"} 1\n', 1, "where a label"),
    "trailing comma": ('a{b="c",} 1\n', 1, "where a label"),
    "two commas": ('a{b="c",,d="e"} 1\n', 1, "where a label"),
    "label without quotes": ("a{b=c} 1\n", 1, "is not a quoted text"),
    "label twice": ('a{b="1",b="2"} 1\n', 1, "given twice"),
    "label name with a digit first": ('a{1b="1"} 1\n', 1, "where a label"),
    "label name with a colon": ('a{b:c="1"} 1\n', 1, "label 'b' has no value"),
    "the name as a label": ('a{__name__="b"} 1\n', 1, "reserved"),
    "unfinished label": ('a{b="c} 1\n', 1, "is not a quoted text"),
    "unfinished braces": ('a{b="c" 1\n', 1, "where a comma or a closing brace"),
    "name twice": ('a{"b"} 1\n', 1, "named twice"),
    "no name": ('{a="b"} 1\n', 1, "no metric name"),
    "name outside ASCII": ("é 1\n", 1, "begins with no metric name"),
    "digits outside ASCII": ("a ١\n", 1, "is not a number"),
    "number with underscore": ("a 1_000\n", 1, "is not a number"),
    "hexadecimal": ("a 0x1p3\n", 1, "is not a number"),
    "signed NaN": ("a -NaN\n", 1, "is not a number"),
    "beyond a float": ("a 1e999\n", 1, "too large"),
    "NaN as a time": ("a 1 NaN\n", 1, "not a timestamp"),
    "a third word": ("a 1 2 3\n", 1, "not a value"),
    "unknown type": ("# TYPE a untyped\n", 1, "is not a type"),
    "type twice": ("# TYPE a gauge\n# TYPE a gauge\n", 2, "second TYPE"),
    "type of nothing": ("# TYPE a\n", 1, "neither HELP"),
    "help twice": ("# HELP a x\n# HELP a y\n", 2, "second HELP"),
    "help without its blank": ("# HELP a\n", 1, "neither HELP"),
    "unit twice": ("# UNIT a_s s\n# UNIT a_s s\n", 2, "second UNIT"),
    "unit that is not in the name": ("# UNIT a seconds\na 1\n", 1, "not the end of the name"),
    "unit of an info": ("# TYPE a_s info\n# UNIT a_s s\n", 1, "has no unit"),
    "unit of a stateset": ("# TYPE a_s stateset\n# UNIT a_s s\n", 1, "has no unit"),
    "metadata after samples": ("a 1\n# HELP a x\n", 2, "after its samples"),
    "a family in two places": ("a 1\nb 1\na{c=\"d\"} 1\n", 3, "comes again"),
    "a total without its type's name": ("# TYPE a counter\na 1\n", 2, "comes again"),
    "clashing names": ("# TYPE a counter\na_total 1\n# TYPE a_total gauge\na_total{b=\"c\"} 1\n", 3, "is also a name of"),
    "clashing birth": ("# TYPE a_created gauge\na_created 1\n# TYPE a counter\na_total 1\n", 3, "is also a name of"),
    "same series twice": ("# TYPE a gauge\na 1\na 1\n", 3, "there twice"),
    "same series twice, labels in another order": ('a{b="1",c="2"} 1\na{c="2",b="1"} 1\n', 2, "there twice"),
    "same series twice by an empty label": ('a{b=""} 1\na 1\n', 2, "there twice"),
    "same series and time twice": ("a 1 5\na 2 5.0\n", 2, "there twice"),
    "groups that interleave": ('# TYPE a gauge\na{b="1"} 1 1\na{b="2"} 1 1\na{b="1"} 1 2\n', 4, "do not stand together"),
    "times backwards": ("a 1 2\na 1 1\n", 2, "run backwards"),
    "some with times": ("a 1 2\na 1\n", 2, "others have none"),
    "negative counter": ("# TYPE a counter\na_total -1\n", 2, "at least 0"),
    "counter that is no number": ("# TYPE a counter\na_total NaN\n", 2, "at least 0"),
    "negative sum": ('# TYPE a summary\na_count 1\na_sum -1\n', 3, "at least 0"),
    "negative quantile value": ('# TYPE a summary\na{quantile="1"} -1\n', 2, "may not be negative"),
    "quantile missing": ("# TYPE a summary\na 1\n", 2, "quantile"),
    "quantile above 1": ('# TYPE a summary\na{quantile="1.1"} 1\n', 2, "from 0 to 1"),
    "quantile that is no number": ('# TYPE a summary\na{quantile="NaN"} 1\n', 2, "from 0 to 1"),
    "bound missing": ("# TYPE a histogram\na_bucket 1\n", 2, "'le' is missing"),
    "bound NaN": ('# TYPE a histogram\na_bucket{le="NaN"} 1\n', 2, "neither a number"),
    "infinite bound in another spelling": ('# TYPE a histogram\na_bucket{le="Inf"} 1\n', 2, "neither a number"),
    "no last bucket": ('# TYPE a histogram\na_bucket{le="1"} 1\n', 2, "no +Inf bucket"),
    "buckets out of order": ('# TYPE a histogram\na_bucket{le="2"} 1\na_bucket{le="1"} 1\na_bucket{le="+Inf"} 1\n', 3, "comes after"),
    "bucket twice in another spelling": ('# TYPE a histogram\na_bucket{le="1"} 1\na_bucket{le="1.0"} 1\na_bucket{le="+Inf"} 1\n', 3, "comes after"),
    "buckets that fall": ('# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\n', 3, "less than the one before"),
    "bucket of one and a half": ('# TYPE a histogram\na_bucket{le="+Inf"} 1.5\n', 2, "whole number"),
    "count of one and a half": ("# TYPE a summary\na_count 1.5\na_sum 1\n", 2, "whole number"),
    "count unlike the last bucket": ('# TYPE a histogram\na_bucket{le="+Inf"} 1\na_count 2\na_sum 1\n', 3, "not the +Inf bucket's"),
    "sum without count": ('# TYPE a histogram\na_bucket{le="+Inf"} 1\na_sum 1\n', 2, "sum alone"),
    "count without sum": ('# TYPE a histogram\na_bucket{le="+Inf"} 1\na_count 1\n', 2, "count alone"),
    "sum beside negative bounds": ('# TYPE a histogram\na_bucket{le="-1"} 0\na_bucket{le="+Inf"} 1\na_count 1\na_sum 1\n', 2, "may have no sum"),
    "negative sum of a gauge histogram": ('# TYPE a gaugehistogram\na_bucket{le="+Inf"} 1\na_gcount 1\na_gsum -1\n', 4, "may not be negative"),
    "state of two": ('# TYPE a stateset\na{a="on"} 2\n', 2, "0 or 1"),
    "state without its label": ('# TYPE a stateset\na{b="on"} 1\n', 2, "'a' is missing"),
    "info of two": ("# TYPE a info\na_info 2\n", 2, "always 1"),
    "exemplar on a gauge": ('# TYPE a gauge\na 1 # {b="c"} 1\n', 2, "an exemplar on a"),
    "exemplar on a birth": ('# TYPE a counter\na_created 1 # {b="c"} 1\n', 2, "an exemplar on a_created"),
    "exemplar too long": ('# TYPE a counter\na_total 1 # {a="' + "x" * 128 + '"} 1\n', 2, "129 characters"),
    "exemplar without value": ('# TYPE a counter\na_total 1 # {a="b"}\n', 2, "exemplar's value"),
    "exemplar close to its value": ('# TYPE a counter\na_total 1 # {a="b"}1\n', 2, "exemplar's value"),
    "exemplar of an infinite time": ('# TYPE a counter\na_total 1 # {a="b"} 1 +Inf\n', 2, "not a timestamp"),
    "NUL in a label": ('a{b="\0"} 1\n', 1, "NUL"),
}  # fmt: skip


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_page_is_taken(text: str) -> None:
    read_page((text + "# EOF\n").encode(), Format.OPENMETRICS)


@pytest.mark.parametrize(("text", "line", "reason"), BAD.values(), ids=BAD)
def test_page_is_refused_with_its_line(text: str, line: int, reason: str) -> None:
    refused = verdict(text + "# EOF\n", Format.OPENMETRICS)
    assert isinstance(refused, PageRefused)
    assert (refused.line, reason in refused.reason) == (line, True), str(refused)


@pytest.mark.parametrize(
    ("text", "good"),
    [("a 1\n# EOF", True), ("a 1\n# EOF\n", True), ("# EOF\n", True), ("", False), ("a 1\n", False), ("a 1\n# EOF\n\n", False),
     ("a 1\n# EOF\na 1\n", False), ("a 1\n# EOF\n# EOF\n", False), ("a 1\n# EOF \n", False), ("a 1\n# EOFmore", False)],
)  # fmt: skip
def test_the_end_comes_once_and_last(text: str, good: bool) -> None:
    assert isinstance(verdict(text, Format.OPENMETRICS), Page) is good


def test_bytes_that_are_not_text_are_refused_with_their_line() -> None:
    refused = verdict(b'a 1\nb{c="\xff"} 2\n# EOF\n', Format.OPENMETRICS)
    assert (refused.line, refused.reason) == (2, "bytes that are not UTF-8")  # type: ignore[union-attr]


def test_names_values_and_escapes_are_what_the_page_says() -> None:
    text = '# TYPE a counter\na_total{b="x\\"y\\\\z\\nw\\q",c=""} 9223372036854775808\n{"d.e","f g"="h"} -Inf\n# EOF\n'
    assert taken(text, Format.OPENMETRICS) == {'a_total{b="x"y\\z\nw\\q"}': 2.0**63, 'd.e{f g="h"}': -math.inf}


def test_a_time_is_exact() -> None:
    page = read_page(b"a 1 1600000000.000000001\na 2 1600000000.000000002\n# EOF\n", Format.OPENMETRICS)
    assert [str(time) for time in page.structure.times_s or ()] == ["1600000000.000000001", "1600000000.000000002"]


def test_every_recorded_case_is_judged_as_its_authors_judge_it(shared_data: Path) -> None:
    cases = [
        json.loads(line) for line in (shared_data / "prometheus" / "openmetrics_parser_cases.jsonl").read_text().splitlines()
    ]
    wrong = {
        case["case"]: str(found) if isinstance(found, PageRefused) else "taken"
        for case in cases
        if isinstance(found := verdict(case["metrics"], Format.OPENMETRICS), Page) is not case["should_parse"]
    }
    assert len(cases) > 100
    assert wrong == {}
