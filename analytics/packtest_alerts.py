"""What a pack test may say of alerts: that one is pending, firing, resolved, unknown or not there at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal, Protocol

from pydantic import Field

from roomleft.findings import AlertState
from roomleft.packs import Pack
from roomleft.packs_fields import Exact, Strict
from roomleft.rules import Rule
from warehouse.store import Store

LEAST_BETWEEN = timedelta(seconds=15)
MOST_EVALUATIONS = 3000
"""How many a script may have: beyond it says nobody waits for it."""


class WantedAlert(Strict):
    """What an alert must be: the rule's, with these labels (of several, those that tell it apart). `inactive`: there is none, or it never fired.

    `reason` and each of `annotations` need only be contained. `unknown`: whether nobody knows whether it holds, though it fires.
    """

    name: Annotated[str, Field(min_length=1, max_length=80)]
    state: Literal["inactive", "pending", "firing", "resolved", "unknown"]
    labels: dict[str, str] = Field(default_factory=dict)
    value: Exact | None = None
    within: Exact = Decimal("0.000001")
    reason: str | None = None
    unknown: bool | None = None
    annotations: dict[str, str] = Field(default_factory=dict)


class Standing(Protocol):
    """An alert as it stands."""

    @property
    def rule_id(self) -> str: ...

    @property
    def labels(self) -> Mapping[str, str]: ...

    @property
    def state(self) -> AlertState: ...

    @property
    def value(self) -> Decimal | None: ...

    @property
    def reason(self) -> str: ...

    @property
    def unknown_since(self) -> datetime | None: ...

    @property
    def unknown_words(self) -> str: ...

    @property
    def annotations(self) -> Mapping[str, str]: ...


Beaten = Callable[[datetime], Sequence[Standing]]
"""One evaluation at an instant: how every alert stands after it."""
Watch = Callable[[Store, Mapping[str, Pack], Mapping[str, Rule], timedelta], Beaten]
"""The engine that measures and evaluates what rules ask for over a store, so often (handed in, since it stands above)."""


def compare_alert(wanted: WantedAlert, platform: str, standing: Sequence[Standing], at: str) -> Iterator[str]:
    """What is not as wanted, in words."""
    at = f"{at}, {wanted.name}"
    mine = [
        alert
        for alert in standing
        if alert.rule_id == f"{platform}.{wanted.name}" and wanted.labels.items() <= dict(alert.labels).items()
    ]
    live = [alert for alert in mine if alert.state is not AlertState.INACTIVE]
    if wanted.state == "inactive":
        for alert in live:
            yield f"{at}: it is {_told(alert)}, not inactive"
        return
    if not live:
        yield f"{at}: it is inactive, not {wanted.state}"
        return
    if len(live) > 1:
        told = "; ".join(f"{_own(alert, wanted)} is {alert.state}" for alert in live[:5])
        yield f"{at}: there are {len(live)} alerts ({told}): name the labels of one"
        return
    yield from _compare(wanted, live[0], at)


def _compare(wanted: WantedAlert, alert: Standing, at: str) -> Iterator[str]:
    if alert.state != wanted.state:
        yield f"{at}: it is {_told(alert)}, not {wanted.state}"
    if wanted.unknown is not None and wanted.unknown != (alert.unknown_since is not None):
        yield f"{at}: it is {'known' if wanted.unknown else 'unknown'}, which was not wanted"
    if wanted.value is not None and (alert.value is None or abs(alert.value - wanted.value) > wanted.within):
        yield f"{at}: its value is {alert.value}, not {wanted.value}"
    if wanted.reason is not None and wanted.reason not in _plain(f"{alert.reason} {alert.unknown_words}"):
        yield f"{at}: the reason is {_plain(alert.unknown_words or alert.reason)!r}, which does not say {wanted.reason!r}"
    for name, text in wanted.annotations.items():
        if text not in _plain(alert.annotations.get(name, "")):
            yield f"{at}: its {name} is {alert.annotations.get(name, '')!r}, which does not say {text!r}"


def _told(alert: Standing) -> str:
    words = alert.unknown_words if alert.unknown_since is not None else alert.reason
    return f"{alert.state}" + (f" ({words})" if words else "")


def _own(alert: Standing, wanted: WantedAlert) -> str:
    usual = ("alertname", "platform", "severity", "owner", *wanted.labels)
    return ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()) if name not in usual) or "one"


def _plain(text: str) -> str:
    return text.replace("\u202f", " ")
