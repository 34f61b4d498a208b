"""Bounds on shares: how far a counted rate may lie from the true one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` of the ordered values lie; 0 without any."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def at_least(k: int, n: int, p: float) -> float:
    """P(X >= k) for X binomial(n, p), by summing the shorter tail."""
    if k <= 0:
        return 1.0
    if p <= 0.0:
        return 0.0
    if p >= 1.0:
        return 1.0
    log_p, log_q = math.log(p), math.log1p(-p)

    def term(i: int) -> float:
        choose = math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1)
        return math.exp(choose + i * log_p + (n - i) * log_q)

    if k > n * p:
        return min(1.0, _sum_while(term, range(k, n + 1)))
    return max(0.0, 1.0 - _sum_while(term, range(k - 1, -1, -1)))


def _sum_while(term: Callable[[int], float], indices: range) -> float:
    """Sum terms that shrink away from the mode, until they no longer matter."""
    total = 0.0
    for i in indices:
        value = term(i)
        total += value
        if value < 1e-17:
            break
    return total


def lower_bound(k: int, n: int, confidence: float = 0.99) -> float:
    """One-sided lower bound of a share of which k in n were seen (Clopper and Pearson)."""
    if k <= 0 or n <= 0:
        return 0.0
    return _solve(lambda p: at_least(k, n, p) - (1.0 - confidence))


def upper_bound(k: int, n: int, confidence: float = 0.99) -> float:
    """One-sided upper bound of a share of which k in n were seen (Clopper and Pearson)."""
    if n <= 0 or k >= n:
        return 1.0
    return _solve(lambda p: at_least(k + 1, n, p) - confidence)


def binomial_interval(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided interval for a share of which k in n were seen."""
    one_sided = 0.5 + confidence / 2
    return lower_bound(k, n, one_sided), upper_bound(k, n, one_sided)


def _solve(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if rising(middle) < 0.0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
