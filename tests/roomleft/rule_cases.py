"""Alert rules that are right, and files of them that are refused, with every fault that is told."""

from __future__ import annotations

from tests.roomleft.rule_shop import with_rule

GOOD: dict[str, list[str]] = {
    "a limit's state": ["when: {headroom: latency, state: exhausted}"],
    "every limit": ['when: {headroom: "*", state: tight}'],
    "every limit of a kind": ['when: {headroom: "*", kind: slo, fraction_left: {below: "0.05", clear: "0.1"}}'],
    "room used": ["when: {headroom: money, used: {at_least: 800}}"],
    "a burn rate of a budget": ["when: {headroom: money, burn_rate: {above: 2}}"],
    "a chance": ['when: {headroom: money, p_breach: {at_least: "0.5"}}'],
    "soon": ["when: {headroom: money, exhausts_within: 7d, percentile: p10}"],
    "to be ordered": ["when: {headroom: money, order_within: 7d}"],
    "to be ordered, of every limit": ['when: {headroom: "*", order_within: 7d}'],
    "a level": ["when: {meter: latency, above: 120, clear: 110}"],
    "a threshold": ["when: {meter: latency, threshold: slow, clear: 90}"],
    "what adds up": ["when: {meter: failures, over: 1h, above: 99}"],
    "growth above the whole": ["when: {meter: failures_1h, above: 300}"],
    "minutes within the window": ["when: {meter: down, over: 1h, at_least: 60}"],
    "a series": ["when: {series: latency_ms, labels: {quantile: p99}, over: 10m, over_time: max, above: 300}"],
    "each replica": ["when: {series: lag_ms, by: [replica], above: 5}"],
    "each component that a label names": ["when: {series: lag_ms, by: [component], above: 5}"],
    "answers of a check": ["when: {health: api, check: overall, status: [fail, unknown]}"],
    "any source": ['when: {source: "*", silent_for: 5m}'],
    "a source by its whole name": ["when: {source: shop.door}"],
    "the platform's own API": ["when: {source: shop}"],
    "named pairs": ["when: {burn: errors, pairs: page}"],
    "named pairs of a low objective": ["when: {burn: most, pairs: ticket}"],
    "windows of one's own": ["when: {burn: most, long: 3d, short: 6h, budget_percent: 10}"],
    "silence": ["when: {absent: latency_ms, by: [host], for_longer_than: 15m}"],
    "no usage": ["when: {absent: usage}"],
    "both": ["when: {all: [{meter: latency, above: 120}, {meter: failures, over: 1h, above: 5}]}"],
    "either of both": ["when: {any: [{health: api}, {all: [{meter: latency, above: 120}, {absent: usage}]}]}"],
    "every field": [
        "when: {headroom: money, state: exhausted}",
        "for: 10m",
        "keep_firing_for: 5m",
        "on_no_data: alert",
        "component: store",
        "owner: finance",
        "labels: {tier: gold}",
        'annotations: {summary: "{{ labels.tier }}: {{ limit_title }} {{ used }} of {{ amount }}, {{ fraction_left | percent }} left"}',
    ],
    "words of every kind": [
        "when: {any: [{headroom: money, state: tight}, {burn: errors, pairs: page}, {health: api}]}",
        "annotations:",
        "  summary: >-",
        "    {% if exhausts_at %}until {{ exhausts_at | date }} {{ exhausts_at | time('Asia/Tokyo') }}{% else %}for ever{% endif %}",
        "    {{ value | number }} {{ value | usd }} {{ value | amount('ms') }} {{ value * 100 / 2 }} {{ since | time }} {{ check }} {{ budget_percent }}",
        "    {% for name, value in labels.items() %}{{ name }}={{ value }} {% endfor %}{{ labels.get('zone', 'everywhere') }}",
    ],
    "a runbook with a place in it": ["when: {health: api}", "runbook: docs/packs.md#meters"],
}


