"""The health report as one HTML file: no script, nothing from outside, light and dark, fit to print.

It is drawn from the report's JSON, with the pages' own words for numbers and the pages' own small lines. Every text is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from analytics.health import STATUS_WORDS, since_text
from dashboards import health_words, wording
from dashboards.components.golden_row import SPAN, value_words
from dashboards.components.target_table import WORDS as MET_WORDS
from dashboards.components.target_table import aim_words
from dashboards.components.target_table import value_words as target_words
from dashboards.figures.spark_svg import spark_svg
from dashboards.theme import DARK, LIGHT, Tones
from roomleft.money import usd
from roomleft.timespan import parse_instant

ZONE = ZoneInfo("UTC")
STATES = {"ok": "○", "tight": "▲", "exhausted": "■", "unknown": "▨"}
MET_GLYPHS = {"met": "○", "not met": "■", "unknown": "▨", "no source": "▨", "declared": "–"}
HUES = {"p50": "var(--p50)", "p95": "var(--p95)", "p99": "var(--p99)"}


def health_html(reports: Sequence[Mapping[str, Any]], made_at: datetime) -> str:
    """The file of one or several platforms' reports, as `GET /api/v1/reports/health` answers them."""
    env = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    env.filters |= {
        "number": _number, "instant": _instant, "state": _state, "spark": _spark, "money": _money, "golden": _golden, "check": _check,
        "percent": lambda value: "–" if value is None else wording.percent(float(value)), "ms": _ms, "target": lambda value, unit: "–" if value is None else target_words(value, unit), "score": lambda value: "unknown" if value is None else f"{Decimal(str(value)):.3f}",
    }  # fmt: skip
    return env.from_string(TEMPLATE).render(
        reports=reports, made_at=made_at, style=style(), words=STATUS_WORDS, met=MET_WORDS, met_glyphs={str(k): v for k, v in MET_GLYPHS.items()},
        aim=_aim, zone="UTC",
    )  # fmt: skip


def style() -> Markup:
    """The style sheet of a report's file: both themes, fit to print."""
    return Markup(STYLE.replace("LIGHT", _variables(LIGHT)).replace("DARK", _variables(DARK)))


def _variables(tones: Tones) -> str:
    p50, p95, p99 = tones.percentiles
    return (
        f"--page:{tones.page};--surface:{tones.surface};--text:{tones.text};--dim:{tones.dim};--line:{tones.line};--accent:{tones.accent};"
        f"--ok:{tones.ok};--tight:{tones.tight};--exhausted:{tones.exhausted};--unknown:{tones.unknown};--p50:{p50};--p95:{p95};--p99:{p99}"
    )


def _at(value: Any) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return parse_instant(str(value))


def _instant(value: Any, now: Any = None) -> str:
    at = _at(value)
    if at is None:
        return "–"
    return since_text(at, _at(now) or at, UTC) if now is not None else f"{at.astimezone(UTC):%-d %b %Y %H:%M} UTC"


def _number(value: Any, unit: str) -> str:
    return "–" if value is None else wording.with_unit(Decimal(str(value)), unit)


def _money(value: Any, places: int = 0) -> str:
    return "–" if value is None else usd(Decimal(str(value)), places)


def _ms(value: Any) -> str:
    return "–" if value is None else wording.latency(float(value))


def _golden(value: Any, unit: str) -> str:
    return "–" if value is None else value_words(float(value), unit)


def _check(check: Mapping[str, Any]) -> str:
    return "" if check["value"] is None else health_words.reading(check["value"], check["unit"])


def _aim(row: Mapping[str, Any]) -> str:
    return aim_words(row["value"], row["unit"], row["met"], at_least=row["direction"] == "at_least")


def _state(name: str) -> Markup:
    return Markup('<span class="g {}">{}</span> {}').format(name, STATES.get(name, ""), name)


