"""Kinds of users, recovered from what they use and what that costs: how many there are of each, and what one costs a month.

Nothing of a design is read here. Every user's cost is brought to a month of 30.4375 days by the days they were there, and the logarithms
of those are described by one to five normal distributions (a Gaussian mixture; the number by the Bayesian information criterion). Parts of
the mixture that no valley separates are one kind: a skewed hump is not two. Where one hump is left, there are no distinct personas.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MONTH_DAYS = Decimal("30.4375")
MOST = 5
"""The largest number of parts that is tried."""
FEWEST_USERS = 150
"""With fewer, a persona of one user in twenty would be a handful of people: their mean says little, and their share less."""
FEWEST_DAYS = 3
"""Users who were there for less are too new to be told apart."""
FEWEST_MEMBERS = 5
"""A smaller group is told as outliers."""
VALLEY = 0.5
"""Two humps are apart where the density between them falls below this part of the lower one."""
MOST_FITTED = 5_000
"""Of more users a sample is fitted; all of them are counted."""
GRID = 400


@dataclass(frozen=True, slots=True)
class UserUse:
    """What one user used in `days` days: `cost_usd` is a lower bound where some requests have no price."""

    user_id: str
    tier: str | None
    days: int
    requests: int
    tokens: int
    images: int
    characters: int
    cost_usd: Decimal
    unpriced_requests: int


@dataclass(frozen=True, slots=True)
class Persona:
    """A kind of user: `users` of them, `share` of all that were told apart, what one costs a month and uses a day.

    `usd_per_month` is all their cost over all their days. `low_usd` and `high_usd` hold nine in ten of them. `tier` is the one most of them
    are in, `tier_share` how many. `lower_bound`: some of their requests have no price.
    """

    users: int
    share: Decimal
    usd_per_month: Decimal
    low_usd: Decimal
    high_usd: Decimal
    cost_usd: Decimal
    user_days: int
    requests_per_day: float
    images_per_day: float
    characters_per_day: float
    tokens_per_day: float
    tier: str | None
    tier_share: Decimal
    lower_bound: bool


@dataclass(frozen=True, slots=True)
class Personas:
    """The kinds found, cheapest first, or why there are none. `left_out` says who was not told apart, and how many: too new, without use, free of cost,
    outliers. `users` are all that were seen."""

    found: tuple[Persona, ...]
    reason: str
    users: int
    left_out: Mapping[str, int]
    members: Mapping[str, int]


def personas(users: Sequence[UserUse], seed: int) -> Personas:
    """The kinds of users there are among `users`. The same users in any order and the same seed give the same answer."""
    ordered = sorted(users, key=lambda user: user.user_id)
    new = [user for user in ordered if user.days < FEWEST_DAYS]
    there = [user for user in ordered if user.days >= FEWEST_DAYS]
    idle = [user for user in there if user.requests == 0]
    free = [user for user in there if user.requests and user.cost_usd <= 0]
    paid = [user for user in there if user.requests and user.cost_usd > 0]
    left_out = {"too new": len(new), "without use": len(idle), "without cost": len(free)}

    def none(reason: str) -> Personas:
        return Personas((), reason, len(ordered), left_out, {})

    if not paid:
        return none(
            "no user's cost is known: without prices, or with free models alone, users cannot be told apart by what they cost"
        )
    if len(paid) < FEWEST_USERS:
        return none(
            f"{len(paid)} users with {FEWEST_DAYS} days of use or more are too few to tell kinds of users apart: {FEWEST_USERS} are needed"
        )
    place = kinds(np.array([math.log(float(a_month(user))) for user in paid]), seed)
    groups = [[user for user, kind in zip(paid, place, strict=True) if kind == number] for number in range(int(place.max()) + 1)]
    groups = sorted((group for group in groups if group), key=lambda group: _mean(group))
    outliers = [user for group in groups if len(group) < FEWEST_MEMBERS for user in group]
    groups = [group for group in groups if len(group) >= FEWEST_MEMBERS]
    left_out["outliers"] = len(outliers)
    if len(groups) < 2:
        return none("no distinct personas: what users cost a month forms a single group without gaps")
    told = sum(len(group) for group in groups)
    members = {user.user_id: number for number, group in enumerate(groups) for user in group}
    return Personas(tuple(_persona(group, told) for group in groups), "", len(ordered), left_out, members)


def a_month(user: UserUse) -> Decimal:
    """What a user costs in 30.4375 days, by the days they were there."""
    return user.cost_usd / user.days * MONTH_DAYS


def kinds(values: Floats, seed: int) -> npt.NDArray[np.int64]:
    """Which hump each value lies in, from 0 at the lowest."""
    # What users cost in whole days seldom changes, and is asked for by every screen that shows it.
    return _kinds(values.tobytes(), seed).copy()


@lru_cache(maxsize=32)
def _kinds(packed: bytes, seed: int) -> npt.NDArray[np.int64]:
    from sklearn.mixture import GaussianMixture  # slow to import: a server must not wait for it

    rng = np.random.default_rng(seed)
    # Amounts that are one price, a millionth apart by rounding, are one amount.
    values: Floats = np.frombuffer(packed, dtype=np.float64).round(6).astype(np.float64)
    fitted = values if len(values) <= MOST_FITTED else rng.choice(values, MOST_FITTED, replace=False)
    column = fitted.reshape(-1, 1)
    # A floor under the width: users who all cost the same are a spike, whose likelihood has no bound.
    floor = max(1e-6, 1e-4 * float(fitted.var()))
    mixtures = [
        GaussianMixture(parts, n_init=6, max_iter=1000, init_params="k-means++", random_state=seed, reg_covar=floor).fit(column)
        for parts in range(1, 1 + min(MOST, len(np.unique(fitted))))
    ]
    best = min(mixtures, key=lambda mixture: float(mixture.bic(column)))
    hump = humps(best.weights_, best.means_[:, 0], np.sqrt(best.covariances_[:, 0, 0]))
    belongs = best.predict_proba(values.reshape(-1, 1))
    together = np.stack([belongs[:, hump == number].sum(axis=1) for number in range(int(hump.max()) + 1)], axis=1)
    found: npt.NDArray[np.int64] = together.argmax(axis=1)
    return found


def humps(weights: Floats, means: Floats, widths: Floats) -> npt.NDArray[np.int64]:
    """Which hump of the mixture's density each of its parts belongs to, from 0 at the lowest: parts without a valley between them share one."""
    order = np.argsort(means)
    hump = np.zeros(len(means), dtype=np.int64)
    peak = density(means[order[:1]], weights, means, widths)[0]
    number = 0
    for before, here in pairwise(order):
        between = density(np.linspace(means[before], means[here], GRID), weights, means, widths)
        top = float(between[-1])
        if float(between.min()) < VALLEY * min(peak, top):
            number, peak = number + 1, top
        else:
            peak = max(peak, top)
        hump[here] = number
    return hump