FILES = {
    "no map": ("- a\n", ["line 1 : a rule file is a map with groups (begin with groups:)"]),
    "no groups": ("platform: shop\n", ["line 1 groups: 'groups' is missing (add groups)"]),
    "another platform": (
        "platform: arena\n" + with_rule("when: {health: api}"),
        ["line 1 platform: the file is of shop, not of 'arena' (leave platform out beside a pack)"],
    ),
    "a group twice": (
        with_rule("when: {health: api}") + with_rule("when: {health: api}", "alert: Other").removeprefix("groups:\n"),
        ["line 9 groups[1].name: group 'g' is taken (the first is on line 2)"],
    ),
    "an alert twice": (
        with_rule("when: {health: api}")
        + with_rule("when: {health: store}").removeprefix("groups:\n").replace("name: g", "name: h"),
        ["line 11 groups[1].rules[0].alert: alert 'TooSlow' is taken (the first is on line 4)"],
    ),
    "a group's labels": (
        with_rule("when: {series: lag_ms, by: [replica], above: 5}", "labels: {team: b}").replace(
            "    rules:", '    labels: {team: a, owner: x, replica: r, room: "{{ value }}"}\n    rules:'
        ),
        [
            "line 3 groups[0].labels.owner: label 'owner' is taken (write owner: beside labels)",
            "line 3 groups[0].labels.replica: the group's label 'replica' clashes with what the condition finds"
            " (rename it, or leave it out of rule TooSlow)",
            "line 3 groups[0].labels.room: label 'room' is a template: a label that changes makes another alert (put it in annotations)",
            "line 10 labels.team: label 'team' is 'a' in the group and 'b' in the rule (give it one value)",
        ],
    ),
    "a group's times": (
        with_rule("when: {health: api}").replace(
            "    rules:", "    interval: 2d\n    query_offset: 30h\n    limit: 0\n    rules:"
        ),
        [
            "line 3 groups[0].interval: interval is longer than 1 d (an alert nobody sees for so long helps nobody)",
            "line 4 groups[0].query_offset: query_offset is longer than 1 d (an alert nobody sees for so long helps nobody)",
            "line 5 groups[0].limit: input should be greater than or equal to 1, not 0",
        ],
    ),
    "Prometheus' own": (
        "groups:\n  - name: g\n    rules:\n      - record: job:up:sum\n        expr: sum(up)\n      - alert: Down\n        expr: up == 0\n        for: 5m\n",
        [
            "line 4 record: a recording rule is PromQL (a meter of the pack gives a figure its name; rules ask for it)",
            "line 7 groups[0].rules[1].expr: expr is PromQL, which is not asked here (write when: over a meter, series or headroom;"
            " a meter of kind promql asks a connected Prometheus server)",
        ],
    ),
    "Kubernetes'": (
        "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec: {groups: []}\n",
        [
            "line 2 kind: this is a PrometheusRule of Kubernetes (its groups are PromQL: docs/alert-rules.md says how to write them)"
        ],
    ),
    "an SLO": (
        "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: x}\nspec: {}\n",
        ["line 1 apiVersion: this is an OpenSLO document (name the file something.slo.yaml)"],
    ),
    "many faults at once": (
        with_rule(
            "titel: x",
            "when: {headroom: latncy, stat: tight}",
            "for: soon",
            "severity: bad",
            'annotations: {summary: "{{ vlaue }}"}',
        ),
        [
            "line 6 severity: unknown value 'bad' (valid: critical, info, warning)",
            "line 8 titel: unknown key 'titel' (did you mean 'title'?)",
            "line 9 when.headroom: unknown limit 'latncy' (did you mean 'latency'?)",
            "line 9 when.stat: unknown key 'stat' (did you mean 'state'?)",
            "line 10 for: 'soon' is not a length of time (write for example 90s, 5m, 1h30m or 30d)",
            "line 11 annotations.summary: unknown variable 'vlaue' (did you mean 'value'?)",
        ],
    ),
}