def _spark(tile: Mapping[str, Any], report: Mapping[str, Any]) -> Markup:
    now = _at(report["as_of"])
    assert now is not None, "a report says when it was made"
    alone = len(tile["lines"]) == 1
    lines = [
        (
            [(datetime.fromtimestamp(at, UTC), value) for at, value in points],
            "var(--accent)" if alone else HUES.get(name, "var(--accent)"),
        )
        for name, points in tile["lines"].items()
    ]
    deploys = [{**each, "deployed_at": _at(each["deployed_at"])} for each in report["deploys"]]
    drawn = spark_svg(lines, (now - SPAN, now), ZONE, dim="var(--dim)", deploys=deploys, label=f"{tile['title']}, last 24 h")
    return Markup(drawn)


STYLE = """
:root{color-scheme:light;LIGHT}
@media screen and (prefers-color-scheme:dark){:root{color-scheme:dark;DARK}}
*{box-sizing:border-box}
body{margin:0;padding:24px;background:var(--page);color:var(--text);font:400 13px/20px Inter,system-ui,sans-serif}
main{max-width:1120px;margin:0 auto}
h1{font-size:22px;line-height:30px;margin:0}h2{font-size:15px;line-height:22px;margin:22px 0 6px}p{margin:4px 0}
.dim{color:var(--dim)}.g.exhausted,.fail,.not_met{color:var(--exhausted)}.g.tight,.warn{color:var(--tight)}.g.ok{color:var(--ok)}.g.unknown,.unknown{color:var(--unknown)}
.status{font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(170px,1fr));gap:10px}
.tile,.box{background:var(--surface);border:1px solid var(--line);border-radius:8px;padding:10px 12px;break-inside:avoid}
.tile b{display:block;font-size:19px;line-height:26px}.tile svg{display:block;width:100%;height:auto}
table{width:100%;border-collapse:collapse;background:var(--surface);border:1px solid var(--line);font-variant-numeric:tabular-nums}
th{font-size:11px;font-weight:500;color:var(--dim);text-align:left}th,td{padding:4px 8px;border-top:1px solid var(--line);vertical-align:top}
.n{text-align:right;white-space:nowrap}tr{break-inside:avoid}thead{display:table-header-group}
section{margin-bottom:40px}section+section{break-before:page}
.scroll{overflow-x:auto}
@page{margin:14mm}
@media print{body{padding:0;background:#fff;font-size:11px;line-height:16px}.scroll{overflow:visible}}
"""

