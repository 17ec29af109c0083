"""Whose spans and metrics these are: the platform of a resource, and the attributes that say whom a call is for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from collectors.otlp import names
from collectors.records.fields import TEXT_LIMIT, nearest, shown
from roomleft.packs import Pack

UNKNOWN_HINT = "name one with the header x-roomleft-platform, the resource attribute roomleft.platform, or list the service under `otlp.services` of a pack"
PROVIDERS: Mapping[str, str] = {
    "azure.ai.openai": "azure", "az.ai.openai": "azure", "azure.ai.inference": "azure", "az.ai.inference": "azure", "azure-openai": "azure",
    "azure_openai": "azure", "aws.bedrock": "aws", "aws_bedrock": "aws", "bedrock": "aws", "amazon-bedrock": "aws", "amazon_bedrock": "aws",
    "gcp.gemini": "google", "gcp.vertex_ai": "google", "gcp.gen_ai": "google", "gemini": "google", "google_genai": "google",
    "google-genai": "google", "google.generative-ai": "google", "google.vertex": "google", "vertex_ai": "google", "vertexai": "google",
    "google-vertex": "google", "google-gla": "google", "x_ai": "x-ai", "xai": "x-ai", "mistral_ai": "mistral", "mistralai": "mistral", "moonshot_ai": "moonshotai",
    "together_ai": "together", "fireworks_ai": "fireworks",
}  # fmt: skip
"""What instrumentations call a provider, where price lists call it otherwise."""
INTERFACES = frozenset(
    {
        "chat",
        "completion",
        "completions",
        "responses",
        "messages",
        "embedding",
        "embeddings",
        "textembedding",
        "image",
        "speech",
        "transcription",
    }
)
"""What follows a provider's name where an instrumentation names the interface too (`openai.chat`)."""
Found = dict[str, Any]


def attributes_of(pairs: Iterable[Any], wanted: Collection[str]) -> Found:
    """The wanted ones of OTLP's key and value pairs: texts, numbers and truths; of a list its first."""
    found: Found = {}
    for pair in pairs:
        key = pair.key
        if key in wanted:
            value = pair.value
            kind = value.WhichOneof("value")
            if kind == "array_value":
                first = value.array_value.values
                value, kind = (first[0], first[0].WhichOneof("value")) if first else (value, None)
            if kind in ("string_value", "int_value", "double_value", "bool_value"):
                found[key] = getattr(value, kind)
    return found


def _is_name(value: object) -> bool:
    return value is not None and not isinstance(value, bool) and 0 < len(str(value)) <= TEXT_LIMIT


@dataclass(frozen=True)
class Sender:
    """A resource that sends. `platform` None: nobody knows it, and `unknown` says why in words.

    `attribution`: for each field the attributes that may tell it, in order; `resource` what the resource itself says of them. `reads`: every
    attribute of a span that is looked at. `priced`: the models by provider that the platform's own price list names.
    """

    platform: str | None
    unknown: str
    service: str | None
    components: frozenset[str]
    metrics_only: bool
    attribution: Mapping[str, Sequence[str]]
    resource: Found
    reads: frozenset[str]
    priced: Mapping[str, frozenset[str]]

    def whom(self, span: Mapping[str, object]) -> dict[str, str]:
        """Whom a call is for, by field: by the first attribute that is there, of the span before of its resource."""
        told = dict(self._of_resource)
        for name in self._ranks.keys() & span.keys():
            for field, rank in self._ranks[name]:
                known = told.get(field)
                if (known is None or rank <= known[0]) and _is_name(span[name]):
                    told[field] = (rank, str(span[name]))
        whom = {field: value for field, (_, value) in told.items()}
        if component := self._component(span, self.attribution["component"]):
            whom["component"] = str(component)
        return whom

    @cached_property
    def _ranks(self) -> dict[str, list[tuple[str, int]]]:
        """For each attribute the fields it may tell, and its place among those that may."""
        ranks: dict[str, list[tuple[str, int]]] = {}
        for field, candidates in self.attribution.items():
            for rank, name in enumerate(candidates):
                if field != "component":
                    ranks.setdefault(name, []).append((field, rank))
        return ranks

    @cached_property
    def _of_resource(self) -> dict[str, tuple[int, str]]:
        told: dict[str, tuple[int, str]] = {}
        for name in self._ranks.keys() & self.resource.keys():
            for field, rank in self._ranks[name]:
                if _is_name(self.resource[name]) and (field not in told or rank < told[field][0]):
                    told[field] = (rank, str(self.resource[name]))
        return told

    def _component(self, span: Mapping[str, object], candidates: Sequence[str]) -> object:
        """The first that is a part of the platform: a service may be called anything."""
        said = (found.get(name) for name in candidates for found in (span, self.resource))
        return next((value for value in said if value in self.components), None)

    def provider(self, said: str) -> str:
        """A provider by the name its prices are listed under: the pack's own names first."""
        word = said.strip().lower()
        head, _, interface = word.rpartition(".")
        if interface in INTERFACES:
            word = head
        for form in (word, word.rpartition(".")[2]):
            if form in self.priced:
                return form
        return PROVIDERS.get(word, word)

    def model(self, provider: str | None, asked: str | None, answered: str | None) -> str | None:
        """The model that answered, unless the platform's own price list knows only the one that was asked."""
        own = self.priced.get(provider or "", frozenset())
        return asked if asked in own and answered not in own else answered or asked