def density(at: Floats, weights: Floats, means: Floats, widths: Floats) -> Floats:
    """The density of a mixture of normal distributions."""
    apart = (at[:, None] - means) / widths
    found: Floats = (weights * np.exp(-apart * apart / 2) / (widths * math.sqrt(2 * math.pi))).sum(axis=1)
    return found


def _mean(group: Sequence[UserUse]) -> Decimal:
    return sum((user.cost_usd for user in group), Decimal(0)) / sum(user.days for user in group) * MONTH_DAYS


def _persona(group: Sequence[UserUse], told: int) -> Persona:
    days = sum(user.days for user in group)
    each = sorted(a_month(user) for user in group)
    tiers = Counter(user.tier for user in group if user.tier)
    tier, most = tiers.most_common(1)[0] if tiers else (None, 0)
    return Persona(
        users=len(group),
        share=Decimal(len(group)) / told,
        usd_per_month=_mean(group),
        low_usd=each[len(each) // 20],
        high_usd=each[-1 - len(each) // 20],
        cost_usd=sum((user.cost_usd for user in group), Decimal(0)),
        user_days=days,
        requests_per_day=sum(user.requests for user in group) / days,
        images_per_day=sum(user.images for user in group) / days,
        characters_per_day=sum(user.characters for user in group) / days,
        tokens_per_day=sum(user.tokens for user in group) / days,
        tier=tier,
        tier_share=Decimal(most) / len(group),
        lower_bound=any(user.unpriced_requests for user in group),
    )


def uses(rows: Sequence[Mapping[str, Any]]) -> list[UserUse]:
    """Users from rows of the query `economics_users`."""
    names = ("user_id", "tier", "days", "requests", "tokens", "images", "characters", "cost_usd", "unpriced_requests")
    return [UserUse(**{name: row[name] for name in names}) for row in rows]
