"""The funnel on the terminal: it adds up, or says by how much it does not."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from accounts.entries import EntryState
from accounts.funnel import Funnel, FunnelRow
from accounts.model import CampaignStatus
from reports.funnel import render

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 3, 15, tzinfo=UTC)
ROWS = (
    FunnelRow(EntryState.READY, None, 20),
    FunnelRow(EntryState.WAITING, "no_answer", 300, NOW + timedelta(hours=4)),
    FunnelRow(EntryState.WAITING, "FREQUENCY", 5, NOW + timedelta(days=4)),
    FunnelRow(EntryState.PARKED, "CEASE", 3),
)


def funnel_of(*rows: FunnelRow, total: int) -> Funnel:
    return Funnel(CampaignStatus.RUNNING, rows, total, ready=20, next_at=None, next_count=0)


def drawn(renderable: RenderableType, width: int = 80) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(renderable)
    return console.file.getvalue()


def test_a_sum_that_is_off_is_shown_and_not_hidden() -> None:
    text = drawn(render("demo", "dialing", funnel_of(*ROWS, total=329)))
    assert "not accounted for" in text
    assert "+1" in text


@pytest.mark.parametrize("nasty", ["\x1b[2J[red]", "[/]", "\u202e"])
def test_hostile_names_and_reasons_are_shown_as_text(nasty: str) -> None:
    text = drawn(render(nasty, nasty, funnel_of(FunnelRow(EntryState.PARKED, nasty, 1), total=1)))
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_campaign_without_accounts_says_what_to_do() -> None:
    assert "import a list" in drawn(render("demo", "dialing", funnel_of(total=0)))


def test_every_row_is_there_with_its_next_time_in_the_zone() -> None:
    text = drawn(render("demo", "2 lines for 2 agents", funnel_of(*ROWS, total=328), ZoneInfo("America/New_York")))
    lines = [" ".join(line.replace("█", "").split()) for line in text.splitlines()]
    assert "demo running" in lines
    assert "20 ready now" in lines
    assert "2 lines for 2 agents" in lines
    assert any(line.startswith("waiting no_answer 300") and line.endswith("Tue 3 Nov 14:00 EST") for line in lines)
    assert any(line.startswith("FREQUENCY 5") and line.endswith("Sat 7 Nov 10:00 EST") for line in lines)
    assert "all 328" in lines
    assert "not accounted for" not in text


@given(counts=st.lists(st.integers(1, 10**7), max_size=6))
def test_rows_that_add_up_show_no_difference(counts: list[int]) -> None:
    rows = [FunnelRow(EntryState.WAITING, f"R{n}", count) for n, count in enumerate(counts)]
    assert "not accounted for" not in drawn(render("demo", "", funnel_of(*rows, total=sum(counts))))
