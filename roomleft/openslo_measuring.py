"""What an OpenSLO indicator measures here: meters of packs, SQL, or PromQL at a Prometheus server that a pack connects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from roomleft.errors import PackError
from roomleft.openslo import Found
from roomleft.openslo_models import IndicatorSpec, Metric, MetricSource, Objective
from roomleft.packs import Pack
from roomleft.packs_meters import FailingMinutesMeter, GaugeMeter, Meter, PromqlMeter
from roomleft.packs_sources import PrometheusServerSource
from roomleft.packs_yaml import nearest
from roomleft.slos import Asked, Counted, Events, Indicator, Minutes, Readings, Source, countable


class NotHere(Exception):
    """An SLO is right, and what it measures is not connected here. `args[0]` says what."""


def ident(text: str) -> str:
    """A name as conditions write it: small letters, digits and underscores."""
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:60].rstrip("_")
    return plain if plain[:1].isalpha() else f"slo_{plain}".rstrip("_")[:60]


class Measuring:
    """What one objective of an SLO measures, as an indicator here. `home`: the platform meant where a source names none."""

    def __init__(self, one: Found, packs: Mapping[str, Pack], home: str, number: int) -> None:
        self.one, self.packs, self.home = one, packs, home
        self.base = ident(one.name) + (f"_{number + 1}" if number else "")

    def indicator(self, spec: IndicatorSpec, objective: Objective) -> tuple[str, Indicator]:
        """The platform and the indicator. Raises NotHere, PackError."""
        if spec.thresholdMetric is not None:
            source = self._gauge(spec.thresholdMetric, "value")
            if objective.op is None or objective.value is None:
                raise NotHere("its objective gives no op and value to compare the readings with")
            scale = getattr(source.meter, "scale", None) or Decimal(1)
            if scale <= 0:
                raise NotHere(f"the meter {source.meter_id} is turned round by its scale")
            return source.platform, Readings(source, objective.op, objective.value / scale)
        ratio = spec.ratioMetric
        assert ratio is not None, "the model asks for one metric"
        if ratio.raw is not None:
            return self._raw(ratio.raw, failures=ratio.rawType == "failure")
        assert ratio.total is not None, "the model asks for a total"
        counter = bool(ratio.counter)
        total = self._events(ratio.total, "total", counter)
        good = self._events(ratio.good, "good", counter) if ratio.good else None
        bad = self._events(ratio.bad, "bad", counter) if ratio.bad else None
        if total.platform != (good or bad or total).platform:
            raise NotHere("its parts are of different platforms")
        return total.platform, Events(total, bad=bad, good=good)

    def _raw(self, metric: Metric, *, failures: bool) -> tuple[str, Indicator]:
        source = self._gauge(metric, "ratio", minutes=failures)
        if isinstance(source.meter, FailingMinutesMeter):
            return source.platform, Minutes(source.platform, source.meter_id, source.meter)
        return source.platform, Readings(source, failures=failures)

    def _events(self, metric: Metric, role: str, counter: bool) -> Source:
        source = metric.metricSource
        match self._type(source):
            case "roomleft":
                platform = self._platform(source)
                if "sql" in source.spec:
                    return Asked(platform, self._sql(source, platform), f"{self.one.file}, SLO {self.one.name}, {role}")
                name, meter = self._meter(source, platform)
                if not countable(self.packs[platform], name):
                    raise PackError(
                        f"meter '{name}' is of kind {meter.kind}, which counts no events", "", "a counter, a count, or sql"
                    )
                return Counted(platform, name, meter)
            case "prometheus":
                return self._promql(source, role, counter)
            case other:
                raise NotHere(other)

    def _gauge(self, metric: Metric, role: str, *, minutes: bool = False) -> Counted:
        source = metric.metricSource
        match self._type(source):
            case "roomleft":
                platform = self._platform(source)
                name, meter = self._meter(source, platform)
                if isinstance(meter, (GaugeMeter, PromqlMeter)) or (minutes and isinstance(meter, FailingMinutesMeter)):
                    return Counted(platform, name, meter, counter=False)
                raise PackError(
                    f"meter '{name}' is of kind {meter.kind}: its single readings are not kept", "", "a gauge, or promql"
                )
            case "prometheus":
                return self._promql(source, role, counter=False)
            case other:
                raise NotHere(other)

    def _type(self, source: MetricSource) -> str:
        """`roomleft` or `prometheus`, or why it is neither."""
        given = (source.type or "").strip()
        if given.lower() in ("roomleft", "prometheus"):
            return given.lower()
        ref = source.metricSourceRef
        if not given and ref is not None:
            return "prometheus" if self._servers(ref) else f"data source '{ref}' is not connected"
        if not given:
            return "its metric source names neither a type nor a data source"
        named = f"data source '{ref}'" if ref else "its data source,"
        return f"{named} of type {given}{'' if ref else ','} is not connected"

    def _platform(self, source: MetricSource) -> str:
        slug = source.spec.get("platform", self.home)
        if not isinstance(slug, str) or slug not in self.packs:
            raise NotHere(
                f"there is no platform '{slug}' here" if slug else "its service is no platform here, and its source names none"
            )
        wrong = sorted(set(source.spec) - {"platform", "meter", "sql"})
        if wrong or ("meter" in source.spec) == ("sql" in source.spec):
            raise PackError(
                f"unknown key '{wrong[0]}' of a Roomleft source" if wrong else "a Roomleft source names one thing",
                "",
                "give meter or sql",
            )
        return slug

    def _meter(self, source: MetricSource, platform: str) -> tuple[str, Meter]:
        name = str(source.spec.get("meter"))
        meters = self.packs[platform].meters
        if name not in meters:
            raise PackError(f"{platform} has no meter '{name}'", "", nearest(name, meters, "meters"))
        return name, meters[name]

    def _sql(self, source: MetricSource, platform: str) -> str:
        text = str(source.spec["sql"])
        if re.fullmatch(r"[a-z0-9_]+\.sql", text):
            path = self.packs[platform].folder / text
            try:
                return path.read_text(encoding="utf-8")
            except OSError as error:
                raise PackError(
                    f"{path.name} cannot be read: {error.strerror}", "", "the query file stands beside the pack"
                ) from error
        return text

    def _servers(self, ref: str) -> list[tuple[str, PrometheusServerSource]]:
        found = [
            (slug, entry)
            for slug, pack in self.packs.items()
            for entry in pack.sources
            if isinstance(entry, PrometheusServerSource) and ref in (entry.name, f"{slug}.{entry.name}")
        ]
        return [each for each in found if each[0] == self.home] or found

    def _promql(self, source: MetricSource, role: str, counter: bool) -> Counted:
        if source.metricSourceRef is None:
            raise NotHere("it does not say which Prometheus server is meant (metricSourceRef)")
        servers = self._servers(source.metricSourceRef)
        if not servers:
            raise NotHere(f"data source '{source.metricSourceRef}' (Prometheus) is not connected")
        if len(servers) > 1:
            raise NotHere(
                f"several platforms have a source '{source.metricSourceRef}': write for example {servers[0][0]}.{servers[0][1].name}"
            )
        query = source.spec.get("query")
        if not isinstance(query, str) or not query.strip():
            raise NotHere("its Prometheus source gives no query")
        if "{{" in query:
            raise NotHere("its query has a template ({{…}}) in place of a window: give a counter, and counter: true")
        platform, entry = servers[0]
        meter = PromqlMeter(
            kind="promql",
            unit="ratio" if role == "ratio" else "events",
            source=entry.name,
            query=query.strip(),
            step=timedelta(minutes=1),
        )
        return Counted(platform, f"slo_{self.base}_{role}"[:60], meter, counter)
