"""The ledger's statements, composed: dimensions are columns or what rules assign, filters are parameters, one scan gives groups, series and total."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from analytics.allocation import ASSIGNABLE, Rule, expression, relation
from analytics.ledger_cost import NOT_GIVEN, OTHERS

COLUMNS = (
    "platform", "component", "provider", "model", "request_type", "feature", "tier", "status", "team", "project", "environment",
    "api_key_hash", "cost_centre",
)  # fmt: skip
"""Dimensions that a column of `usage_15m`, and of `ai_usage`, is kept for."""
USER_COLUMNS = ("platform", "tier", "provider", "model", "request_type", "status")
"""Those that users' days are kept by."""
SPAN = "bucket >= $since AND bucket < $until"
SUMMED = """
    sum(cost_usd) AS cost_usd, sum(reported_usd) AS reported_usd, sum(estimated_usd) AS estimated_usd,
    sum(CASE WHEN bucket >= $provisional_from THEN cost_usd END) AS provisional_usd, sum(requests) AS requests,
    sum(CASE WHEN status <> 'ok' THEN requests END) AS failed_requests, sum(unpriced_requests) AS unpriced_requests,
    sum(unpriced_tokens) AS unpriced_tokens, sum(restated_requests) AS restated_requests,
    sum(input_uncached_tokens) AS input_uncached_tokens, sum(cache_read_tokens) AS cache_read_tokens,
    sum(cache_write_tokens) AS cache_write_tokens, sum(output_tokens) AS output_tokens, sum(images) AS images,
    sum(characters) AS characters, sum(audio_seconds) AS audio_seconds, max(last_at) AS last_at
"""
TOLD = """
    coalesce(sum(cost_usd), 0)::DECIMAL(38, 9) AS ai_usd, coalesce(sum(reported_usd), 0)::DECIMAL(38, 9) AS reported_usd,
    coalesce(sum(estimated_usd), 0)::DECIMAL(38, 9) AS estimated_usd, coalesce(sum(provisional_usd), 0)::DECIMAL(38, 9) AS provisional_usd,
    coalesce(sum(requests), 0)::BIGINT AS requests, coalesce(sum(failed_requests), 0)::BIGINT AS failed_requests,
    coalesce(sum(unpriced_requests), 0)::BIGINT AS unpriced_requests, coalesce(sum(unpriced_tokens), 0)::BIGINT AS unpriced_tokens,
    coalesce(sum(restated_requests), 0)::BIGINT AS restated_requests,
    coalesce(sum(input_uncached_tokens + cache_read_tokens + cache_write_tokens + output_tokens), 0)::BIGINT AS tokens,
    coalesce(sum(input_uncached_tokens), 0)::BIGINT AS input_uncached_tokens, coalesce(sum(cache_read_tokens), 0)::BIGINT AS cache_read_tokens,
    coalesce(sum(cache_write_tokens), 0)::BIGINT AS cache_write_tokens, coalesce(sum(output_tokens), 0)::BIGINT AS output_tokens,
    coalesce(sum(images), 0)::BIGINT AS images, coalesce(sum(characters), 0)::BIGINT AS characters,
    coalesce(sum(audio_seconds), 0)::DECIMAL(38, 3) AS audio_seconds, max(last_at) AS last_at
"""
USER_SUMMED = """
    sum(cost_usd) AS cost_usd, sum(requests) AS requests, sum(CASE WHEN status <> 'ok' THEN requests END) AS failed_requests,
    sum(unpriced_requests) AS unpriced_requests, sum(tokens) AS tokens, sum(images) AS images, sum(characters) AS characters,
    max(last_at) AS last_at
"""
USER_TOLD = """
    coalesce(sum(cost_usd), 0)::DECIMAL(38, 9) AS ai_usd, NULL AS reported_usd, NULL AS estimated_usd, NULL AS provisional_usd,
    coalesce(sum(requests), 0)::BIGINT AS requests, coalesce(sum(failed_requests), 0)::BIGINT AS failed_requests,
    coalesce(sum(unpriced_requests), 0)::BIGINT AS unpriced_requests, NULL AS unpriced_tokens, NULL AS restated_requests,
    coalesce(sum(tokens), 0)::BIGINT AS tokens, NULL AS input_uncached_tokens, NULL AS cache_read_tokens, NULL AS cache_write_tokens,
    NULL AS output_tokens, coalesce(sum(images), 0)::BIGINT AS images, coalesce(sum(characters), 0)::BIGINT AS characters,
    NULL AS audio_seconds, max(last_at) AS last_at
"""
# Facts are summed by their own keys first, and only those few rows meet the edges and the ranks.
ALL = """
WITH facts AS (
    SELECT {time} AS time, {key_1} AS key_1, {key_2} AS key_2,{summed}
    FROM {table}
    WHERE {where}
    GROUP BY ALL
),
edges AS (SELECT unnest($edges::{time_type}[]) AS edge, generate_subscripts($edges::{time_type}[], 1) - 1 AS place),
small AS (
    SELECT edges.place, facts.* EXCLUDE (time) FROM facts ASOF JOIN edges ON facts.time >= edges.edge
),
groups AS (
    SELECT key_1, key_2, row_number() OVER (ORDER BY sum(cost_usd) DESC, sum(requests) DESC, key_1, key_2) AS rank FROM small GROUP BY key_1, key_2
),
firsts AS (
    SELECT key_1, row_number() OVER (ORDER BY sum(cost_usd) DESC, sum(requests) DESC, key_1) AS rank FROM small GROUP BY key_1
),
ranked AS (
    SELECT small.* REPLACE (
            CASE WHEN groups.rank > $most THEN '{others}' ELSE small.key_1 END AS key_1,
            CASE WHEN groups.rank > $most THEN '{others}' ELSE small.key_2 END AS key_2
        ),
        CASE WHEN firsts.rank > $named THEN '{others}' ELSE small.key_1 END AS top
    FROM small
    JOIN groups ON groups.key_1 IS NOT DISTINCT FROM small.key_1 AND groups.key_2 IS NOT DISTINCT FROM small.key_2
    JOIN firsts ON firsts.key_1 IS NOT DISTINCT FROM small.key_1
)
SELECT
    CASE WHEN grouping(place) = 0 THEN 'series' WHEN grouping(key_1) = 0 THEN 'group' ELSE 'total' END AS of,
    place, top, key_1, key_2,{told}
FROM ranked
GROUP BY GROUPING SETS ((place, top), (key_1, key_2), ())
"""


