"""The capacity report as one HTML page, also fit for mail: one column of tables, styles inlined, nothing fetched, readable without its pictures.

Pictures stand in the page itself, or, for a mail, beside it. Every text from elsewhere is escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

import css_inline
from jinja2 import Environment, StrictUndefined

from dashboards.reports import capacity_facts as facts
from dashboards.reports.capacity_facts import Content
from dashboards.reports.capacity_pictures import shown
from dashboards.reports.weekly_charts import Picture
from dashboards.reports.weekly_html import DARK_STYLE
from dashboards.theme import LIGHT


def embedded(picture: Picture) -> str:
    """Where a picture is that stands in the page itself."""
    return f"data:image/png;base64,{base64.b64encode(picture.drawn.png).decode()}"


def attached(picture: Picture) -> str:
    """Where a picture is that a mail carries."""
    return f"cid:{picture.name}"


def capacity_html(content: Content, pictures: Sequence[Picture] = (), source: Callable[[Picture], str] = embedded) -> str:
    """The whole page."""
    env = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    html = env.from_string(TEMPLATE).render(
        c=content, heading=facts.heading(content), intro=facts.intro(content), sections=list(facts.sections(content)), foot=facts.foot(content),
        pictures=shown(pictures), source=source, style=STYLE, kept=KEPT_STYLE,
    )  # fmt: skip
    inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=False, keep_at_rules=False)
    return inliner.inline(html)


STYLE = f"""
body{{margin:0;padding:0;background:{LIGHT.page};color:{LIGHT.text};font:400 15px/22px Inter,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif}}
.page{{width:100%;background:{LIGHT.page}}}
.sheet{{width:100%;max-width:780px;margin:0 auto;background:{LIGHT.surface}}}
.in{{padding:20px 20px 24px}}
h1{{font-size:16px;line-height:22px;font-weight:500;margin:0 0 4px;color:{LIGHT.dim}}}
.verdict{{font-size:20px;line-height:28px;font-weight:600;margin:0 0 6px}}
h2{{font-size:16px;line-height:22px;font-weight:600;margin:26px 0 6px;padding-top:14px;border-top:1px solid {LIGHT.line}}}
p{{margin:4px 0}}
.dim{{color:{LIGHT.dim};font-size:13px;line-height:19px}}
.rows{{width:100%;border-collapse:collapse}}
.rows td{{padding:8px 0;border-top:1px solid {LIGHT.line};vertical-align:top}}
.rows .r{{text-align:right;padding-left:12px;min-width:84px;max-width:130px}}
.name{{font-weight:600}}
.bad{{color:{LIGHT.exhausted}}}
.warn{{color:#985000}}
.card{{display:inline-block;vertical-align:top;width:100%;max-width:344px;margin:8px 16px 12px 0;break-inside:avoid}}
img{{display:block;max-width:100%;height:auto;margin:4px 0;border:0;background:{LIGHT.surface}}}
"""
KEPT_STYLE = (
    DARK_STYLE.replace("@media (", "@media screen and (")
    + """
@page{margin:14mm}
@media print{body,.page,.sheet{background:#fff!important;max-width:none!important}.in{padding:0!important}tr,.card{break-inside:avoid}h2{break-after:avoid}}
"""
)

TEMPLATE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">
<title>{{ heading }}</title><style>{{ style|safe }}</style><style data-css-inline="keep">{{ kept|safe }}</style></head>
{% macro lines(item) %}{% for line in item.lines %}<p class="dim">{{ line }}</p>{% endfor %}{% endmacro %}
<body class="page"><table role="presentation" class="sheet" align="center" cellpadding="0" cellspacing="0"><tr><td class="in">
<h1>{{ heading }}</h1>
<p class="verdict">{{ c.verdict }}</p>
{% if c.first %}<p>{{ c.first }}</p>{% endif %}
{% for words in intro %}
<p class="dim">{{ words }}</p>
{% endfor %}
{% for section in sections %}
<h2>{{ section.title }}</h2>
{% if section.note %}<p>{{ section.note }}</p>{% endif %}
{% if not section['items'] and section.empty %}<p>{{ section.empty }}</p>{% endif %}
{% if section.wide %}
{% for item in section['items'] %}
<div class="card"><p class="name">{{ item.name }}</p>
{% if item.picture in pictures %}<img src="{{ source(pictures[item.picture]) }}" width="{{ pictures[item.picture].drawn.width }}" height="{{ pictures[item.picture].drawn.height }}" alt="{{ pictures[item.picture].alt }}">{% endif %}
{{ lines(item) }}</div>
{% endfor %}
{% elif section['items'] %}
<table class="rows" cellpadding="0" cellspacing="0">
{% for item in section['items'] %}
<tr><td><span class="name {{ item.tone }}">{{ item.name }}</span>{{ lines(item) }}</td><td class="r {{ item.tone }}">{{ item.right }}</td></tr>
{% endfor %}
</table>
{% endif %}
{% endfor %}
<p class="dim" style="margin-top:24px">{{ foot }}</p>
</td></tr></table></body></html>
"""
