"""The funnel on the terminal: it adds up, or says by how much it does not."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from reports.funnel import funnel_report, funnel_table

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 3, 15, tzinfo=UTC)


class State(StrEnum):
    READY = "ready"
    WAITING = "waiting"
    PARKED = "parked"


@dataclass(frozen=True)
class Row:
    state: State
    reason: str | None
    count: int
    next_at: datetime | None = None


ROWS = [
    Row(State.READY, None, 20),
    Row(State.WAITING, "no_answer", 300, NOW + timedelta(hours=4)),
    Row(State.WAITING, "CALL_WINDOW", 12, NOW + timedelta(hours=18)),
    Row(State.WAITING, "FREQUENCY", 5, NOW + timedelta(days=4)),
    Row(State.PARKED, "CEASE", 3),
]


def drawn(renderable: object) -> str:
    console = Console(file=StringIO(), width=100)
    console.print(renderable)
    return console.file.getvalue()


def test_a_sum_that_is_off_is_shown_and_not_hidden() -> None:
    text = drawn(funnel_table(ROWS, 341, NOW, UTC))
    assert "not accounted for" in text
    assert "+1" in text


def test_a_hostile_reason_is_shown_as_text() -> None:
    text = drawn(funnel_table([Row(State.PARKED, "\x1b[2J[red]", 1)], 1, NOW, UTC))
    assert "\x1b" not in text
    assert "[red]" in text


def test_a_campaign_without_accounts_says_what_to_do() -> None:
    assert "import a list" in drawn(funnel_report("demo", "", [], 0, NOW, UTC))


def test_every_row_is_there_with_its_next_time_in_the_zone() -> None:
    text = drawn(funnel_report("demo", "20 ready now", ROWS, 340, NOW, ZoneInfo("America/New_York")))
    lines = [" ".join(line.split()).replace("█", "") for line in text.splitlines()]
    assert "demo at 10:00 EST" in lines
    assert "20 ready now" in lines
    assert any(line.startswith("waiting no_answer 300") and line.endswith(" 14:00") for line in lines)
    assert any(line.startswith("CALL_WINDOW 12") and line.endswith("tomorrow 04:00") for line in lines)
    assert any(line.startswith("FREQUENCY 5") and line.endswith("Sat 7 Nov 10:00") for line in lines)
    assert "all 340" in lines
    assert "not accounted for" not in text


@given(counts=st.lists(st.integers(0, 10**7), max_size=6))
def test_rows_that_add_up_show_no_difference(counts: list[int]) -> None:
    rows = [Row(State.WAITING, f"R{n}", count) for n, count in enumerate(counts)]
    assert "not accounted for" not in drawn(funnel_table(rows, sum(counts), NOW, UTC))
