"""Inline SVG of quality and drift over windows, in pixels of the view box; colours are the style's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tidegate.report.pieces import text

WIDE, HIGH = 720, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 14, 12, 24
Height = Callable[[float], int]
_MOST = 60  # points; of more the newest


@dataclass(frozen=True, kw_only=True)
class Point:
    """One window. An interval has both its ends; `status` colours the dot."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    status: str = "usual"  # usual | unusual | certain
    estimate: float | None = None


def over_windows(
    points: Sequence[Point], *, title: str, promised: float | None = None, limit: float | None = None
) -> str:
    """Values with their intervals from left to right, estimates hollow, a dashed line where one is promised.

    Args:
        limit: a second line: what is tolerated.
    """
    shown = points[-_MOST:]
    values = [v for p in shown for v in (p.value, p.low, p.high, p.estimate) if v is not None]
    if not values:
        return ""
    values += [line for line in (promised, limit) if line is not None]
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.05
    low, high = low - margin, high + margin
    step = (WIDE - _LEFT - _RIGHT) / len(shown)

    def y(value: float) -> int:
        return round(_TOP + (high - value) / (high - low) * (HIGH - _TOP - _BOTTOM))

    parts = [f'<path class=frame d="M{_LEFT} {_TOP}V{HIGH - _BOTTOM}H{WIDE - _RIGHT}"/>']
    parts += [f"<text x={_LEFT - 6} y={y(v) + 4} text-anchor=end>{v:.3g}</text>" for v in _ticks(low, high)]
    for line, kind in ((promised, "m"), (limit, "s")):
        if line is not None:
            parts.append(f'<path class={kind} d="M{_LEFT} {y(line)}H{WIDE - _RIGHT}"/>')
    course = [
        f"{round(_LEFT + (number + 0.5) * step)} {y(point.value)}"
        for number, point in enumerate(shown)
        if point.value is not None
    ]
    if len(course) > 1:
        parts.append(f'<path class=course d="M{"L".join(course)}"/>')
    for number, point in enumerate(shown):
        parts += _drawn(point, round(_LEFT + (number + 0.5) * step), y)
    parts.append(f"<text x={_LEFT} y={HIGH - 6}>{text(shown[0].label)}</text>")
    if len(shown) > 1:
        last = text(shown[-1].label)
        parts.append(f"<text x={WIDE - _RIGHT} y={HIGH - 6} text-anchor=end>{last}</text>")
    return (
        f'<div class="box t" tabindex=0 role=region aria-label="{text(title)}"><svg role=img class=t '
        f'viewBox="0 0 {WIDE} {HIGH}"><title>{text(title)}</title>{"".join(parts)}</svg></div>'
    )


def _drawn(point: Point, x: int, y: Height) -> list[str]:
    parts = []
    if point.low is not None and point.high is not None:
        parts.append(f'<path class=b d="M{x} {y(point.low)}V{y(point.high)}"/>')
    if point.estimate is not None:
        tip = f"<title>{text(point.label)}: estimated {point.estimate:.4f}</title>"
        parts.append(f"<circle class=guess cx={x} cy={y(point.estimate)} r=4>{tip}</circle>")
    if point.value is not None:
        tip = f"<title>{text(point.label)}: {point.value:.4f}</title>"
        parts.append(f"<circle class={point.status} cx={x} cy={y(point.value)} r=4>{tip}</circle>")
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """Three values to read the height by."""
    return [low + share * (high - low) for share in (0.05, 0.5, 0.95)]


def whisker(
    value: float, low: float, high: float, *, reach: tuple[float, float], promised: float | None
) -> str:
    """One interval on a line that all rows of a table share; dashed is what was promised."""
    wide, high_pixels, edge = 180, 28, 8
    first, last = reach
    span = (last - first) or 1.0

    def x(at: float) -> int:
        return round(edge + (at - first) / span * (wide - 2 * edge))

    parts = [] if promised is None else [f'<path class=m d="M{x(promised)} 0v{high_pixels}"/>']
    parts.append(f'<path class=b d="M{x(low)} 14H{x(high)}"/><circle class=now cx={x(value)} cy=14 r=4 />')
    title = f"{value:.4f} [{low:.4f}, {high:.4f}]"
    return f"<svg role=img><title>{title}</title>{''.join(parts)}</svg>"
