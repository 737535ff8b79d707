"""Inline SVG of an evaluation's page: whiskers, reliability, histograms and bars. Coordinates are pixels.

Colours are the page's style's, so that a chart is right in light, dark and print.
"""

from collections.abc import Sequence

import numpy as np

from tidegate.evaluation.reliability import Bin
from tidegate.evaluation.resampling import Floats, Interval
from tidegate.report.pieces import text

WIDE, HIGH = 180, 28
SQUARE = 240
_EDGE = 12  # around what is drawn
_BARS = 24


def span(values: Sequence[float]) -> tuple[float, float]:
    """From the least to the greatest number, 0 among them, never empty."""
    there = [value for value in values if np.isfinite(value)]
    low, high = min([0.0, *there]), max([0.0, *there])
    return (low, high) if high > low else (low - 1, low + 1)


def whisker(interval: Interval, reach: tuple[float, float]) -> str:
    """An interval as a line with its point, and a dashed line at 0."""
    low, high = reach

    def x(value: float) -> int:
        return round(_EDGE + (value - low) / (high - low) * (WIDE - 2 * _EDGE))

    parts = [f'<path class=m d="M{x(0)} 0v{HIGH}"/>']
    if np.isfinite(interval.low) and np.isfinite(interval.high):
        parts.append(f'<path class=b d="M{x(interval.low)} 14H{x(interval.high)}"/>')
    if np.isfinite(interval.value):
        kind = "usual" if interval.low > 0 else "certain" if interval.high < 0 else "unusual"
        parts.append(f"<circle class={kind} cx={x(interval.value)} cy=14 r=4 />")
    return f"<svg role=img><title>{text(f'{interval.value:+.4f}')}</title>{''.join(parts)}</svg>"


def bar(value: float, largest: float) -> str:
    """A share of the largest as a bar; nothing for what is not above 0."""
    wide = max(0, round(value / largest * WIDE)) if largest > 0 else 0
    drawn = f'<path d="M0 8h{wide}v12h-{wide}z"/>' if wide else ""
    return f"<svg role=img><title>{value:.4f}</title>{drawn}</svg>"


def reliability(bins: Sequence[Bin], champion: Sequence[Bin]) -> str:
    """What came against what was told, both from 0 to 1; on the dashed line they are equal."""

    def points(table: Sequence[Bin]) -> list[tuple[int, int]]:
        side = SQUARE - 2 * _EDGE
        return [
            (round(_EDGE + each.predicted * side), round(SQUARE - _EDGE - each.observed * side))
            for each in table
        ]

    far = SQUARE - _EDGE
    parts = [
        f'<path class=frame d="M{_EDGE} {_EDGE}V{far}H{far}"/>',
        f'<path class=m d="M{_EDGE} {far}L{far} {_EDGE}"/>',
    ]
    if champion:
        parts.append(f'<path class=old d="M{"L".join(f"{x} {y}" for x, y in points(champion))}"/>')
    mine = points(bins)
    parts.append(f'<path class=b d="M{"L".join(f"{x} {y}" for x, y in mine)}"/>')
    parts += [f"<circle class=now cx={x} cy={y} r=3 />" for x, y in mine]
    title = "Share that came true against the probability told, in bins of equal numbers of rows"
    return (
        f'<svg role=img class=q viewBox="0 0 {SQUARE} {SQUARE}"><title>{title}</title>{"".join(parts)}</svg>'
    )


def histogram(values: Floats, reach: tuple[float, float], title: str) -> str:
    """How many rows have which value, as bars of equal ranges."""
    counts = np.histogram(values, bins=_BARS, range=reach)[0]
    step, highest = WIDE // _BARS, max(int(counts.max()), 1)
    heights = [0 if not count else max(1, round(count / highest * (HIGH - 2))) for count in counts.tolist()]
    bars = "".join(
        f"M{at * step} {HIGH}v-{height}h{step - 1}v{height}" for at, height in enumerate(heights) if height
    )
    return f'<svg role=img><title>{text(title)}</title><path d="{bars}"/></svg>'


def curve(points: Sequence[tuple[float, float]], at: float) -> str:
    """Cost over thresholds from 0 to 1, and a dashed line at the chosen one."""
    low, high = span([cost for _, cost in points])
    side = SQUARE - 2 * _EDGE

    def place(threshold: float, cost: float) -> str:
        y = SQUARE - _EDGE - (cost - low) / (high - low) * side
        return f"{round(_EDGE + threshold * side)} {round(y)}"

    line = "L".join(place(*point) for point in points)
    chosen = round(_EDGE + min(at, 1.0) * side)
    far = SQUARE - _EDGE
    return (
        f'<svg role=img class=q viewBox="0 0 {SQUARE} {SQUARE}">'
        "<title>Cost a decision over thresholds</title>"
        f'<path class=frame d="M{_EDGE} {_EDGE}V{far}H{far}"/><path class=m d="M{chosen} {_EDGE}V{far}"/>'
        f'<path class=b d="M{line}"/></svg>'
    )
