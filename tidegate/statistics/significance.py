"""Tail probabilities and the correction for many tests, without scipy (2 s of import in a cold function).

Pure standard library. Relative error is below 1e-9 where the tests compare with scipy.

Source:
    Abramowitz and Stegun (1964) 6.5 and 26.5, with the continued fractions evaluated by Lentz's method;
    Kolmogorov's two series, as in Marsaglia, Tsang and Wang (2003).
"""

import math
from collections.abc import Sequence

_TINY = 1e-300
_PRECISION = 1e-14
_STEPS = 10_000
_SERIES_MEET = 1.0  # both of Kolmogorov's series need few terms here
_SERIES_TERMS = 20


def chi2_sf(statistic: float, degrees: float) -> float:
    """P(X > statistic) for chi-square with `degrees` > 0 degrees of freedom."""
    if statistic <= 0:
        return 1.0
    a, x = degrees / 2, statistic / 2
    scale = math.exp(-x + a * math.log(x) - math.lgamma(a))
    if x < a + 1:
        return max(0.0, 1 - scale * _gamma_series(a, x))
    return scale * _gamma_fraction(a, x)


def t_two_sided(statistic: float, degrees: float) -> float:
    """P(|T| > |statistic|) for Student's t with `degrees` > 0 degrees of freedom."""
    if math.isinf(statistic):
        return 0.0
    return _beta(degrees / 2, 0.5, degrees / (degrees + statistic * statistic))


def t_quantile(two_sided: float, degrees: float) -> float:
    """The statistic that |T| exceeds with probability `two_sided` in (0, 1)."""
    low, high = 0.0, 1.0
    while t_two_sided(high, degrees) > two_sided:
        low, high = high, 2 * high
    while high - low > _PRECISION * high:
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if t_two_sided(middle, degrees) > two_sided else (low, middle)
    return (low + high) / 2


def normal_two_sided(statistic: float) -> float:
    """P(|Z| > |statistic|) for a standard normal Z."""
    return math.erfc(abs(statistic) / math.sqrt(2))


def kolmogorov_sf(statistic: float) -> float:
    """P(K > statistic) for Kolmogorov's distribution, the limit of sqrt(n m / (n + m)) D."""
    if statistic <= 0:
        return 1.0
    terms = range(1, _SERIES_TERMS)
    if statistic < _SERIES_MEET:
        exponents = ((2 * k - 1) ** 2 * math.pi**2 / (8 * statistic**2) for k in terms)
        return 1 - math.sqrt(2 * math.pi) / statistic * sum(math.exp(-x) for x in exponents)
    return 2 * math.fsum((-1.0) ** (k - 1) * math.exp(-2 * (k * statistic) ** 2) for k in terms)


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Benjamini-Hochberg: p-values to compare with a false discovery rate, in the given order."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index], reverse=True)
    result = [1.0] * len(p_values)
    smallest = 1.0
    for position, index in enumerate(order):
        rank = len(p_values) - position
        smallest = min(smallest, p_values[index] * len(p_values) / rank)
        result[index] = smallest
    return result


def _gamma_series(a: float, x: float) -> float:
    term = total = 1 / a
    for step in range(1, _STEPS):
        term *= x / (a + step)
        total += term
        if term < total * _PRECISION:
            break
    return total


def _gamma_fraction(a: float, x: float) -> float:
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    result = d
    for step in range(1, _STEPS):
        numerator = -step * (step - a)
        b += 2
        d = 1 / _nonzero(numerator * d + b)
        c = _nonzero(b + numerator / c)
        result *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return result


def _beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1) / (a + b + 2):
        return math.exp(logarithm) * _beta_fraction(a, b, x) / a
    return 1 - math.exp(logarithm) * _beta_fraction(b, a, 1 - x) / b


def _beta_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / _nonzero(1 - (a + b) * x / (a + 1))
    result = d
    for step in range(1, _STEPS):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        for numerator in (even, odd):
            d = 1 / _nonzero(1 + numerator * d)
            c = _nonzero(1 + numerator / c)
            result *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return result


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
