"""`roomleft price`: a line out for each line in, prices as at an instant, refusals that name the line, and nothing that needs a server."""

from __future__ import annotations

import gzip
import io
import json
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from roomleft.cli.price import run_price
from roomleft.errors import InputError
from tests.collectors.responses.told import lines as recorded
from tests.collectors.responses.told import numbers_in

CASES = "llm_prices/usage_cases_with_expected_price.jsonl.gz"
AT = "2026-03-01"
SONNET = {"model": "claude-sonnet-4-5", "usage": {"input_tokens": 2743, "output_tokens": 4}}
Out = list[dict[str, Any]]


def priced(
    capsys: pytest.CaptureFixture[str], file: Path, items: list[Any], provider: str, at: str | None = AT
) -> tuple[int, Out]:
    file.write_text("".join((item if isinstance(item, str) else json.dumps(item)) + "\n" for item in items))
    code = run_price(str(file), provider, at, as_json=True)
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def reason_for(case: dict[str, Any], provider: str, out: dict[str, Any], expected: list[tuple[Decimal, Decimal]]) -> str:
    """`equal`, or the general reason why a price differs, or what is wrong."""
    if out["input_usd"] is None:
        free = all(not sum(pair) for pair in expected)
        return (
            "a model that no list has any more, which the expected answer took for free"
            if free
            else f"no price: {case['case']} {provider}"
        )
    got = (Decimal(out["input_usd"]), Decimal(out["output_usd"]))
    if got in expected:
        return "equal"
    usage, stated = out["usage"], set(numbers_in(case["body"]))
    extractors = [e["usage"] for e in case["extracted"] if any(x["provider_id"] == provider for x in e["extractors"])]
    unread = [
        name
        for name in ("cache_read_tokens", "cache_write_tokens")
        if usage[name] and all(name not in each for each in extractors)
    ]
    if unread and all(usage[name] in stated for name in unread):
        return "cached tokens that the body states and the library does not read of this provider"
    if (
        any(got == (put * size, came * half) for put, came in expected for size, half in ((2, Decimal("1.5")),))
        and usage["input_tokens"] > 200_000
    ):
        return "a price by the size of the call, which the list did not have yet"
    return f"case {case['case']} for {provider}: {got}, expected one of {expected}"


