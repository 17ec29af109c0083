"""How far the share of bad events may be from the truth, when few events were seen."""

from __future__ import annotations

import math
from functools import lru_cache

Z = 1.959963984540054
"""The 97.5th percentile of the normal distribution."""
MANY = 1000
STEPS = 60


@lru_cache(maxsize=4096)
def interval(bad: float, total: float) -> tuple[float, float]:
    """The two-sided 95 % interval of the share `bad / total`: Clopper-Pearson's, exact, whose ends are quantiles of beta distributions; Wilson's
    score interval where more than a thousand were bad and as many good, and the two agree to four digits. (0, 1) without events."""
    if total <= 0:
        return 0.0, 1.0
    if bad > MANY and total - bad > MANY:
        return _wilson(bad / total, total)
    low = 0.0 if bad <= 0 else _quantile(0.025, bad, total - bad + 1)
    high = 1.0 if bad >= total else _quantile(0.975, bad + 1, total - bad)
    return low, high


def _wilson(share: float, total: float) -> tuple[float, float]:
    middle = (share + Z * Z / (2 * total)) / (1 + Z * Z / total)
    half = Z / (1 + Z * Z / total) * math.sqrt(share * (1 - share) / total + Z * Z / (4 * total * total))
    return max(0.0, middle - half), min(1.0, middle + half)


def _quantile(p: float, a: float, b: float) -> float:
    """Where the beta distribution's integral reaches p, by bisection on the logarithm of the odds."""
    low, high = -60.0, 60.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        if _beta(1 / (1 + math.exp(-middle)), a, b) < p:
            low = middle
        else:
            high = middle
    return 1 / (1 + math.exp(-(low + high) / 2))


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction (Lentz's method; DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x > (a + 1) / (a + b + 2):
        return 1 - front * _fraction(1 - x, b, a) / b
    return front * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    found = d
    for m in range(1, 100_000):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + term * d
            d = 1 / (d if abs(d) > tiny else tiny)
            c = 1 + term / c
            c = c if abs(c) > tiny else tiny
            found *= c * d
        if abs(c * d - 1) < 1e-12:
            break
    return found
