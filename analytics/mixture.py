"""Mixtures of normal distributions of one variable, fitted by expectation and maximisation (Dempster, Laird and Rubin, 1977).

Starts are drawn as in k-means++ (Arthur and Vassilvitskii, 2007): each centre with a chance in proportion to its squared distance from those before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
STEPS = 1_000
SETTLED = 1e-4
"""A step that raises the mean log-likelihood of a value by less is the last."""
LEAST = 10 * np.finfo(np.float64).eps
HALF_LOG_TURN = math.log(2 * math.pi) / 2


@dataclass(frozen=True, slots=True)
class Mixture:
    """Parts of a density: their weights (they add up to one), means and variances."""

    weights: Floats
    means: Floats
    variances: Floats

    def logs(self, values: Floats) -> Floats:
        """The logarithm of each part's density at each value, times its weight: a row a value."""
        apart = values[:, None] - self.means
        flat = np.log(self.weights) - np.log(self.variances) / 2 - HALF_LOG_TURN
        found: Floats = flat - apart * apart / (2 * self.variances)
        return found

    def shares(self, values: Floats) -> Floats:
        """With which probability each value belongs to each part: a row a value."""
        logs = self.logs(values)
        found: Floats = np.exp(logs - _log_of_sum(logs)[:, None])
        return found

    def bic(self, values: Floats) -> float:
        """The Bayesian information criterion (Schwarz, 1978): lower is better."""
        free = 3 * len(self.weights) - 1
        return free * math.log(len(values)) - 2 * float(_log_of_sum(self.logs(values)).sum())


def fitted(values: Floats, parts: int, rng: np.random.Generator, *, starts: int, floor: float) -> Mixture:
    """The likeliest mixture of so many parts that is found from `starts` starts. Variances are at least `floor`: a part on equal values has no bound."""
    found: list[tuple[float, Mixture]] = [_climbed(values, _begun(values, parts, rng, floor), floor) for _ in range(starts)]
    return max(found, key=lambda each: each[0])[1]


def _begun(values: Floats, parts: int, rng: np.random.Generator, floor: float) -> Mixture:
    centres = [float(rng.choice(values))]
    nearest = (values - centres[0]) ** 2
    for _ in range(1, parts):
        total = float(nearest.sum())
        centres.append(float(rng.choice(values, p=nearest / total) if total > 0 else rng.choice(values)))
        nearest = np.minimum(nearest, (values - centres[-1]) ** 2)
    which = np.abs(values[:, None] - np.array(centres)).argmin(axis=1)
    return _of((which[:, None] == np.arange(parts)).astype(np.float64), values, floor)


def _climbed(values: Floats, mixture: Mixture, floor: float) -> tuple[float, Mixture]:
    before = -math.inf
    for _ in range(STEPS):
        logs = mixture.logs(values)
        whole = _log_of_sum(logs)
        mean = float(whole.mean())
        if mean - before < SETTLED:
            return mean, mixture
        before = mean
        mixture = _of(np.exp(logs - whole[:, None]), values, floor)
    return before, mixture


def _of(shares: Floats, values: Floats, floor: float) -> Mixture:
    """The likeliest mixture when it is known how far each value belongs to each part."""
    size = shares.sum(axis=0) + LEAST
    means = values @ shares / size
    apart = values[:, None] - means
    return Mixture(size / size.sum(), means, (shares * apart * apart).sum(axis=0) / size + floor)


def _log_of_sum(logs: Floats) -> Floats:
    top = logs.max(axis=1)
    found: Floats = top + np.log(np.exp(logs - top[:, None]).sum(axis=1))
    return found
