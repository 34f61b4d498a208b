"""The simulator's pictures: everything within the card, names beside the frame, round figures on the axes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacing.simulation.picture import (
    HEIGHT,
    WIDTH,
    Axis,
    Bar,
    Curve,
    Picture,
    Rule,
    draw,
    outlook_svg,
    round_marks,
    round_top,
)
from pacing.simulation.study import Outlook, Range

pytestmark = pytest.mark.unit

SVG = "{http://www.w3.org/2000/svg}"
PLAIN = Picture("t", Axis("x", 0.0, 8.0), Axis("y", 0.0, 0.04, percent=True))


def outlook(agents: int, mean: float, low: float, high: float) -> Outlook:
    other = Range(1.0, 1.0, 1.0)
    return Outlook(agents, Range(mean, low, high), other, None, other)


def texts(svg: str) -> dict[str, tuple[float, float]]:
    return {found.text or "": (float(found.get("x", 0)), float(found.get("y", 0))) for found in parsed(svg, "text")}


def parsed(svg: str, kind: str) -> list[ET.Element]:
    return list(ET.fromstring(svg).iter(f"{SVG}{kind}"))


def test_a_name_is_text_and_never_markup() -> None:
    svg = draw(replace(PLAIN, title="<b>&", curves=(Curve("a<b", ((0.0, 0.0), (8.0, 0.01))),)))
    assert {"<b>&", "a<b"} <= set(texts(svg))


@pytest.mark.parametrize(
    ("low", "high", "percent", "wanted"),
    [
        (0.4, 1.0, True, ["40 %", "60 %", "80 %", "100 %"]),
        (0.0, 0.04, True, ["0 %", "1 %", "2 %", "3 %", "4 %"]),
        (0.0265, 0.031, True, ["2.7 %", "2.8 %", "2.9 %", "3.0 %", "3.1 %"]),
        (0.0, 60.0, False, ["0", "20", "40", "60"]),
    ],
)
def test_an_axis_is_labelled_at_round_figures(low: float, high: float, percent: bool, wanted: list[str]) -> None:
    assert [text for _, text in round_marks(low, high, percent=percent)] == wanted


@given(st.floats(1e-6, 1e6))
def test_a_round_top_holds_the_highest_and_is_itself_labelled(highest: float) -> None:
    top = round_top(highest)
    marks = [mark for mark, _ in round_marks(0.0, top)]
    assert highest <= top * (1 + 1e-6)
    assert marks[-1] == pytest.approx(top)
    assert 2 <= len(marks) <= 6


def test_names_stand_right_of_the_frame_and_apart_in_the_order_of_their_ends() -> None:
    ends = {"high": 0.0012, "middle": 0.0011, "low": 0.001}
    curves = tuple(Curve(name, ((0.0, 0.03), (8.0, end))) for name, end in reversed(ends.items()))
    svg = draw(replace(PLAIN, curves=curves, rules=(Rule("target", 0.03),)))
    frame = max(float(line.get("x2", 0)) for line in parsed(svg, "line") if line.get("class") == "base")
    places = [texts(svg)[name] for name in ("target", *ends)]
    assert min(x for x, _ in places) > frame
    heights = [y for _, y in places]
    assert min(below - above for above, below in pairwise(heights)) >= 15
    assert heights[-1] < HEIGHT - 40


def test_a_histogram_needs_no_names_and_its_bars_stay_in_the_frame() -> None:
    days = Picture(
        "d", Axis("share", 0.0265, 0.031, percent=True), Axis("days", 0.0, 60.0),
        bars=(Bar(0.027, 0.0275, 3), Bar(0.0305, 0.031, 60)), rules=(Rule("target 3 %", 0.03, upright=True),),
    )  # fmt: skip
    svg = draw(days)
    _card, *bars = parsed(svg, "rect")
    assert max(float(bar.get("x", 0)) + float(bar.get("width", 0)) for bar in bars) < WIDTH - 30
    assert "target 3 %" in texts(svg)


def test_teams_stand_side_by_side_and_are_not_joined() -> None:
    svg = outlook_svg([outlook(1, 0.6, 0.3, 0.99), outlook(12, 0.8, 0.7, 0.9), outlook(30, 0.9, 0.89, 0.91)])
    assert not parsed(svg, "polyline")
    assert len(parsed(svg, "circle")) == 3
    assert {"1", "12", "30", "60 %", "80 %", "90 %"} <= set(texts(svg))
    _card, *ranges = parsed(svg, "rect")
    assert all(0.0 < float(found.get("y", 0)) < HEIGHT for found in ranges)


@pytest.mark.parametrize("teams", [1, 40])
def test_one_team_and_many_are_drawn_too(teams: int) -> None:
    svg = outlook_svg([outlook(10 * n, 0.5, 0.4, 0.6) for n in range(1, teams + 1)])
    assert len(parsed(svg, "circle")) == teams
    assert "10" in texts(svg)


def test_a_picture_reads_on_a_dark_page_too() -> None:
    assert "prefers-color-scheme: dark" in draw(PLAIN)