TEMPLATE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Health report{% if reports|length == 1 %}, {{ reports[0].title }}{% endif %}</title><style>{{ style }}</style></head><body><main>
{% for r in reports %}
<section id="{{ r.platform }}">
<h1>{{ r.title }} <span class="status {{ r.status }}">{{ words[r.status] }}</span></h1>
<p>{{ r.sentence }}</p>
<p class="dim">As of {{ r.as_of|instant }}. Checked {{ r.checked_at|instant }}.
{% if r.score is not none %}Score {{ (r.score * 100)|round|int }} of 100.{% else %}No score.{% endif %} {{ r.rule }} {{ r.score_words }}</p>
<p>{{ r.targets_met }} of {{ r.targets|length }} targets met, {{ r.targets_not_met }} not met.</p>
<h2>Golden signals</h2>
<div class="tiles">{% for t in r.golden %}<div class="tile">{{ t.title }}
{% if t.missing %}<b>–</b><span class="dim">{{ t.missing }}</span>{% else %}
{% set lead = 'p95' if 'p95' in t['values'] else (t['values'].keys()|list)[0] %}
<b>{{ lead }} {{ t['values'][lead]|golden(t.unit) }}</b>
<span class="dim">{{ t.note }}{% for name, value in t['values'].items() if name != lead and value is not none %} · {{ name }} {{ value|golden(t.unit) }}{% endfor %}, newest {{ t.observed_at|instant(r.as_of) }}</span>
{{ t|spark(r) }}{% endif %}</div>{% endfor %}</div>
<h2>Components</h2>
<div class="scroll"><table><thead><tr><th>Component</th><th>Status</th><th>Since</th><th class="n">Score</th><th>Checks</th></tr></thead><tbody>
{% for c in r.components %}<tr><td>{{ c.title }}{% if c.critical %} <span class="dim">critical</span>{% endif %}</td>
<td class="{{ c.status }}">{{ words[c.status] }}</td><td>{{ c.since|instant(r.as_of) }}</td>
<td class="n">{% if c.score is not none %}{{ (c.score * 100)|round|int }}{% else %}–{% endif %}</td>
<td>{% if c.reason %}<strong>{{ c.reason }}.</strong> {% endif %}{% for k in c.checks %}<span class="{{ k.status if k.status != 'pass' else '' }}">{{ k.words }}</span> <span class="dim">{{ k|check }}</span>{{ '; ' if not loop.last }}{% else %}no check was ever read{% endfor %}</td></tr>{% endfor %}
</tbody></table></div>
{% for p in r.paths %}
<h2>{{ p.title }}</h2><p class="dim">Last hour, {{ p.basis }}. Percentiles of hops do not add up to the whole way's.</p>
<div class="scroll"><table><thead><tr><th>Hop</th><th class="n">p50</th><th class="n">p95</th><th class="n">p99</th><th class="n">Share of the way</th></tr></thead><tbody>
{% for h in p.hops %}<tr><td>{{ h.title }}{% if h.slowest %} <strong>slowest</strong>{% endif %}</td><td class="n">{{ h.p50_ms|default(none)|ms }}</td><td class="n">{{ h.p95_ms|default(none)|ms }}</td><td class="n">{{ h.p99_ms|default(none)|ms }}</td><td class="n">{{ h.share|percent }}</td></tr>{% endfor %}
<tr><td><strong>Whole way</strong></td><td class="n">{{ p.total.p50_ms|default(none)|ms }}</td><td class="n">{{ p.total.p95_ms|default(none)|ms }}</td><td class="n">{{ p.total.p99_ms|default(none)|ms }}</td><td></td></tr>
</tbody></table></div>{% endfor %}
{% if r.scores %}<h2>Scores</h2><div class="scroll"><table><thead><tr><th>Score</th><th>Of</th><th class="n">Value</th></tr></thead><tbody>
{% for s in r.scores %}<tr><td>{{ s.title }}</td><td>{{ s.subject }}</td><td class="n">{{ s.value|score }}</td></tr>{% endfor %}</tbody></table></div>{% endif %}
{% if r.scaling %}<h2>Scaling</h2><div class="scroll"><table><thead><tr><th>Scaling</th><th class="n">Running</th><th>Range</th><th class="n">Until up</th><th class="n">Until down</th></tr></thead><tbody>
{% for s in r.scaling %}<tr><td>{{ s.title }}</td><td class="n">{{ s.running|number(s.unit) }}</td><td>{{ s.fewest|number('score') }}–{{ s.most|number(s.unit) }}</td>
{% for t in (s.up, s.down) %}<td class="n">{% if t and t.distance_points is not none %}{{ t.distance_points|round(1) }} points{% else %}–{% endif %}</td>{% endfor %}</tr>{% endfor %}</tbody></table></div>{% endif %}
<h2>Targets</h2>
<div class="scroll"><table><thead><tr><th>Target</th><th class="n">Aim</th><th class="n">Reading</th><th>Met</th><th>Holds in</th><th>Why</th><th>Newest data</th></tr></thead><tbody>
{% for t in r.targets %}<tr><td>{{ t.title }}{% if t.assumed %} <span class="dim">assumed</span>{% endif %}</td><td class="n">{{ aim(t) }}</td><td class="n">{{ t.reading|target(t.unit) }}</td><td class="{{ t.met|replace(' ', '_') }}">{{ met_glyphs[t.met] }} {{ met[t.met] }}</td><td>{{ t.state }}</td><td class="dim">{{ t.why or t.design|join('; ') }}</td><td>{{ t.observed_at|instant(r.as_of) }}</td></tr>{% endfor %}
</tbody></table></div>
<h2>Limits</h2>
<div class="scroll"><table><thead><tr><th>State</th><th>Limit</th><th class="n">Used</th><th class="n">Of</th><th class="n">Left</th><th>Since</th><th>Why</th><th>Owner</th><th>Newest data</th></tr></thead><tbody>
{% for l in r.limits %}<tr><td>{{ l.state|state }}</td><td>{{ l.title }}</td><td class="n">{{ l.used|number(l.unit) }}</td><td class="n">{{ l.amount|number(l.unit) }}</td><td class="n">{{ l.remaining|number(l.unit) }}</td><td>{{ l.since|instant(r.as_of) }}</td><td class="dim">{{ l.reason }}</td><td>{{ l.owner }}</td><td>{{ l.observed_at|instant(r.as_of) }}</td></tr>{% endfor %}
</tbody></table></div>
{% if r.risks %}<h2>Risks</h2><div class="scroll"><table><thead><tr><th>Risk</th><th>Watched by</th><th>Why</th></tr></thead><tbody>
{% for k in r.risks %}<tr><td>{{ k.title }}</td><td>{% for l in k.limits %}{{ l.state|state }} {{ l.title }}{{ '; ' if not loop.last }}{% else %}no limit watches it{% endfor %}</td><td class="dim">{{ k.why }}</td></tr>{% endfor %}</tbody></table></div>{% endif %}
{% if r.cost_tiers %}<h2>Cost by size</h2><div class="scroll"><table><thead><tr><th>Tier</th><th class="n">Daily users</th><th>Items</th><th class="n">A month</th><th class="n">Each daily user</th><th>Planned</th></tr></thead><tbody>
{% for t in r.cost_tiers %}<tr><td>{{ t.title }}{% if t.current %} <strong>current</strong>{% endif %}</td><td class="n">{{ t.daily_users|number('users') }}</td><td>{% for i in t['items'] %}{{ i.title }} {{ i.usd_per_month|money }}{{ ', ' if not loop.last }}{% endfor %}</td><td class="n">{{ t.total_usd|money }}</td><td class="n">{{ t.usd_per_daily_user|money(4) }}</td><td>{{ t.planned }}</td></tr>{% endfor %}</tbody></table></div>{% endif %}
{% if r.alternatives %}<h2>Alternatives</h2><div class="scroll"><table><thead><tr><th>Alternative</th><th class="n">A month</th><th>Replaces</th><th class="n">Today</th><th>Breaks even at</th></tr></thead><tbody>
{% for a in r.alternatives %}<tr><td>{{ a.title }}</td><td class="n">{{ a.usd_per_month|money }}</td><td>{{ a.replaces }}</td><td class="n">{{ a.replaced_usd|money }}</td><td>{% for b in a.break_even %}{{ b.value|number(b.unit) }} ({{ b.title }}){{ '; ' if not loop.last }}{% endfor %}</td></tr>{% endfor %}</tbody></table></div>{% endif %}
{% if r.deploys %}<h2>Deploys of the last 24 h</h2><div class="scroll"><table><thead><tr><th>When</th><th>Kind</th><th>Component</th><th>Version</th><th>What</th></tr></thead><tbody>
{% for d in r.deploys %}<tr><td>{{ d.deployed_at|instant(r.as_of) }}</td><td>{{ d.kind }}</td><td>{{ d.component or '–' }}</td><td>{{ d.version or '–' }}</td><td>{{ d.title or '' }}</td></tr>{% endfor %}</tbody></table></div>{% endif %}
</section>
{% endfor %}
<p class="dim">Made {{ made_at|instant }}. Times are in {{ zone }}.</p>
</main></body></html>
"""
