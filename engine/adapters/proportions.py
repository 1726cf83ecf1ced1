"""Shares of customers, their intervals and how two of them compare, by scipy: the only module that imports it.

Every figure is a method of scipy's, none a formula of our own: the Wilson score interval of a share
(`scipy.stats.binomtest(…).proportion_ci(method="wilson")`), the ratio of two with Katz's log interval
(`scipy.stats.contingency.relative_risk`), Fisher's exact test (`scipy.stats.fisher_exact`). It is read within the functions,
since reading it takes longer than most commands.
"""

from __future__ import annotations

from math import isfinite

from engine.core.explain.results import CONFIDENCE, Comparison, Rate, judge


def rate(converted: int, customers: int) -> Rate:
    """Return the share of the customers that converted, with its interval; without customers, no share."""
    if not customers:
        return Rate(0, 0)
    from scipy.stats import binomtest

    interval = binomtest(converted, customers).proportion_ci(CONFIDENCE, method="wilson")
    return Rate(customers, converted, converted / customers, float(interval.low), float(interval.high))


def compare(one: Rate, other: Rate, *, comparisons: int = 1) -> Comparison | None:
    """Return how `one` compares with `other`, None where either has no customers.

    Parameters:
        comparisons: so many are made in the same question; the more, the more a difference has to show.
    """
    if one.rate is None or other.rate is None:
        return None
    from scipy.stats import fisher_exact
    from scipy.stats.contingency import expected_freq, relative_risk

    table = [[each.converted, each.customers - each.converted] for each in (one, other)]
    risk = relative_risk(one.converted, one.customers, other.converted, other.customers)
    interval = risk.confidence_interval(CONFIDENCE)
    whole = one.converted > 0 and other.converted > 0  # else the logarithm that the interval stands on has no value
    low, high = (_finite(interval.low), _finite(interval.high)) if whole else (None, None)
    p_value, expected = float(fisher_exact(table).pvalue), float(expected_freq(table).min())
    verdict = judge(one.rate - other.rate, (low, high), p_value, expected, comparisons)
    return Comparison(_finite(risk.relative_risk), low, high, p_value, expected, comparisons, verdict)


def _finite(value: float) -> float | None:
    return float(value) if isfinite(value) else None
