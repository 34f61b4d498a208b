"""Small pictures (SVG) of what the simulator found, drawn without any plotting library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from pacing.simulation.study import Outlook

WIDTH: Final = 640
HEIGHT: Final = 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 40, 50
COLOURS: Final = ("#1b6ca8", "#d1495b", "#66a182", "#edae49", "#6f5e76", "#8d99ae")


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a picture: points (x, y) and, where known, the range of each y."""

    name: str
    points: tuple[tuple[float, float], ...]
    ranges: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Axes:
    """The frame of a picture.

    Attributes:
        title, x_name, y_name: what is shown.
        x_labels: text under each x position.
        y_low, y_high: bounds of the vertical scale.
        percent: whether y is written as a percentage.
    """

    title: str
    x_name: str
    y_name: str
    x_labels: tuple[tuple[float, str], ...]
    y_low: float
    y_high: float
    percent: bool = True


def draw(axes: Axes, curves: Sequence[Curve]) -> str:
    """The picture as SVG text."""
    xs = [x for x, _ in axes.x_labels]
    low, high = min(xs), max(xs)

    def at(x: float, y: float) -> tuple[float, float]:
        across = (x - low) / (high - low) if high > low else 0.5
        up = (y - axes.y_low) / (axes.y_high - axes.y_low)
        return _LEFT + across * (WIDTH - _LEFT - _RIGHT), HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-size="15">{escape(axes.title)}</text>',
    ]
    for i in range(6):
        y = axes.y_low + (axes.y_high - axes.y_low) * i / 5
        _, py = at(low, y)
        label = f"{y:.0%}" if axes.percent else f"{y:g}"
        parts.append(f'<line x1="{_LEFT}" y1="{py:.1f}" x2="{WIDTH - _RIGHT}" y2="{py:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{py + 4:.1f}" text-anchor="end">{label}</text>')
    for x, text in axes.x_labels:
        px, _ = at(x, axes.y_low)
        parts.append(f'<text x="{px:.1f}" y="{HEIGHT - _BOTTOM + 18}" text-anchor="middle">{escape(text)}</text>')
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(axes.x_name)}</text>')
    parts.append(f'<text x="{_LEFT}" y="{_TOP - 4}" fill="#555">{escape(axes.y_name)}</text>')
    for i, curve in enumerate(curves):
        colour = COLOURS[i % len(COLOURS)]
        line = " ".join(f"{px:.1f},{py:.1f}" for px, py in (at(x, y) for x, y in curve.points))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (x, _), (bottom, top) in zip(curve.points, curve.ranges, strict=False):
            (px, y1), (_, y2) = at(x, bottom), at(x, top)
            parts.append(f'<line x1="{px:.1f}" y1="{y1:.1f}" x2="{px:.1f}" y2="{y2:.1f}" stroke="{colour}"/>')
        legend = HEIGHT - _BOTTOM - 14 * (len(curves) - i)
        parts.append(
            f'<text x="{WIDTH - _RIGHT - 4}" y="{legend}" text-anchor="end" fill="{colour}">{escape(curve.name)}</text>'
        )
    return "\n".join([*parts, "</svg>\n"])


def outlook_svg(outlooks: Sequence[Outlook]) -> str:
    """A what-if study: utilisation over team size, with its intervals."""
    labels = tuple((float(i), str(outlook.agents)) for i, outlook in enumerate(outlooks))
    points = tuple((float(i), outlook.utilisation.mean) for i, outlook in enumerate(outlooks))
    ranges = tuple((outlook.utilisation.low, outlook.utilisation.high) for outlook in outlooks)
    axes = Axes("What the team could be kept busy", "agents", "talk and wrap-up, share of time", labels, 0.0, 1.0)
    return draw(axes, [Curve("expected, with 95 % interval", points, ranges)])