class Senders:
    """The platforms that may send, for one request. `asked`: what the request itself names, or None."""

    def __init__(self, packs: Mapping[str, Pack], known: Collection[str], asked: str | None) -> None:
        self._packs = packs
        self._known = frozenset(known)
        self._asked = asked
        self._services: dict[str, list[str]] = {}
        for slug, pack in packs.items():
            for service in pack.otlp.services:
                self._services.setdefault(service, []).append(slug)
        self._kinds: dict[str | None, dict[str, Any]] = {}

    def of(self, resource: Any) -> Sender:
        """The sender that a resource (of OTLP) is."""
        texts = {pair.key: pair.value.string_value for pair in resource.attributes if pair.value.HasField("string_value")}
        platform, unknown = self._platform(texts)
        kind = self._kinds.get(platform)
        if kind is None:
            kind = self._kinds[platform] = self._kind(platform)
        reads = kind["reads"]
        found = attributes_of(resource.attributes, reads)
        service = texts.get("service.name", "")
        return Sender(
            platform=platform, unknown=unknown, service=service if 0 < len(service) <= TEXT_LIMIT else None, resource=found, **kind
        )  # fmt: skip

    def _platform(self, texts: Mapping[str, str]) -> tuple[str | None, str]:
        said = self._asked or texts.get(names.PLATFORM)
        if said:
            return (said, "") if said in self._known else (None, f"unknown platform {shown(said)}{nearest(said, self._known)}")
        services = [texts[name] for name in names.SERVICE if texts.get(name)]
        for service in services:
            listed = self._services.get(service, ())
            if len(listed) == 1:
                return listed[0], ""
            if listed:
                return None, f"the service {shown(service)} is listed by the packs {', '.join(sorted(listed))}; leave it in one"
        for service in services:
            if service in self._known:
                return service, ""
        told = (
            f"no pack knows the service {' / '.join(shown(service) for service in services)}"
            if services
            else "no platform is named"
        )
        return None, f"{told}; {UNKNOWN_HINT}"

    def _kind(self, platform: str | None) -> dict[str, Any]:
        pack = self._packs.get(platform or "")
        own = pack.otlp.attributes if pack is not None else None
        attribution = {
            field: (*(getattr(own, field) if own is not None else ()), *usual) for field, usual in names.ATTRIBUTION.items()
        }
        priced: dict[str, set[str]] = {}
        for group in pack.prices if pack is not None else ():
            priced.setdefault(group.provider, set()).update(group.models)
        return {
            "components": frozenset(component.id for component in pack.components) if pack is not None else frozenset(),
            "metrics_only": pack is not None and pack.otlp.metrics_only,
            "attribution": attribution,
            "reads": names.OF_CALLS.union(*attribution.values()),
            "priced": {provider: frozenset(models) for provider, models in priced.items()},
        }
