"""Alert rules that are refused, with every fault that is told of them."""

from __future__ import annotations

# What stands below groups[0].rules[0] of HEAD, and every fault that is told of it.
BAD: dict[str, tuple[list[str], list[str]]] = {
    "a limit": (
        ["when: {headroom: latncy, state: exhausted}"],
        ["line 8 when.headroom: unknown limit 'latncy' (did you mean 'latency'?)"],
    ),
    "a kind no limit has": (
        ['when: {headroom: "*", kind: quota, state: exhausted}'],
        ["line 8 when.kind: no limit here is of kind 'quota' (kinds: budget, slo)"],
    ),
    "another kind than the limit's": (
        ["when: {headroom: latency, kind: budget, state: exhausted}"],
        ["line 8 when.kind: no limit here is of kind 'budget' (kinds: slo)"],
    ),
    "a meter": (
        ["when: {meter: latncy, above: 5}"],
        ["line 8 when.meter: unknown meter 'latncy' (did you mean 'latency'?)"],
    ),
    "a threshold": (
        ["when: {meter: latency, threshold: slwo}"],
        ["line 8 when.threshold: unknown threshold 'slwo' (did you mean 'slow'?)"],
    ),
    "a meter and a threshold": (
        ["when: {meter: latncy, threshold: slwo}"],
        [
            "line 8 when.meter: unknown meter 'latncy' (did you mean 'latency'?)",
            "line 8 when.threshold: unknown threshold 'slwo' (did you mean 'slow'?)",
        ],
    ),
    "a series": (
        ["when: {series: latency_s, above: 5}"],
        ["line 8 when.series: unknown series 'latency_s' (did you mean 'latency_ms'?)"],
    ),
    "a component of a series": (
        ["when: {series: latency_ms, component: apii, above: 5}"],
        ["line 8 when.component: unknown component 'apii' (did you mean 'api'?)"],
    ),
    "a component": (
        ["when: {health: apii}"],
        ["line 8 when.health: unknown component 'apii' (did you mean 'api'?)"],
    ),
    "a source": (
        ["when: {source: dor}"],
        ["line 8 when.source: unknown source 'dor' (did you mean 'door'?)"],
    ),
    "an SLO": (
        ["when: {burn: error, pairs: page}"],
        ["line 8 when.burn: unknown SLO 'error' (did you mean 'errors'?)"],
    ),
    "an absent series": (
        ["when: {absent: latncy_ms}"],
        ["line 8 when.absent: unknown series 'latncy_ms' (did you mean 'latency_ms'?)"],
    ),
    "a query file": (
        ["when: {sql: nope.sql, above: 1}"],
        ["line 8 when.sql: no file shop/nope.sql (write the query there)"],
    ),
    "a fault": (
        ["when: {headroom: latency, state: exhausted}", "fired_by: [{fault: fire, within: 5m, resolves_within: 5m}]"],
        ["line 9 fired_by[0].fault: unknown fault 'fire' (there are no faults of the stand-in)"],
    ),
    "a runbook": (
        ["when: {headroom: latency, state: exhausted}", "runbook: docs/runbooks/nope.md"],
        ["line 7 runbook: no runbook docs/runbooks/nope.md (write it, or give an https:// address)"],
    ),
    "a part of all": (
        ["when:", "  all:", "    - {meter: latency, above: 5}", "    - {meter: latncy, above: 5}"],
        [
            "line 9 when.all: list should have at least 2 items after validation, not 1",
            "line 10 when.all[0].meter: unknown meter 'latncy' (did you mean 'latency'?)",
        ],
    ),
    "a field": (
        ["when: {headroom: latency, state: exhausted}", "fro: 5m"],
        ["line 9 fro: unknown key 'fro' (did you mean 'for'?)"],
    ),
    "a field of a condition": (
        ["when: {headroom: latency, stat: exhausted}"],
        ["line 8 when.stat: unknown key 'stat' (did you mean 'state'?)"],
    ),
    "a condition": (
        ["when: {headrom: latency, state: exhausted}"],
        ["line 8 when.headrom: unknown condition 'headrom' (did you mean 'headroom'?)"],
    ),
    "no condition at all": (
        ["when: {above: 5}"],
        [
            "line 8 when: this is no condition (it begins with one of headroom, meter, series, health, source, burn, absent, anomaly, sql, own, all, any)"
        ],
    ),
    "two conditions": (
        ["when: {headroom: latency, meter: latency, above: 5}"],
        ["line 8 when.meter: two conditions in one: headroom and meter (join them with all: or any:)"],
    ),
    "two questions": (
        ["when: {headroom: latency, state: exhausted, used: {above: 5}}"],
        [
            "line 8 when: a headroom condition asks one question (give one of state, fraction_left, used, remaining, burn_rate, p_breach, exhausts_within, order_within)"
        ],
    ),
    "no line": (
        ["when: {meter: latency}"],
        ["line 8 when: a condition needs one line to compare with (give one of above, below, at_least, at_most)"],
    ),
    "two lines": (
        ["when: {meter: latency, above: 5, below: 1}"],
        ["line 8 when: a condition needs one line to compare with (give one of above, below, at_least, at_most)"],
    ),
    "a threshold and a line": (
        ["when: {meter: latency, threshold: slow, above: 5}"],
        ["line 8 when: a threshold brings its own line (leave out threshold, or the line)"],
    ),
    "a float": (
        ["when: {meter: latency, above: 0.5}"],
        ['line 8 when.above: an unquoted fraction would become a float (quote it: "0.5")'],
    ),
    "one part of all": (
        ["when: {all: [{meter: latency, above: 5}]}"],
        ["line 8 when.all: list should have at least 2 items after validation, not 1"],
    ),
    "no when": (
        [],
        ["line 4 when: 'when' is missing (add when)"],
    ),
    "a word that is no condition": (
        ["when: always"],
        [
            "line 8 when: a condition begins with exactly one word of its kind (one of headroom, meter, series, health, source, burn, absent, anomaly, sql, own, all, any)"
        ],
    ),
    "a severity": (
        ["when: {headroom: latency, state: exhausted}", "severity: critcal"],
        ["line 6 severity: unknown value 'critcal' (did you mean 'critical'?)"],
    ),
    "what to do without data": (
        ["when: {headroom: latency, state: exhausted}", "on_no_data: alrt"],
        ["line 9 on_no_data: unknown value 'alrt' (did you mean 'alert'?)"],
    ),
    "a name in small letters": (
        ["when: {headroom: latency, state: exhausted}", "alert: too_slow"],
        ["line 4 alert: 'too_slow' is not a name this place takes (it must match ^[A-Z][A-Za-z0-9]{2,79}$)"],
    ),
    "more room than there can be": (
        ["when: {headroom: latency, fraction_left: {above: 1}}"],
        ["line 8 when.fraction_left: it can never be above 1: the most is 1 (set a line that a reading can cross)"],
    ),
    "room that is always less": (
        ["when: {headroom: latency, fraction_left: {at_most: 1}}"],
        ["line 8 when.fraction_left: it is always at most 1 (set a line that a reading can cross)"],
    ),
    "a chance above one": (
        ["when: {headroom: latency, p_breach: {above: 1}}"],
        ["line 8 when.p_breach: it can never be above 1: the most is 1 (set a line that a reading can cross)"],
    ),
    "a chance below nothing": (
        ["when: {headroom: latency, p_breach: {below: 0}}"],
        ["line 8 when.p_breach: it can never be below 0: the least is 0 (set a line that a reading can cross)"],
    ),
    "any chance at all": (
        ["when: {headroom: latency, p_breach: {at_least: 0}}"],
        ["line 8 when.p_breach: it is always at least 0 (set a line that a reading can cross)"],
    ),
    "a share above the whole": (
        ["when: {meter: failures, over: 1h, above: 100}"],
        ["line 8 when: it can never be above 100 percent: the most is 100 percent (set a line that a reading can cross)"],
    ),
    "more minutes than the window": (
        ["when: {meter: down, over: 1h, above: 60}"],
        ["line 8 when: it can never be above 60 minutes: the most is 60 minutes (set a line that a reading can cross)"],
    ),
    "more minutes than the limit's window": (
        ["when: {headroom: outage, used: {at_least: 61}}"],
        ["line 8 when.used: it can never be at least 61 minutes: the most is 60 minutes (set a line that a reading can cross)"],
    ),
    "less than none": (
        ["when: {meter: calls, over: 1h, below: 0}"],
        ["line 8 when: it can never be below 0 requests: the least is 0 requests (set a line that a reading can cross)"],
    ),
    "a clear that never comes": (
        ['when: {headroom: latency, fraction_left: {below: "0.1", clear: "1.5"}}'],
        ["line 8 when.fraction_left: it would never clear: it is always below 1.5 (set a line that a reading can cross)"],
    ),
    "clear on the wrong side": (
        ["when: {meter: latency, above: 5, clear: 6}"],
        ["line 8 when: clear lies on the wrong side of the line (an alert must clear beyond the line it fires at)"],
    ),
    "clear on the wrong side of a threshold": (
        ["when: {meter: latency, threshold: slow, clear: 120}"],
        ["line 8 when.clear: clear lies on the wrong side of the threshold (it is above 100)"],
    ),
    "a factor that cannot be": (
        ["when: {burn: most, pairs: page}"],
        [
            "line 8 when.pairs: a burn rate of 14.4 can never be reached at 90 %: when everything fails it is 10 (an objective above 93.06 %, a longer `long`, or a smaller share)"
        ],
    ),
    "own windows that cannot be": (
        ["when: {burn: most, long: 1h, short: 5m, budget_percent: 2}"],
        [
            "line 8 when.long: a burn rate of 14.4 can never be reached at 90 %: when everything fails it is 10 (an objective above 93.06 %, a longer `long`, or a smaller share)"
        ],
    ),
    "a long window longer than the SLO's": (
        ["when: {burn: errors, long: 40d, short: 5m, budget_percent: 2}"],
        ["line 8 when.long: long is longer than the SLO's window of 30 d (give a shorter one)"],
    ),
    "a short window as long": (
        ["when: {burn: errors, long: 1h, short: 1h, budget_percent: 2}"],
        ["line 8 when: the short window is not shorter than the long one (about a twelfth of it is usual)"],
    ),
    "pairs and windows": (
        ["when: {burn: errors, pairs: page, long: 1h}"],
        ["line 8 when: a burn condition has named pairs or windows of its own (pairs: page, or long, short and budget_percent)"],
    ),
    "a threshold of another unit": (
        ["when: {meter: latency, threshold: dear}"],
        ["line 8 when.threshold: the threshold is in usd_per_user, the reading in ms (use a threshold of that unit)"],
    ),
    "an order without a lead time": (
        ["when: {headroom: latency, order_within: 7d}"],
        [
            "line 8 when.order_within: a limit whose next step has no lead time has no date to order by "
            "(give the limit's next_step a lead_time, or ask exhausts_within)"
        ],
    ),
    "a burn rate of what never refills": (
        ["when: {headroom: latency, burn_rate: {above: 2}}"],
        ["line 8 when.burn_rate: a limit without a window has no burn rate (ask fraction_left or exhausts_within)"],
    ),
    "a meter that adds up over nothing": (
        ["when: {meter: calls, above: 5}"],
        ["line 8 when: meter 'calls' adds up, so it needs a time (give over: 1h, or the meter an over)"],
    ),
    "a level over a time": (
        ["when: {meter: latency, over: 1h, above: 5}"],
        ["line 8 when.over: meter 'latency' has an over of its own, which over does not change (leave over out)"],
    ),
    "a reserved label": (
        ["when: {headroom: latency, state: exhausted}", "labels: {severity: x}"],
        ["line 9 labels.severity: label 'severity' is taken (write severity: beside labels)"],
    ),
    "the name as a label": (
        ["when: {headroom: latency, state: exhausted}", "labels: {alertname: x}"],
        ["line 9 labels.alertname: label 'alertname' is taken (it is the name after alert:)"],
    ),
    "a label that is found": (
        ["when: {series: lag_ms, by: [replica], above: 5}", "labels: {replica: one}"],
        ["line 9 labels.replica: label 'replica' clashes with what the condition finds (rename it)"],
    ),
    "a reserved label in by": (
        ["when: {series: lag_ms, by: [owner], above: 5}"],
        ["line 8 when.by[0]: label 'owner' is taken: every alert of the rule has its own (leave it out of by)"],
    ),
    "a component in by and of its own": (
        ["when: {series: lag_ms, by: [component], above: 5}", "component: store"],
        ["line 8 when.by[0]: label 'component' is taken: every alert of the rule has its own (leave it out of by)"],
    ),
    "a label twice in by": (
        ["when: {series: lag_ms, by: [replica, replica], above: 5}"],
        ["line 8 when.by[1]: label 'replica' stands twice (once is enough)"],
    ),
    "a templated label": (
        ["when: {headroom: latency, state: exhausted}", 'labels: {room: "{{ value }}"}'],
        ["line 9 labels.room: label 'room' is a template: a label that changes makes another alert (put it in annotations)"],
    ),
    "labels of usage": (
        ["when: {absent: usage, by: [model]}"],
        ["line 8 when.by: usage has no series labels (leave them out)"],
    ),
    "a length of time": (
        ["when: {headroom: latency, state: exhausted}", "for: 5 minutos"],
        ["line 9 for: '5 minutos' is not a length of time (write for example 90s, 5m, 1h30m or 30d)"],
    ),
    "no time": (
        ["when: {headroom: latency, state: exhausted}", "for: 0m"],
        ["line 9 for: '0m' is not a length of time (above 0, at most ten years)"],
    ),
    "a blink": (
        ["when: {headroom: latency, state: exhausted}", "for: 10ms"],
        ["line 9 for: for is shorter than a second (leave it out)"],
    ),
    "a year": (
        ["when: {headroom: latency, state: exhausted}", "keep_firing_for: 365d"],
        ["line 9 keep_firing_for: keep_firing_for is longer than 30 d (an alert nobody sees for so long helps nobody)"],
    ),
    "a broken template": (
        ["when: {headroom: latency, state: exhausted}", 'annotations: {summary: "{{ value"}'],
        [
            "line 9 annotations.summary: not a template: unexpected end of template, expected 'end of print statement'. ({{ value }} is filled in; {% if … %}…{% endif %} chooses)"
        ],
    ),
    "an unknown variable": (
        ["when: {headroom: latency, state: exhausted}", 'annotations: {summary: "{{ vlaue }}"}'],
        ["line 9 annotations.summary: unknown variable 'vlaue' (did you mean 'value'?)"],
    ),
    "a variable of another kind": (
        ["when: {meter: latency, above: 5}", 'annotations: {summary: "{{ exhausts_at }}"}'],
        [
            "line 9 annotations.summary: unknown variable 'exhausts_at' (variables here: alert, component, covers, labels, line, lower_bound, meter_title, observed_at, owner, platform, platform_title, reason, runbook, severity, since, subject, title, unit, used, value)"
        ],
    ),
    "an unknown label": (
        ["when: {headroom: latency, state: exhausted}", 'annotations: {summary: "{{ labels.repica }}"}'],
        [
            "line 9 annotations.summary: its alerts have no label 'repica' (labels: alertname, component, owner, platform, severity)"
        ],
    ),
    "a label by its name in brackets": (
        ["when: {headroom: latency, state: exhausted}", "annotations: {summary: \"{{ labels['repica'] }}\"}"],
        [
            "line 9 annotations.summary: its alerts have no label 'repica' (labels: alertname, component, owner, platform, severity)"
        ],
    ),
    "an unknown filter": (
        ["when: {headroom: latency, state: exhausted}", 'annotations: {summary: "{{ value | humanize }}"}'],
        [
            "line 9 annotations.summary: no filter named 'humanize' (filters: abs, amount, capitalize, date, default, first, float, int, join, last, length, lower, number, percent, replace, round, sort, span, time, title, trim, truncate, upper, usd)"
        ],
    ),
    "a way into Python": (
        ["when: {headroom: latency, state: exhausted}", 'annotations: {summary: "{{ value.__class__ }}"}'],
        ["line 9 annotations.summary: '__class__' reaches into Python (templates see values and labels only)"],
    ),
    "a way into Python that is not taken": (
        [
            "when: {headroom: latency, state: exhausted}",
            "annotations: {summary: \"{% if 1 == 2 %}{{ labels['__class__'].x }}{{ value['_x'] }}{% endif %}\"}",
        ],
        [
            "line 9 annotations.summary: '__class__' reaches into Python (templates see values and labels only)",
            "line 9 annotations.summary: '_x' reaches into Python (templates see values and labels only)",
            "line 9 annotations.summary: its alerts have no label '__class__' (labels: alertname, component, owner, platform, severity)",
        ],
    ),
    "a macro": (
        ["when: {headroom: latency, state: exhausted}", 'annotations: {summary: "{% macro m() %}x{% endmacro %}"}'],
        ["line 9 annotations.summary: 'macro' is not for annotations (if and one for are enough)"],
    ),
    "a loop in a loop": (
        [
            "when: {headroom: latency, state: exhausted}",
            'annotations: {summary: "{% for a in labels %}{% for b in labels %}x{% endfor %}{% endfor %}"}',
        ],
        ["line 9 annotations.summary: a for within a for (one loop is enough for labels)"],
    ),
    "a memory filled": (
        ["when: {headroom: latency, state: exhausted}", "annotations: {summary: \"{{ 'x' * 999999999 }}\"}"],
        ["line 9 annotations.summary: it cannot be filled in: * is for numbers (tried with sample values)"],
    ),
    "a call": (
        ["when: {headroom: latency, state: exhausted}", "annotations: {summary: \"{{ 'x'.ljust(999999999) }}\"}"],
        ["line 9 annotations.summary: calls are not for annotations (write filters: {{ value | number }})"],
    ),
    "an endless power": (
        ["when: {headroom: latency, state: exhausted}", 'annotations: {summary: "{{ 9 ** 999999999 }}"}'],
        ["line 9 annotations.summary: it cannot be filled in: the exponent is above 64 (tried with sample values)"],
    ),
    "dividing by nothing": (
        ["when: {headroom: latency, state: exhausted}", 'annotations: {summary: "{{ 1 / 0 }}"}'],
        ["line 9 annotations.summary: it cannot be filled in: division by zero (tried with sample values)"],
    ),
    "a templated title": (
        ["when: {headroom: latency, state: exhausted}", 'title: "{{ value }}"'],
        ["line 5 title: title is a template, and is not filled in (only annotations are)"],
    ),
    "a runbook outside": (
        ["when: {headroom: latency, state: exhausted}", "runbook: ../secrets.md"],
        ["line 7 runbook: '../secrets.md' is not a path within the checkout (write for example docs/runbooks/NAME.md)"],
    ),
    "a runbook in clear": (
        ["when: {headroom: latency, state: exhausted}", "runbook: http://runbooks.example/slow"],
        [
            "line 7 runbook: 'http://runbooks.example/slow' is not an address a page may link to (write https://…, or a path under docs/)"
        ],
    ),
    "own metrics": (
        ["when: {own: roomleft_queue_rows, above: 5}"],
        ["line 8 when: Roomleft's own metrics belong to no platform (write the rule in a file of platform roomleft)"],
    ),
    "PromQL": (
        ["expr: up == 0"],
        [
            "line 8 expr: expr is PromQL, which is not asked here (write when: over a meter, series or headroom; a meter of kind promql asks a connected Prometheus server)"
        ],
    ),
}
