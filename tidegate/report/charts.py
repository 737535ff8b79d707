"""Small inline SVG: two histograms over each other, and a figure over time. Coordinates are whole pixels.

No size and no colour is set here: the page's style gives both, so that a chart costs few bytes and is right
in light, dark and print.
"""

from collections.abc import Sequence
from itertools import pairwise

from tidegate.report.data import Histogram, Track
from tidegate.report.pieces import text

HEIGHT = 28
_FULL = 26  # pixels of the highest bar
_GAP = 2  # between bars of values
SPARK_HEIGHT = 36
_SPARK_MARGIN = 4


def histogram(chart: Histogram, width: int) -> str:
    """The baseline filled, this drop as a line (or bars beside them when the values stand apart)."""
    bins = max(len(chart.baseline), len(chart.current), 1)
    step = max(width // bins, 3)
    highest = max((*chart.baseline, *chart.current), default=0) or 1
    baseline, current = (
        [0 if not share else max(1, round(share / highest * _FULL)) for share in series]
        for series in (chart.baseline, chart.current)
    )
    if chart.apart:
        step = min(step, 24)
        filled, drawn = (
            _bars(baseline, step - _GAP, step, 0),
            _bars(current, (step - _GAP) // 2, step, (step - _GAP) // 4),
        )
    else:
        filled, drawn = _outline(baseline, step), _line(current, step)
    paths = (f'<path d="{filled}"/>' if filled else "") + (f'<path class=b d="{drawn}"/>' if drawn else "")
    return f"<svg role=img{' class=v' if chart.apart else ''}><title>{text(chart.title)}</title>{paths}</svg>"


def sparkline(track: Track, width: int) -> str:
    """Earlier drops as a line within the band that was usual, this one as a dot."""
    shown = [value for value in (*track.past, track.value, track.low, track.high) if value is not None]
    low, high = min(shown), max(shown)
    span = (high - low) or 1

    def y(value: float) -> int:
        return round(SPARK_HEIGHT - _SPARK_MARGIN - (value - low) / span * (SPARK_HEIGHT - 2 * _SPARK_MARGIN))

    step = (width - 12) / max(len(track.past), 1)
    xs = [round(4 + index * step) for index in range(len(track.past) + 1)]
    parts = []
    if track.low is not None and track.high is not None:
        top = y(track.high)
        parts.append(f'<path class=r d="M0 {top}h{width}V{max(y(track.low), top + 1)}H0z"/>')
    if track.middle is not None:
        parts.append(f'<path class=m d="M0 {y(track.middle)}h{width}"/>')
    if track.shift is not None:
        parts.append(f'<path class=s d="M{xs[track.shift]} 0v{SPARK_HEIGHT}"/>')
    line = "L".join(f"{x} {y(value)}" for x, value in zip(xs, track.past, strict=False))
    if line:
        parts.append(f'<path class=b d="M{line}"/>')
    parts.append(f"<circle class={track.status} cx={xs[-1]} cy={y(track.value)} r=3.5 />")
    title = (
        f"{track.figure}: last {len(track.past)} accepted drops, this one {track.now}, usually {track.usual}"
    )
    return f"<svg role=img class=k><title>{text(title)}</title>{''.join(parts)}</svg>"


def _outline(heights: Sequence[int], step: int) -> str:
    """Steps from the left to the right; runs of one height are one stroke."""
    if not heights:
        return ""
    path, level, run = [f"M0 {HEIGHT}"], 0, 0
    for height in (*heights, 0):
        if height != level:
            path.append(f"h{run}v{level - height}" if run else f"v{level - height}")
            level, run = height, 0
        run += step
    return "".join(path)


def _line(heights: Sequence[int], step: int) -> str:
    """From the middle of each bin's top to the next; a minus sign parts two numbers by itself."""
    if not heights:
        return ""
    moves = (f"{step}{low - high if high > low else f' {low - high}'}" for low, high in pairwise(heights))
    return f"M{step // 2} {HEIGHT - heights[0]}l{' '.join(moves)}"


def _bars(heights: Sequence[int], wide: int, step: int, first: int) -> str:
    """A bar for each value; the pen moves on from the foot of the last one."""
    path, gap = [], first
    for height in heights:
        if height:
            path.append(f"m{gap} 0v-{height}h{wide}v{height}")
            gap = step - wide
        else:
            gap += step
    return f"M0 {HEIGHT}{''.join(path)}" if path else ""