def test_recorded_usage_has_the_expected_price_of_every_provider_that_lists_its_model(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To the last digit."""
    by_provider: dict[str, list[tuple[dict[str, Any], list[tuple[Decimal, Decimal]]]]] = defaultdict(list)
    for case in recorded(shared_data / CASES):
        expected: dict[str, list[tuple[Decimal, Decimal]]] = defaultdict(list)
        for extracted in case["extracted"]:
            for each in extracted["extractors"]:
                if "input_price" in each:
                    expected[each["provider_id"]].append((Decimal(each["input_price"]), Decimal(each["output_price"])))
        for provider, pairs in expected.items():
            by_provider[provider].append((case, pairs))
    found: Counter[str] = Counter()
    for provider, cases in by_provider.items():
        code, out = priced(capsys, tmp_path / f"{provider}.jsonl", [{"body": case["body"]} for case, _ in cases], provider)
        assert (code, len(out)) == (0, len(cases))
        found.update(reason_for(case, provider, told, pairs) for (case, pairs), told in zip(cases, out, strict=True))
    print(dict(found))
    equal = found.pop("equal")
    assert not [words for words in found if words.startswith(("case", "no price"))]
    assert sum(found.values()) * 100 < equal


def test_one_line_out_for_each_line_in_refused_ones_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = {"usage": {"prompt_tokens": 5, "completion_tokens": 6, "prompt_tokens_details": {"cached_tokens": 9}}}
    code, out = priced(capsys, tmp_path / "f.jsonl", [{"body": SONNET}, bad, "not json", SONNET], "anthropic")
    assert code == 1
    assert [line["state"] for line in out] == ["priced", None, None, "priced"]
    assert out[0]["input_usd"] == "0.008229000"
    assert out[0]["usage"]["input_tokens"] == 2743
    assert out[1] == {
        **dict.fromkeys(("usage", "input_usd", "output_usd", "cost_usd", "state", "price_id")),
        "error": out[1]["error"],
    }
    assert out[1]["error"].startswith("line 2: input_tokens cached tokens (9 read + 0 written) are more than")
    assert out[2]["error"].startswith("line 3: it is not JSON")
    assert set(out[0]) == {"usage", "input_usd", "output_usd", "cost_usd", "state", "price_id", "error"}


def test_small_amounts_are_plain_decimals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = {"model": "gpt-4o-mini", "usage": {"prompt_tokens": 6, "completion_tokens": 0}}
    _, out = priced(capsys, tmp_path / "f.jsonl", [body], "openai")
    assert out[0]["cost_usd"] == "0.000000900"


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"model": "gpt-4o", "usage": {"prompt_tokens": 0, "completion_tokens": 0}}, "free"),
        ({"model": "nobody-knows-it", "usage": {"prompt_tokens": 5, "completion_tokens": 0}}, "unpriced"),
        ({"model": "gpt-4o", "choices": []}, "unpriced"),
    ],
)
def test_nothing_used_is_free_but_no_price_and_no_usage_are_not_zero(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: dict[str, Any], state: str
) -> None:
    code, out = priced(capsys, tmp_path / "f.jsonl", [body], "openai")
    assert (code, out[0]["state"]) == (0, state)
    assert (out[0]["cost_usd"] is None) == (state == "unpriced")
    assert (out[0]["usage"]["input_tokens"] is None) == ("choices" in body)


def test_the_instant_decides_the_price(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = {"model": "o3", "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 0}}
    before = priced(capsys, tmp_path / "f.jsonl", [body], "openai", "2025-06-01")[1][0]["cost_usd"]
    after = priced(capsys, tmp_path / "f.jsonl", [body], "openai", "2025-07-01T00:00:00+02:00")[1][0]["cost_usd"]
    assert (before, after) == ("10.000000000", "2.000000000")
    dated = {**body, "created": 1_748_736_000}  # 2025-06-01
    assert priced(capsys, tmp_path / "f.jsonl", [dated], "openai", None)[1][0]["cost_usd"] == before


def test_a_stated_cost_wins_and_the_list_price_stands_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = {"model": "anthropic/claude-sonnet-4.5", "usage": {"prompt_tokens": 100, "completion_tokens": 10, "cost": 0.5}}
    _, out = priced(capsys, tmp_path / "f.jsonl", [body], "openrouter")
    assert (out[0]["state"], out[0]["cost_usd"]) == ("reported", "0.500000000")
    assert Decimal(out[0]["input_usd"]) == Decimal("0.0003")


def test_what_a_call_used_of_other_models_is_told_beside_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    advisor = {
        "type": "advisor_message",
        "model": "claude-opus-4-1",
        "input_tokens": 1000,
        "output_tokens": 0,
        "cache_read_input_tokens": 0,
    }
    body = {
        "type": "message",
        "model": "claude-sonnet-4-5",
        "usage": {"input_tokens": 1000, "output_tokens": 0, "iterations": [advisor]},
    }
    _, out = priced(capsys, tmp_path / "f.jsonl", [body], "anthropic")
    assert [each["cost_usd"] for each in out[0]["also"]] == ["0.015000000"]
    assert (out[0]["input_usd"], out[0]["cost_usd"]) == ("0.003000000", "0.018000000")


def test_the_table_has_a_total_and_what_has_no_price_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "f.jsonl.gz"
    held = [
        SONNET,
        {"model": "nobody-knows", "usage": {"prompt_tokens": 5, "completion_tokens": 6}},
        {"model": "x", "choices": []},
    ]
    file.write_bytes(gzip.compress("\n\n".join(map(json.dumps, held)).encode()))
    assert run_price(str(file), "anthropic", AT, as_json=False) == 0
    shown = capsys.readouterr()
    assert [row.split("\t")[0] for row in shown.out.splitlines()] == ["line", "1", "3", "5"]
    assert (
        "0.008289 US dollars at prices of 2026-03-01T00:00Z; 2 without a price (11 tokens, and 1 whose usage is not told)"
        in " ".join(shown.err.split())
    )


def test_standard_input_and_one_stream_as_a_file(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    chunk = {
        "object": "chat.completion.chunk",
        "model": "gpt-4o",
        "choices": [],
        "usage": {"prompt_tokens": 5, "completion_tokens": 6},
    }
    given = io.TextIOWrapper(io.BytesIO(f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()))
    monkeypatch.setattr("sys.stdin", given)
    assert run_price("-", "openai", AT, as_json=True) == 0
    (out,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (out["usage"]["input_tokens"], out["state"]) == (5, "priced")


@pytest.mark.parametrize(
    ("file", "at", "words"), [("nowhere.jsonl", None, "cannot be read"), ("nowhere.jsonl", "yesterday", "not an instant")]
)
def test_what_cannot_be_done_is_said(file: str, at: str | None, words: str) -> None:
    with pytest.raises(InputError, match=words):
        run_price(file, "openai", at, as_json=True)


def test_a_model_of_another_provider_is_named_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mixed.jsonl"
    body = {"model": "claude-sonnet-4-5", "usage": {"prompt_tokens": 5, "completion_tokens": 6}}
    file.write_text(json.dumps(body) + "\n")
    assert run_price(str(file), "openai", AT, as_json=True) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["state"] == "unpriced"
    assert json.loads(told.out)["error"] is None
    assert "model claude-sonnet-4-5 is anthropic's: --provider anthropic" in told.err
    run_price(str(file), "openai", AT, as_json=False)
    assert "--provider anthropic" in capsys.readouterr().out.replace("\n", " ")
    file.write_text(json.dumps({"body": SONNET}) + "\n")
    run_price(str(file), "anthropic", AT, as_json=True)
    assert "hint" not in capsys.readouterr().err


@pytest.mark.parametrize(("provider", "hint"), [("banana", "ids are"), ("antropic", "anthropic"), ("opnai", "openai")])
def test_a_provider_that_nobody_knows_is_refused_at_once(provider: str, hint: str) -> None:
    with pytest.raises(InputError) as refused:
        run_price("no-such-file.jsonl", provider, AT, as_json=True)
    assert provider in refused.value.what
    assert hint in refused.value.hint