def statement(
    by: Sequence[str | None], where: Mapping[str, tuple[str, ...]], rules: Sequence[Rule]
) -> tuple[str, dict[str, object]]:
    """Over `usage_15m`. Parameters it still wants: since, until, provisional_from, edges, most, named. None in `by` is no dimension."""
    params: dict[str, object] = {}
    # Rules look at rows one by one: what a filter can keep away from them costs nothing.
    inside = _tests({name: values for name, values in where.items() if name not in ASSIGNABLE}, _column, params)
    outside = _tests({name: values for name, values in where.items() if name in ASSIGNABLE}, _column, params)
    source, more = relation(_speaking(rules, {*by, *where}), where=" AND ".join((SPAN, *inside)))
    sql = _all(by, _column, outside or ["true"], f"({source})", "bucket", "TIMESTAMPTZ", SUMMED, TOLD)
    return sql, {**params, **more}


def _column(name: str) -> str:
    return f"nullif({name}, '')"


def _speaking(rules: Sequence[Rule], names: set[str | None]) -> list[Rule]:
    """The rules that a question about these dimensions depends on."""
    return [rule for rule in rules if any(name is not None and rule.speaks_of(name) for name in names)]


def user_statement(by: Sequence[str | None], where: Mapping[str, tuple[str, ...]]) -> tuple[str, dict[str, object]]:
    """Over `usage_user_1d`. Parameters it still wants: zone, first_day, last_day, edges (days), most, named."""
    params: dict[str, object] = {}

    def value(name: str) -> str:
        return "nullif(user_id, '(none)')" if name == "user" else _column(name)

    tests = ["zone = $zone", "day >= $first_day", "day <= $last_day", *_tests(where, value, params)]
    return _all(by, value, tests, "usage_user_1d", "day", "DATE", USER_SUMMED, USER_TOLD), params


