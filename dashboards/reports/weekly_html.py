"""The weekly report as HTML that mail programs show: one column of tables, styles inlined, nothing fetched, readable without its pictures.

Colours hold on white and, where a program says it is dark, on dark. Every text from elsewhere is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import css_inline
from jinja2 import Environment, StrictUndefined

from analytics.reports.weekly import MOST
from dashboards.reports import weekly_text as words
from dashboards.reports.weekly_charts import Picture
from dashboards.theme import DARK, LIGHT

MOST_BYTES = 100_000
"""Gmail cuts a mail off at 102 KB."""
Content = Mapping[str, Any]


def weekly_html(content: Content, pictures: Sequence[Picture] = ()) -> str:
    """The whole mail, at most 100 KB: tables are shortened, with a word on it, where it would be more. Pictures are named `cid:NAME`."""
    most = dict(MOST)
    while True:
        html = _rendered(content, pictures, most)
        if len(html.encode()) <= MOST_BYTES or max(most.values()) <= 1:
            return html
        most = {name: max(1, count // 2) for name, count in most.items()}


def _rendered(content: Content, pictures: Sequence[Picture], most: Mapping[str, int]) -> str:
    env = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    env.globals |= {
        "facts": words.facts, "assumed": words.assumed, "mover_name": words.mover_name, "cause_words": words.cause_words, "budget_words": words.budget_words,
        "capacity_facts": words.capacity_facts, "decided_of": words.decided_of, "month_title": words.month_title, "month_rows": words.month_rows, "month_facts": words.month_facts, "most_also": words.MOST_ALSO, "also_words": words.also_words, "outcome_words": words.outcome_words,
    }  # fmt: skip
    html = env.from_string(TEMPLATE).render(
        c=content, most=most, pictures={each.name: each for each in pictures}, notes=words.notes(content), intro=words.intro(content),
        foot=words.foot(content), record=words.record_words(content), style=STYLE, dark=DARK_STYLE,
    )  # fmt: skip
    inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=False, keep_at_rules=False)
    return inliner.inline(html)


STYLE = f"""
body{{margin:0;padding:0;background:{LIGHT.page};color:{LIGHT.text};font:400 15px/22px Inter,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif}}
.page{{width:100%;background:{LIGHT.page}}}
.sheet{{width:100%;max-width:640px;margin:0 auto;background:{LIGHT.surface}}}
.in{{padding:20px 20px 24px}}
h1{{font-size:21px;line-height:28px;font-weight:600;margin:0 0 6px}}
h2{{font-size:16px;line-height:22px;font-weight:600;margin:26px 0 6px;padding-top:14px;border-top:1px solid {LIGHT.line}}}
p{{margin:4px 0}}
.dim{{color:{LIGHT.dim};font-size:13px;line-height:19px}}
.note{{border-left:3px solid {LIGHT.tight};padding:4px 10px;margin:10px 0;font-size:14px;line-height:20px}}
.rows{{width:100%;border-collapse:collapse}}
.rows td{{padding:8px 0;border-top:1px solid {LIGHT.line};vertical-align:top}}
.rows .r{{text-align:right;padding-left:10px;white-space:nowrap}}
.name{{font-weight:600}}
.bad{{color:{LIGHT.exhausted}}}
.warn{{color:#985000}}
.decision{{border-left:3px solid {LIGHT.accent};padding:2px 0 2px 12px;margin:12px 0}}
img{{display:block;max-width:100%;height:auto;margin:8px 0;border:0;background:{LIGHT.surface};border-radius:6px;color:{LIGHT.dim};font-size:13px;line-height:19px}}
a{{color:{LIGHT.accent}}}
"""

DARK_STYLE = f"""
@media (prefers-color-scheme:dark){{
body,.page{{background:{DARK.page}!important;color:{DARK.text}!important}}
.sheet{{background:{DARK.surface}!important}}
h1,h2,p,td,.name{{color:{DARK.text}!important}}
.dim{{color:{DARK.dim}!important}}.bad{{color:{DARK.exhausted}!important}}.warn{{color:{DARK.tight}!important}}
h2,.rows td{{border-color:{DARK.line}!important}}.decision{{border-color:{DARK.accent}!important}}a{{color:{DARK.accent}!important}}
}}
"""

TEMPLATE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">
<title>{{ c.subject }}</title><style>{{ style|safe }}</style><style data-css-inline="keep">{{ dark|safe }}</style></head>
{% macro more(rows, name) %}
{% if rows|length > most[name] %}<p class="dim">And {{ rows|length - most[name] }} more in the workbook.</p>{% endif %}
{% endmacro %}
{% macro picture(name) %}
{% if name in pictures %}<img src="cid:{{ name }}" width="{{ pictures[name].drawn.width }}" height="{{ pictures[name].drawn.height }}" alt="{{ pictures[name].alt }}">
{% endif %}
{% endmacro %}
{% macro glyph(state) %}{{ {"exhausted": "■ ", "tight": "▲ "}.get(state, "") }}{% endmacro %}
{% macro tone(state) %}{{ {"exhausted": " bad", "tight": " warn"}.get(state, "") }}{% endmacro %}
<body class="page"><table role="presentation" class="sheet" align="center" cellpadding="0" cellspacing="0"><tr><td class="in">
<h1>{{ c.subject }}</h1>
<p>{{ c.verdict }}</p>
<p class="dim">{{ intro }}</p>
{% for words in notes %}
<p class="note">{{ words }}</p>
{% endfor %}
{% if c.month %}
<h2>{{ month_title(c.month) }}</h2>
<table class="rows" cellpadding="0" cellspacing="0">
{% for each in month_rows(c.month)[:most.month + 1] %}
<tr><td><span class="name">{{ each.title if c.month.platforms else "In all" }}</span><br><span class="dim">{{ each.split }}<br>{{ month_facts(each)|join(" · ") }}</span></td><td class="r name">{{ each.so_far }}</td></tr>
{% endfor %}
</table>
{{ more(c.month.platforms, "month") }}
{% if c.month.counted %}<p class="dim">{{ c.month.counted }}</p>
{% endif %}{% endif %}
<h2>Decisions</h2>
{% for each in c.decisions %}
<div class="decision">
<p class="name{{ tone(each.state) }}">{{ loop.index }}. {{ glyph(each.state) }}{{ decided_of(each) }}</p>
<p>{{ each.what }}.</p>
<p>{{ each.why }}</p>
{% for also in each.also[:most_also] %}
<p>{{ also_words(also) }}</p>
{% endfor %}
<p class="dim">{{ facts(each)|join(" · ") }}</p>
</div>
{% else %}
<p>None.</p>
{% endfor %}
{% if c.more_decisions %}
<p class="dim">And {{ c.more_decisions|length }} more: {{ c.more_decisions[:10]|join("; ") }}{{ "; …" if c.more_decisions|length > 10 else "." }}</p>
{% endif %}
<h2>What moved the AI cost</h2>
{{ picture("movers") }}
{% if c.movers %}
<table class="rows" cellpadding="0" cellspacing="0">
{% for each in c.movers[:most.movers] %}
<tr><td><span class="name">{{ mover_name(each) }}</span><br><span class="dim">{{ each.before }} the week before, {{ each.after }} now. {{ cause_words(each) }}.</span></td><td class="r">{{ each.change }}</td></tr>
{% endfor %}
</table>
{% else %}
<p>No cost moved enough to be told, or there are not two weeks of it yet.</p>
{% endif %}
<h2>Budgets</h2>
{{ picture("budgets") }}
{% if c.month_end %}
<table class="rows" cellpadding="0" cellspacing="0">
{% for each in c.month_end[:most.month_end] %}
<tr><td><span class="name">{{ glyph(each.state) }}{{ each.name }}{{ assumed(each) }}</span><br><span class="dim">{{ budget_words(each) }}.</span></td><td class="r{{ tone(each.state) }}">{{ each.chance or each.chance_of or "–" }}{% if each.chance %}<br><span class="dim">{{ each.chance_of }}</span>{% endif %}</td></tr>
{% endfor %}
</table>
{{ more(c.month_end, "month_end") }}
{% else %}
<p>There are no budgets.</p>
{% endif %}
<h2>Room left</h2>
{{ picture("capacity") }}
{% if c.capacity %}
<table class="rows" cellpadding="0" cellspacing="0">
{% for each in c.capacity[:most.capacity] %}
<tr><td><span class="name{{ tone(each.state) }}">{{ glyph(each.state) }}{{ each.name }}{{ assumed(each) }}</span><br><span class="dim">{{ capacity_facts(each)|join(" · ") }}</span></td></tr>
{% endfor %}
</table>
{{ more(c.capacity, "capacity") }}
{% else %}
<p>There are no capacities or quotas.</p>
{% endif %}
<h2>What we said, and what came</h2>
{% for each in c.outcomes[:most.outcomes] %}
<p>{{ outcome_words(each) }}</p>
{% endfor %}
<p>{{ record }}</p>
<h2>Freshness</h2>
{% for each in c.freshness %}
<p><span class="name">{{ each.title }}</span>: {{ each.words }}.</p>
{% endfor %}
{% for each in c.unknown[:most.unknown] %}
<p class="dim">No figure for {{ each.name }}: {{ each.reason }}.</p>
{% endfor %}
{{ more(c.unknown, "unknown") }}
<p class="dim" style="margin-top:24px">{{ foot.split(" More: ")[0] }}{% if c.url %} <a href="{{ c.url }}">Open Roomleft</a>{% endif %}</p>
</td></tr></table></body></html>
"""
