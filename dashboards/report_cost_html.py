"""The cost report as one HTML file: no script, nothing from outside, light and dark, fit to print. Every text is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jinja2 import Environment, StrictUndefined

from dashboards import report_cost
from dashboards.report_html import style

TEMPLATE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Cost report{% if reports|length == 1 %}, {{ reports[0].title }}{% endif %}</title><style>{{ style }}</style></head><body><main>
{% for r in reports %}
<section id="{{ r.platform }}">
<h1>{{ r|heading }}</h1>
<p>{{ r|sentence }}</p>
{% for note in r|notes %}<p class="dim">{{ note }}</p>
{% endfor %}
{% for t in r|tables %}<h2>{{ t.title }}{% if t.note %} <span class="dim">{{ t.note }}</span>{% endif %}</h2>
<div class="scroll"><table>{% if t.heads|select|list %}<thead><tr>{% for head in t.heads %}<th{% if loop.index0 >= t.numbers %} class="n"{% endif %}>{{ head }}</th>{% endfor %}</tr></thead>{% endif %}
<tbody>{% for row in t.rows %}<tr>{% for cell in row %}<td{% if loop.index0 >= t.numbers and t.heads[loop.index0] != 'Note' %} class="n"{% endif %}>{{ cell }}</td>{% endfor %}</tr>{% endfor %}
{% if t.foot %}<tr class="foot">{% for cell in t.foot %}<td{% if loop.index0 >= t.numbers %} class="n"{% endif %}><strong>{{ cell }}</strong></td>{% endfor %}</tr>{% endif %}
</tbody></table></div>
{% endfor %}
</section>
{% endfor %}
<p class="dim">Made {{ made_at|instant }}. Users are named by pseudonym.</p>
</main></body></html>
"""


def cost_html(reports: Sequence[Mapping[str, Any]], made_at: datetime) -> str:
    """The file of one or several cost reports, as `GET /api/v1/reports/cost` answers them."""
    env = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    env.filters |= {
        "heading": report_cost.heading, "sentence": report_cost.sentence, "notes": report_cost.notes, "tables": report_cost.tables,
        "instant": _instant,
    }  # fmt: skip
    return env.from_string(TEMPLATE).render(reports=reports, made_at=made_at, style=style())


def _instant(at: datetime) -> str:
    return report_cost.instant(at.isoformat())