def _all(
    by: Sequence[str | None], value: Callable[[str], str], tests: Sequence[str], table: str, time: str, time_type: str, summed: str,
    told: str,
) -> str:  # fmt: skip
    keys = [value(name) if name is not None else "NULL::VARCHAR" for name in by] + ["NULL::VARCHAR"] * 2
    return ALL.format(
        time=time, time_type=time_type, key_1=keys[0], key_2=keys[1], summed=summed, told=told, table=table,
        where=" AND ".join(tests), others=OTHERS,
    )  # fmt: skip


def _tests(where: Mapping[str, tuple[str, ...]], value: Callable[[str], str], params: dict[str, object]) -> list[str]:
    """One condition a dimension: its value is among the wanted ones."""
    tests = []
    for name, wanted in where.items():
        given = [each for each in wanted if each != NOT_GIVEN]
        either = []
        if given:
            params[f"where_{name}"] = given
            either.append(f"list_contains($where_{name}::VARCHAR[], {value(name)})")
        if NOT_GIVEN in wanted:
            either.append(f"{value(name)} IS NULL")
        tests.append(f"({' OR '.join(either)})" if either else "false")
    return tests


def raw_tests(where: Mapping[str, tuple[str, ...]], rules: Sequence[Rule]) -> tuple[list[str], dict[str, object], list[str]]:
    """Conditions of a filter over `ai_usage` with a `bucket`, their parameters, and the dimensions that are shared out: a row has several values of
    those, so nothing is asked of them."""
    params: dict[str, object] = {}
    shared = [name for name in where if any(name in rule.says.share for rule in rules)]
    asked = {name: values for name, values in where.items() if name not in ("kind", *shared)}

    def value(name: str) -> str:
        if name == "user":
            return "user_id"
        if name not in ASSIGNABLE:
            return _column(name)
        sql, more = expression(name, rules)
        params.update(more)
        return f"({sql})"

    return _tests(asked, value, params), params, shared


def values_statement(rules: Sequence[Rule], platforms: Sequence[str]) -> tuple[str, dict[str, object]]:
    """The values of every column dimension in [since, until), dearest first, at most `most` of each."""
    params: dict[str, object] = {}
    only = SPAN
    if platforms:
        params["platforms"] = list(platforms)
        only += " AND list_contains($platforms::VARCHAR[], platform)"
    source, more = relation(rules, where=only)
    named = "CASE " + " ".join(f"WHEN grouping({name}) = 0 THEN '{name}'" for name in COLUMNS) + " END"
    sets = ", ".join(f"({name})" for name in COLUMNS)
    selected = ", ".join(f"{_column(name)} AS {name}" for name in COLUMNS)
    # Summed by everything but time first: a value's thousands of quarter hours need not be told apart thirteen times.
    return (
        f"WITH asked AS (SELECT {selected}, sum(cost_usd) AS cost_usd, sum(requests) AS requests FROM ({source}) GROUP BY ALL)"
        f" SELECT {named} AS dimension, coalesce({', '.join(COLUMNS)}) AS value, sum(cost_usd) AS cost_usd, sum(requests) AS requests"
        f" FROM asked GROUP BY GROUPING SETS ({sets})"
        " QUALIFY row_number() OVER (PARTITION BY dimension ORDER BY sum(cost_usd) DESC, sum(requests) DESC, value) <= $most"
        " ORDER BY dimension, cost_usd DESC, requests DESC, value",
        {**params, **more},
    )
