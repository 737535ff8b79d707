"""Inline SVG of a rollout's page: evidence, bounds and shares over time. Coordinates are pixels of the view.

Colours are the page's style's, so that a chart is right in light, dark and print.
"""

import math
from collections.abc import Iterable, Sequence

from tidegate.report.pieces import text

WIDE, SMALL = 180, 36  # of a small chart, as in page.css
BROAD, HIGH = 480, 140  # the view of a broad one; it is shown as wide as the page allows
LEFT, EDGE = 52, 10  # room for the scale's words, and around what is drawn
_NO_EVIDENCE = -1.0  # the lowest power of ten shown: less evidence than none is of no interest

Point = tuple[float, float]


def evidence(values: Sequence[float], limit: float) -> str:
    """E-values of one kind, look by look, on a scale of powers of ten; the limit is dashed."""
    top = max(math.log10(limit), 0.5) * 1.15

    def y(value: float) -> int:
        power = min(max(math.log10(max(value, 1e-9)), _NO_EVIDENCE), top)
        return round(SMALL - 4 - (power - _NO_EVIDENCE) / (top - _NO_EVIDENCE) * (SMALL - 8))

    step = (WIDE - 12) / max(len(values) - 1, 1)
    points = _thinned([(4 + at * step, y(value)) for at, value in enumerate(values)])
    kind = "certain" if values[-1] >= limit else "unusual" if values[-1] >= math.sqrt(limit) else "usual"
    line = f'<path class=b d="{_line(points)}"/>' if len(points) > 1 else ""
    x, last = points[-1]
    title = f"Evidence {values[-1]:.3g} after {len(values)} looks, the limit is {limit:.3g}"
    return (
        f"<svg role=img class=k><title>{text(title)}</title>"
        f'<path class=m d="M0 {y(limit)}h{WIDE}"/>{line}'
        f"<circle class={kind} cx={round(x)} cy={last} r=3.5 /></svg>"
    )


def bounds(found: Sequence[tuple[float, float, float]], margin: float) -> str:
    """Where the difference of losses lies over time as a band, 0 and the margin dashed.

    Args:
        found: (share of the time in [0, 1], lower bound, upper bound), at least one, in order.
    """
    # the first bounds are wide beyond measure; those of the last half give the scale
    scale = [value for _, low, high in found[len(found) // 2 :] for value in (low, high)]
    low, high = min(*scale, 0.0, margin), max(*scale, 0.0, margin)
    room = (high - low or 1.0) * 0.1
    low, high = low - room, high + room

    def y(value: float) -> int:
        return round(HIGH - EDGE - (min(max(value, low), high) - low) / (high - low) * (HIGH - 2 * EDGE))

    upper = _thinned([(_x(at), y(each)) for at, _, each in found])
    lower = _thinned([(_x(at), y(each)) for at, each, _ in found])
    if len(upper) == 1:  # a single look is a stroke
        upper, lower = (
            [(side[0][0] - 3, side[0][1]), (side[0][0] + 3, side[0][1])] for side in (upper, lower)
        )
    band = f'<path class=r d="{_line([*upper, *reversed(lower)])}z"/>'
    edges = f'<path class=b d="{_line(upper)}"/><path class=b d="{_line(lower)}"/>'
    marks = _level(y(0.0), "0") + _level(y(margin), f"{margin:+.3g}", kind="s")
    title = (
        f"The candidate's loss minus the champion's, at the end {found[-1][1]:+.4g} to {found[-1][2]:+.4g}"
    )
    return _broad(title, band + edges + marks)


def shares(steps: Sequence[Point], looks: Iterable[tuple[float, float, str]], end: float) -> str:
    """The candidate's share of the traffic over time as stairs, each look at it as a dot.

    Args:
        steps: (share of the time, share of the traffic) at which each step began.
        looks: (share of the time, share of the traffic, class of the dot).
        end: share of the time at which it lost its traffic; 1 when it did not.
    """

    def y(share: float) -> int:
        return round(HIGH - EDGE - share * (HIGH - 2 * EDGE))

    path = [f"M{LEFT} {y(0)}", *(f"H{_x(at)}V{y(share)}" for at, share in steps)]
    path += [f"H{_x(end)}", *([f"V{y(0)}H{_x(1)}"] if end < 1 else [])]
    dots: dict[tuple[int, str], str] = {
        (_x(at), kind): f"<circle class={kind} cx={_x(at)} cy={y(share)} r=4 />" for at, share, kind in looks
    }
    marks = "".join(_level(y(share), f"{share:.0%}") for share in (0.0, 0.5, 1.0))
    drawn = f'{marks}<path class=b d="{"".join(path)}"/>{"".join(dots.values())}'
    return _broad("The candidate's share of the traffic over time", drawn)


def _x(at: float) -> int:
    return round(LEFT + min(max(at, 0.0), 1.0) * (BROAD - LEFT - EDGE))


def _level(y: int, word: str, *, kind: str = "m") -> str:
    return (
        f'<path class={kind} d="M{LEFT} {y}H{BROAD - EDGE}"/>'
        f"<text x={LEFT - 6} y={y + 4} text-anchor=end>{text(word)}</text>"
    )


def _broad(title: str, drawn: str) -> str:
    return f'<svg role=img class=w viewBox="0 0 {BROAD} {HIGH}"><title>{text(title)}</title>{drawn}</svg>'


def _line(points: Sequence[tuple[float, int]]) -> str:
    return "M" + "L".join(f"{round(x)} {y}" for x, y in points)


def _thinned(points: Sequence[tuple[float, int]]) -> list[tuple[float, int]]:
    """The last of each column of pixels: a week of looks is a line, not a megabyte."""
    return list({round(x): (x, y) for x, y in points}.values())
