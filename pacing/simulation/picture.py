"""Small pictures (SVG) of what the simulator found, drawn without any plotting library.

A picture is a card of its own ground, so it reads on a light page and on a dark one; its colours follow the reader's
scheme. Curves are named where they end, beside the frame and never on top of each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import Final

from pacing.simulation.study import Outlook

WIDTH: Final = 720
HEIGHT: Final = 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 68, 36, 82, 60
_LETTER: Final = 7.2
"""Width of a letter of the labels, taken wide: no font is at hand to measure."""
_LINE: Final = 15
_NAME: Final = 22
"""Letters in a line of a curve's name."""
_STYLE: Final = """
svg { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 12px }
.card { fill: #ffffff; stroke: #d5dbe1 } .title { font-size: 16px; font-weight: 600 }
.ink { fill: #1f2328 } .soft { fill: #57606a } .grid { stroke: #e6eaee } .base { stroke: #8c959f }
.rule { stroke: #57606a; stroke-dasharray: 5 4; stroke-width: 1.5 } .lead { stroke-width: 1; opacity: 0.5 }
.range { opacity: 0.35 } .figure { font-weight: 600; paint-order: stroke; stroke: #ffffff; stroke-width: 4 }
.curve { fill: none; stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round }
.c0 { stroke: #1b6ca8 } .f0 { fill: #1b6ca8 } .c1 { stroke: #c2410c } .f1 { fill: #c2410c }
.c2 { stroke: #2e7d4f } .f2 { fill: #2e7d4f } .c3 { stroke: #7a4fa3 } .f3 { fill: #7a4fa3 }
@media (prefers-color-scheme: dark) {
.card { fill: #0f141a; stroke: #30363d } .figure { stroke: #0f141a } .ink { fill: #e6edf3 } .soft { fill: #9aa4af }
.grid { stroke: #262c34 } .base { stroke: #6e7781 } .rule { stroke: #9aa4af }
.c0 { stroke: #64b0f2 } .f0 { fill: #64b0f2 } .c1 { stroke: #ff9d5c } .f1 { fill: #ff9d5c }
.c2 { stroke: #63c58a } .f2 { fill: #63c58a } .c3 { stroke: #c6a0ee } .f3 { fill: #c6a0ee }
}
"""
_COLOURS: Final = 4


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of a picture.

    Attributes:
        name: what it measures, with its unit.
        low, high: its bounds.
        percent: whether its figures are shares, written in percent.
        marks: where it is labelled and how; without any, at round figures.
    """

    name: str
    low: float
    high: float
    percent: bool = False
    marks: tuple[tuple[float, str], ...] = ()

    def labels(self) -> tuple[tuple[float, str], ...]:
        """Where the axis is labelled, and the text."""
        return self.marks or round_marks(self.low, self.high, percent=self.percent)


@dataclass(frozen=True, slots=True)
class Curve:
    """Points (x, y) joined by a line; `dots` shows each of them where only they were measured."""

    name: str
    points: tuple[tuple[float, float], ...]
    dots: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """One point with the range it may lie in, and its figure as text."""

    x: float
    y: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A share of a histogram: between x `low` and `high`, so tall."""

    low: float
    high: float
    height: float


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line that other things are held against: upright at an x, else level at a y."""

    name: str
    at: float
    upright: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn: within `x` and `y`, which hold all of it."""

    title: str
    x: Axis
    y: Axis
    curves: tuple[Curve, ...] = ()
    estimates: tuple[Estimate, ...] = ()
    bars: tuple[Bar, ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class _Label:
    """A name beside the frame: the lines it takes, where its curve ends and how it is coloured."""

    lines: tuple[str, ...]
    x: float
    y: float
    colour: str


def step_of(low: float, high: float, about: int = 5) -> float:
    """The round step (1, 2 or 5 times a power of ten) that divides a range into at most `about` parts."""
    least = (high - low) / about
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def round_top(highest: float, about: int = 5) -> float:
    """The lowest round figure that holds everything from nothing to `highest`."""
    step = step_of(0.0, highest or 1.0, about)
    return step * math.ceil((highest or 1.0) / step - 1e-9)


def round_marks(low: float, high: float, *, percent: bool = False) -> tuple[tuple[float, str], ...]:
    """The round figures of a range and how they are written, all with the decimals that their step needs."""
    step = step_of(low, high)
    times, unit = (100.0, " %") if percent else (1.0, "")
    decimals = max(0, -math.floor(math.log10(step * times) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple((i * step, f"{i * step * times:.{decimals}f}{unit}") for i in range(first, last + 1))


class _Frame:
    """Turns figures into places on the card."""

    def __init__(self, picture: Picture) -> None:
        self.x, self.y = picture.x, picture.y
        level = (rule.name for rule in picture.rules if not rule.upright)
        names = [line for name in (*(c.name for c in picture.curves), *level) for line in wrap(name, _NAME)]
        beside = 14 + _LETTER * max(map(len, names)) if names else 0.0
        self.left, self.right = float(_LEFT), WIDTH - max(_RIGHT, beside + 18)
        self.top, self.bottom = float(_TOP), float(HEIGHT - _BOTTOM)

    def across(self, x: float) -> float:
        return self.left + (x - self.x.low) / (self.x.high - self.x.low) * (self.right - self.left)

    def up(self, y: float) -> float:
        return self.bottom - (y - self.y.low) / (self.y.high - self.y.low) * (self.bottom - self.top)


def draw(picture: Picture) -> str:
    """The picture as SVG text."""
    frame = _Frame(picture)
    title = escape(picture.title)
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{title}</title>',
        f"<style>{_STYLE}</style>",
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="8"/>',
        f'<text class="title ink" x="20" y="32">{title}</text>',
        f'<text class="soft" x="20" y="53">{escape(picture.y.name)}</text>',
        *_axes(frame),
        *(_bar(frame, bar) for bar in picture.bars),
        *(part for estimate in picture.estimates for part in _estimate(frame, estimate)),
        *(_rule(frame, rule) for rule in picture.rules),
        *(part for i, curve in enumerate(picture.curves) for part in _curve(frame, curve, i % _COLOURS)),
        *_names(frame, picture),
    ]
    return "\n".join([*parts, "</svg>\n"])


def _axes(frame: _Frame) -> list[str]:
    parts = []
    for y, text in frame.y.labels():
        kind, py = "base" if y == frame.y.low else "grid", frame.up(y)
        parts.append(_line(kind, frame.left, py, frame.right, py))
        parts.append(_text("soft", frame.left - 10, py + 4, text, "end"))
    for x, text in frame.x.labels():
        px = frame.across(x)
        parts.append(_line("base", px, frame.bottom, px, frame.bottom + 5))
        parts.append(_text("soft", px, frame.bottom + 20, text, "middle"))
    parts.append(_text("soft", (frame.left + frame.right) / 2, HEIGHT - 16, frame.x.name, "middle"))
    return parts


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(kind: str, x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _bar(frame: _Frame, bar: Bar) -> str:
    left, right, top = frame.across(bar.low) + 1, frame.across(bar.high) - 1, frame.up(bar.height)
    size = f'width="{right - left:.1f}" height="{frame.bottom - top:.1f}"'
    return f'<rect class="f0" x="{left:.1f}" y="{top:.1f}" {size}/>'


def _estimate(frame: _Frame, estimate: Estimate) -> list[str]:
    px, py = frame.across(estimate.x), frame.up(estimate.y)
    low, high = frame.up(estimate.low), frame.up(estimate.high)
    size = f'width="10" height="{low - high:.1f}" rx="3"'
    return [
        f'<rect class="f0 range" x="{px - 5:.1f}" y="{high:.1f}" {size}/>',
        f'<circle class="f0" cx="{px:.1f}" cy="{py:.1f}" r="4.5"/>',
        *([_text("ink figure", px + 12, py + 4, estimate.text)] if estimate.text else []),
    ]


def _rule(frame: _Frame, rule: Rule) -> str:
    if rule.upright:
        px = frame.across(rule.at)
        return _line("rule", px, frame.top - 6, px, frame.bottom) + _text(
            "soft", px, frame.top - 12, rule.name, "middle"
        )
    return _line("rule", frame.left, frame.up(rule.at), frame.right, frame.up(rule.at))


def _curve(frame: _Frame, curve: Curve, colour: int) -> list[str]:
    places = [(frame.across(x), frame.up(y)) for x, y in curve.points]
    line = " ".join(f"{px:.1f},{py:.1f}" for px, py in places)
    dots = [f'<circle class="f{colour}" cx="{px:.1f}" cy="{py:.1f}" r="4"/>' for px, py in places] if curve.dots else []
    return [f'<polyline class="curve c{colour}" points="{line}"/>', *dots]


def _names(frame: _Frame, picture: Picture) -> list[str]:
    """Every curve's name at the height where it ends, moved apart where they would meet; a thin line leads to it."""
    ends = [(c.name, *c.points[-1], str(i % _COLOURS)) for i, c in enumerate(picture.curves)]
    ends += [(rule.name, frame.x.high, rule.at, "") for rule in picture.rules if not rule.upright]
    labels = [_Label(tuple(wrap(name, _NAME)), frame.across(x), frame.up(y), colour) for name, x, y, colour in ends]
    labels.sort(key=lambda label: label.y)
    parts = []
    for label, top in zip(labels, _apart(labels, frame.bottom + _LINE / 2), strict=True):
        kind = f"f{label.colour}" if label.colour else "soft"
        middle = top + _LINE * len(label.lines) / 2
        if label.colour:
            parts.append(_line(f"lead c{label.colour}", label.x + 3, label.y, frame.right + 12, middle))
        parts += [_text(kind, frame.right + 16, top + _LINE * (i + 0.78), line) for i, line in enumerate(label.lines)]
    return parts


def _apart(labels: Sequence[_Label], lowest: float) -> list[float]:
    """Upper edges of labels sorted by height: pushed down past the one above, then back up from the lowest edge."""
    gap = 3.0
    tops: list[float] = []
    for label in labels:
        wanted = label.y - _LINE * len(label.lines) / 2
        free = tops[-1] + _LINE * len(labels[len(tops) - 1].lines) + gap if tops else wanted
        tops.append(max(wanted, free))
    below = lowest
    for i in reversed(range(len(tops))):
        tops[i] = min(tops[i], below - _LINE * len(labels[i].lines))
        below = tops[i] - gap
    return tops


_ROOMY: Final = 10
"""So many teams have room for their figures."""
_MARKS: Final = 16
"""So many have room for their sizes; of more, every second or third is written."""


def outlook_svg(outlooks: Sequence[Outlook]) -> str:
    """A what-if study: how busy each team is kept, with the range of its mean; teams stand side by side, not joined."""
    n = len(outlooks)
    estimates = tuple(
        Estimate(float(i), busy.mean, busy.low, busy.high, f"{100 * busy.mean:.0f} %" if n <= _ROOMY else "")
        for i, busy in enumerate(outlook.utilisation for outlook in outlooks)
    )
    marks = tuple((float(i), str(outlooks[i].agents)) for i in range(0, n, math.ceil(n / _MARKS)))
    return draw(
        Picture(
            "How busy each team could be kept",
            Axis("agents in the team", -0.5, n - 0.5, marks=marks),
            Axis("talk and wrap-up, share of signed-in time; bars: 95 % confidence", 0.0, 1.0, percent=True),
            estimates=estimates,
        )
    )
